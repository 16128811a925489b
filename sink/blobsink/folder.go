package blobsink

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"gocloud.dev/blob"
)

// What is peculiar to fileblob is here.

// isFolder reports whether a bucket is one of fileblob, by what it says it is.
func isFolder(bucket *blob.Bucket) bool {
	var info os.FileInfo
	return bucket.As(&info)
}

// temp is how fileblob names the files it writes into, with NoTempDir beside
// their places, where it lists them like any other.
var temp = regexp.MustCompile(`\.[0-9a-f]{16}\.tmp$`)

func isTemp(key string) bool { return temp.MatchString(key) }

// noObject reports whether key is a folder, which fileblob would open and
// even delete.
func (s *Sink) noObject(ctx context.Context, key string) bool {
	attrs, err := s.bucket.Attributes(ctx, key)
	if err != nil {
		return missing(err)
	}
	var info os.FileInfo
	return attrs.As(&info) && !info.Mode().IsRegular()
}

// sortedBlobs lists in order what fileblob lists folder by folder. Its pages
// begin behind the last key of the one before, so out of order they lose
// objects; it is asked for one that holds everything.
func (s *Sink) sortedBlobs(ctx context.Context, prefix string) iter.Seq2[*blob.ListObject, error] {
	return func(yield func(*blob.ListObject, error) bool) {
		page, err := s.onePage(ctx, prefix)
		slices.SortFunc(page, func(a, b *blob.ListObject) int { return cmp.Compare(a.Key, b.Key) })
		for _, obj := range page {
			if !yield(obj, nil) {
				return
			}
		}
		if err := errors.Join(err, ctx.Err()); err != nil {
			yield(nil, err)
		}
	}
}

// onePage lists all that is under prefix. A file that vanishes while fileblob
// looks at it spoils the listing, which is begun anew.
func (s *Sink) onePage(ctx context.Context, prefix string) ([]*blob.ListObject, error) {
	const tries = 1000
	var failed error
	size := 1 << 14
	for range tries {
		page, more, err := s.bucket.ListPage(ctx, blob.FirstPageToken, size, &blob.ListOptions{Prefix: prefix})
		switch failed = errors.Join(err, ctx.Err()); {
		case failed == nil && len(more) == 0:
			return page, nil
		case failed == nil:
			size *= 8
		case !missing(err):
			return nil, failed
		}
	}
	return nil, failed
}

// cleanFolder removes old temporary files.
func (s *Sink) cleanFolder(ctx context.Context, prefix string, before time.Time) (int, error) {
	n := 0
	for obj, err := range s.blobs(ctx, prefix) {
		if err != nil {
			return n, err
		}
		key := temp.ReplaceAllString(obj.Key, "")
		if !isTemp(obj.Key) || !strings.HasPrefix(key, prefix) || !obj.ModTime.Before(before) {
			continue
		}
		if err := s.bucket.Delete(ctx, obj.Key); err != nil && !missing(err) {
			return n, err
		}
		n++
	}
	return n, nil
}

// isNoFolder reports whether err says that an object is where a folder should be.
func isNoFolder(err error) bool { return errors.Is(err, syscall.ENOTDIR) }

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
