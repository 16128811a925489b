package filesink

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/exportyard/exportyard/sink"
)

// List gives the objects under prefix, see [sink.Sink]. Files whose path is no
// valid key are passed over.
func (s *Sink) List(ctx context.Context, prefix string) iter.Seq2[sink.Object, error] {
	return func(yield func(sink.Object, error) bool) {
		if folder, ok := folderOf(prefix); ok {
			s.listFolder(ctx, folder, prefix, yield)
		}
	}
}

// folderOf returns the folder that all keys with this prefix are below, and
// false when there cannot be any.
func folderOf(prefix string) (string, bool) {
	i := strings.LastIndexByte(prefix, '/')
	if i < 0 {
		return ".", true
	}
	return prefix[:i], sink.ValidKey(prefix[:i]) == nil
}

// listFolder yields the objects of one folder and those below it, and reports
// whether the caller wants more.
func (s *Sink) listFolder(ctx context.Context, folder, prefix string, yield func(sink.Object, error) bool) bool {
	var names []string
	err := s.scan(ctx, folder, func(d fs.DirEntry) {
		name := path.Join(folder, d.Name())
		// A folder sorts by the keys below it: "a.csv" comes before "a/b.csv".
		if d.IsDir() {
			name += "/"
		}
		valid := sink.ValidKey(strings.TrimSuffix(name, "/")) == nil
		if valid && strings.HasPrefix(name, prefix) && (d.IsDir() || d.Type().IsRegular()) {
			names = append(names, name)
		}
	})
	if err != nil {
		yield(sink.Object{}, wrap("list", prefix, err))
		return false
	}
	slices.Sort(names)
	for _, name := range names {
		if below, ok := strings.CutSuffix(name, "/"); ok {
			if !s.listFolder(ctx, below, prefix, yield) {
				return false
			}
			continue
		}
		info, err := s.root.Lstat(name)
		if missing(err) {
			continue // deleted since the folder was read
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			yield(sink.Object{}, wrap("list", prefix, err))
			return false
		}
		if !yield(describe(name, info), nil) {
			return false
		}
	}
	return true
}

// scan calls visit for each entry of a folder. One that is not there has none.
func (s *Sink) scan(ctx context.Context, folder string, visit func(fs.DirEntry)) error {
	const batch = 1024
	f, err := s.root.Open(folder)
	if missing(err) {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		entries, err := f.ReadDir(batch)
		for _, d := range entries {
			visit(d)
		}
		if err == io.EOF || missing(err) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Clean removes the temporary files of dead writers, and empty folders, see
// [sink.Cleaner].
func (s *Sink) Clean(ctx context.Context, prefix string, before time.Time) (int, error) {
	folder, ok := folderOf(prefix)
	if !ok {
		return 0, nil
	}
	n, err := s.cleanFolder(ctx, folder, prefix, before)
	return n, wrap("clean", prefix, err)
}

func (s *Sink) cleanFolder(ctx context.Context, folder, prefix string, before time.Time) (int, error) {
	removed, empty := 0, true
	var leftovers, folders []string
	err := s.scan(ctx, folder, func(d fs.DirEntry) {
		name := path.Join(folder, d.Name())
		segment, temp := leftover(d.Name())
		switch {
		case d.IsDir() && strings.HasPrefix(name+"/", prefix) && sink.ValidKey(name) == nil:
			folders = append(folders, name)
		case temp && d.Type().IsRegular() && strings.HasPrefix(path.Join(folder, segment), prefix):
			leftovers = append(leftovers, name)
		default:
			empty = false
		}
	})
	if err != nil {
		return 0, err
	}
	info, err := s.files.Stat(folder)
	aged := err == nil && info.ModTime().Before(before)
	for _, name := range leftovers {
		ok, err := s.cleanFile(name, before)
		if err != nil {
			return removed, err
		}
		if ok {
			removed++
		}
	}
	if empty && (aged || removed > 0) {
		defer s.prune(folder)
	}
	for _, name := range folders {
		n, err := s.cleanFolder(ctx, name, prefix, before)
		removed += n
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// cleanFile removes a temporary file if it is old and its writer is gone.
func (s *Sink) cleanFile(name string, before time.Time) (bool, error) {
	if _, ok := s.live.Load(name); ok {
		return false, nil
	}
	f, err := s.root.OpenFile(name, os.O_RDWR, 0)
	if missing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || !info.ModTime().Before(before) || lockedElsewhere(lock(f)) {
		return false, err
	}
	err = s.files.Remove(name)
	if missing(err) {
		return false, nil
	}
	return err == nil, err
}
