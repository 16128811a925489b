package blobsink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/exportyard/exportyard/sink"
)

var (
	_ sink.Sink    = (*Sink)(nil)
	_ sink.Cleaner = (*Sink)(nil)
)

// minPart is the least size in bytes of a part of an upload in several.
const minPart = 5 << 20

// Options adjust a Sink.
type Options struct {
	// PartSize is the least size of a part in bytes. Default: 8 MiB; at least
	// 5 MiB, which S3 demands.
	PartSize int
	// MaxParts is how many parts a file may have. Default: 9,000, which leaves
	// room below the 10,000 of S3.
	MaxParts int
	// Concurrency is how many parts of a file are sent at once, while the next
	// is filled. Default: 1.
	Concurrency int
	// Budget bounds the memory of uploads; share one among all sinks of a process.
	// Default: nil, each upload takes what it needs.
	Budget *Budget
	// AbortTimeout is how long Abort may take to clean up. Default: 30 seconds.
	AbortTimeout time.Duration
	// Unconditional says that the store refuses conditional writes. Default:
	// false.
	Unconditional bool
	// Uploads finds unfinished uploads in a store that keeps such: for S3 use
	// package s3uploads. Default: nil, what a canceled upload or a killed process
	// leaves is the driver's and the store's affair.
	Uploads Uploads
}

// Uploads are the unfinished uploads that a bucket keeps.
type Uploads interface {
	// List gives those whose keys begin with prefix. After an error it ends.
	List(ctx context.Context, prefix string) iter.Seq2[Upload, error]
	// Abandon throws one away. One that is gone already is no error.
	Abandon(ctx context.Context, u Upload) error
}

// An Upload is one that was begun and not completed.
type Upload struct {
	Key string
	// ID is the store's name for the upload.
	ID      string
	Started time.Time
}

// A Sink keeps objects in a bucket. It is safe for concurrent use.
type Sink struct {
	bucket *blob.Bucket
	opts   Options
	folder bool // the bucket is one of fileblob
	keys   keyLocks
}

// New makes a sink of an open bucket, which stays the caller's to close.
func New(bucket *blob.Bucket, opts *Options) (*Sink, error) {
	if bucket == nil {
		return nil, errors.New("blobsink: there is no bucket")
	}
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.PartSize == 0 {
		o.PartSize = 8 << 20
	}
	if o.MaxParts == 0 {
		o.MaxParts = 9000
	}
	if o.Concurrency == 0 {
		o.Concurrency = 1
	}
	if o.AbortTimeout == 0 {
		o.AbortTimeout = 30 * time.Second
	}
	switch {
	case o.PartSize < minPart:
		return nil, fmt.Errorf("blobsink: parts of %d bytes are below the least of %d", o.PartSize, minPart)
	case o.MaxParts < 1 || o.Concurrency < 1 || o.AbortTimeout < 0:
		return nil, fmt.Errorf("blobsink: %d parts, %d at once, %v to abort: each must be above zero",
			o.MaxParts, o.Concurrency, o.AbortTimeout)
	}
	s := &Sink{bucket: bucket, opts: o, folder: isFolder(bucket)}
	if err := s.affords(o.PartSize); err != nil {
		return nil, fmt.Errorf("blobsink: %w", err)
	}
	return s, nil
}

// affords says with an error that an upload in parts of that size would wait for
// ever.
func (s *Sink) affords(partSize int) error {
	if b := s.opts.Budget; b != nil && s.memory(partSize) > b.total {
		return fmt.Errorf("an upload in parts of %d bytes needs %d bytes of memory, the budget is %d", partSize, s.memory(partSize), b.total)
	}
	return nil
}

// Open reads an object or a range of it, see [sink.Sink].
func (s *Sink) Open(ctx context.Context, key string, offset, length int64) (sink.Reader, error) {
	if err := s.check(ctx, "open", key); err != nil {
		return nil, err
	}
	if offset < 0 {
		return nil, fmt.Errorf("blobsink: open %q: the offset %d is below zero", key, offset)
	}
	if s.folder && s.noObject(ctx, key) {
		return nil, fmt.Errorf("blobsink: open %q: %w", key, sink.ErrNotFound)
	}
	if length == 0 {
		return s.openNothing(ctx, key)
	}
	r, err := s.openRange(ctx, key, offset, max(length, -1))
	if err == nil {
		return newReader(ctx, s, key, r, offset, length), nil
	}
	// Some stores refuse a range without a byte in it.
	if !missing(err) && ctx.Err() == nil {
		if r, statErr := s.openNothing(ctx, key); statErr == nil && r.Object().Size <= offset {
			return r, nil
		}
	}
	return nil, wrapMissing("open", key, err)
}

// openNothing opens an object of which no byte is wanted.
func (s *Sink) openNothing(ctx context.Context, key string) (sink.Reader, error) {
	attrs, err := s.bucket.Attributes(ctx, key)
	if err != nil {
		return nil, wrapMissing("open", key, err)
	}
	obj := sink.Object{Key: key, Size: attrs.Size, ModTime: attrs.ModTime}
	return &reader{ctx: ctx, blob: io.NopCloser(strings.NewReader("")), object: obj}, nil
}

// List gives the objects under prefix, see [sink.Sink]. What the bucket holds
// under keys that are not valid is passed over.
func (s *Sink) List(ctx context.Context, prefix string) iter.Seq2[sink.Object, error] {
	return func(yield func(sink.Object, error) bool) {
		for obj, err := range s.blobs(ctx, prefix) {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(sink.Object{}, wrap("list", prefix, err))
				return
			}
			if obj.IsDir || sink.ValidKey(obj.Key) != nil || s.folder && isTemp(obj.Key) {
				continue
			}
			if !yield(sink.Object{Key: obj.Key, Size: obj.Size, ModTime: obj.ModTime}, nil) {
				return
			}
		}
	}
}

// blobs gives what the bucket holds under prefix, in ascending order.
func (s *Sink) blobs(ctx context.Context, prefix string) iter.Seq2[*blob.ListObject, error] {
	if strings.Contains("/"+prefix, "/.") || strings.Contains("/"+prefix, "//") {
		return func(func(*blob.ListObject, error) bool) {} // no valid key begins so
	}
	if s.folder {
		return s.sortedBlobs(ctx, prefix)
	}
	return func(yield func(*blob.ListObject, error) bool) {
		for list := s.bucket.List(&blob.ListOptions{Prefix: prefix}); ; {
			obj, err := list.Next(ctx)
			if err == nil {
				err = ctx.Err() // which some drivers never ask for
			}
			if err == io.EOF && ctx.Err() == nil {
				return
			}
			if !yield(obj, err) || err != nil {
				return
			}
		}
	}
}

// Delete removes an object, see [sink.Sink].
func (s *Sink) Delete(ctx context.Context, key string) error {
	if err := s.check(ctx, "delete", key); err != nil {
		return err
	}
	if s.folder && s.noObject(ctx, key) {
		return nil
	}
	err := s.bucket.Delete(ctx, key)
	if missing(err) {
		return nil
	}
	return wrap("delete", key, err)
}

// Clean abandons the uploads under prefix that were begun before the given
// time, see [sink.Cleaner].
func (s *Sink) Clean(ctx context.Context, prefix string, before time.Time) (int, error) {
	n := 0
	if s.folder {
		removed, err := s.cleanFolder(ctx, prefix, before)
		if err != nil {
			return removed, wrap("clean", prefix, err)
		}
		n += removed
	}
	if s.opts.Uploads == nil {
		return n, nil
	}
	for u, err := range s.opts.Uploads.List(ctx, prefix) {
		if err == nil && u.Started.Before(before) {
			err = s.opts.Uploads.Abandon(ctx, u)
			n++
		}
		if err != nil {
			return n, wrap("clean", prefix, err)
		}
	}
	return n, nil
}

func (s *Sink) check(ctx context.Context, verb, key string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("blobsink: %s: %w", verb, err)
	}
	if err := sink.ValidKey(key); err != nil {
		return fmt.Errorf("blobsink: %s: %w", verb, err)
	}
	if s.folder && isTemp(key) {
		return fmt.Errorf("blobsink: %s %q, which looks like a temporary file: %w", verb, key, sink.ErrKey)
	}
	return nil
}

// missing reports whether err means that there is no such object.
func missing(err error) bool {
	return err != nil && (gcerrors.Code(err) == gcerrors.NotFound || isNoFolder(err))
}
