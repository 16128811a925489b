package filesink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/exportyard/exportyard/sink"
)

var (
	_ sink.Sink    = (*Sink)(nil)
	_ sink.Cleaner = (*Sink)(nil)
)

// Options adjust a Sink.
type Options struct {
	// FileMode is the permission bits of objects. Default: 0600.
	FileMode fs.FileMode
	// FolderMode is the permission bits of folders. Default: 0700.
	FolderMode fs.FileMode
}

// A Sink keeps objects as files. It is safe for concurrent use, also by
// several processes on one folder.
type Sink struct {
	root  *os.Root
	files files
	live  sync.Map // names of the temporary files of this Sink's writers
}

// New opens the folder dir, which is made if it is not there. The error wraps
// [sink.ErrDenied] when it cannot be opened for want of permission.
func New(dir string, opts *Options) (*Sink, error) {
	o := Options{FileMode: 0o600, FolderMode: 0o700}
	if opts != nil && opts.FileMode != 0 {
		o.FileMode = opts.FileMode
	}
	if opts != nil && opts.FolderMode != 0 {
		o.FolderMode = opts.FolderMode
	}
	if dir == "" {
		return nil, errors.New("filesink: the name of the folder is empty")
	}
	if bad := (o.FileMode | o.FolderMode) &^ fs.ModePerm; bad != 0 {
		return nil, fmt.Errorf("filesink: %v are not permission bits", bad)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("filesink: %w", err)
	}
	if err := makeFolder(dir, o.FolderMode); err != nil {
		return nil, wrap("make the folder", dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, wrap("open the folder", dir, err)
	}
	return &Sink{root: root, files: &disk{root, o.FileMode, o.FolderMode}}, nil
}

// makeFolder makes dir and what is missing above it, durably.
func makeFolder(dir string, mode fs.FileMode) error {
	var grown []string // folders that get a new entry
	for missing := dir; ; missing = filepath.Dir(missing) {
		if _, err := os.Stat(missing); !errors.Is(err, fs.ErrNotExist) || missing == filepath.Dir(missing) {
			break
		}
		grown = append(grown, filepath.Dir(missing))
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return err
	}
	for _, folder := range grown {
		root, err := os.OpenRoot(folder)
		if err != nil {
			return err
		}
		err = errors.Join((&disk{root: root}).SyncFolder("."), root.Close())
		if err != nil {
			return err
		}
	}
	return nil
}

// Close releases the folder. Writers and readers must have ended before.
func (s *Sink) Close() error { return s.root.Close() }

// Open reads an object or a range of it, see [sink.Sink].
func (s *Sink) Open(ctx context.Context, key string, offset, length int64) (sink.Reader, error) {
	if err := check(ctx, "open", key); err != nil {
		return nil, err
	}
	if offset < 0 {
		return nil, fmt.Errorf("filesink: open %q: the offset %d is below zero", key, offset)
	}
	// Before it is opened: to open a named pipe would wait for its writer.
	if info, err := s.root.Lstat(key); err != nil {
		return nil, wrapMissing("open", key, err)
	} else if !info.Mode().IsRegular() {
		return nil, wrapMissing("open", key, fs.ErrNotExist)
	}
	f, err := s.root.Open(key)
	if err != nil {
		return nil, wrapMissing("open", key, err)
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.Seek(offset, io.SeekStart)
	}
	if err != nil {
		_ = f.Close()
		return nil, wrap("open", key, err)
	}
	r := &reader{ctx: ctx, file: f, bytes: f, object: describe(key, info)}
	if length >= 0 {
		r.bytes = io.LimitReader(f, length)
	}
	return r, nil
}

// Delete removes an object, durably, and the folders that it leaves empty, see
// [sink.Sink].
func (s *Sink) Delete(ctx context.Context, key string) error {
	if err := check(ctx, "delete", key); err != nil {
		return err
	}
	info, err := s.root.Lstat(key)
	if err == nil {
		if !info.Mode().IsRegular() {
			return nil // a folder or a link is no object
		}
		err = s.files.Remove(key)
	}
	if missing(err) {
		return nil
	}
	if err != nil {
		return wrap("delete", key, err)
	}
	folder := s.prune(path.Dir(key))
	for {
		err := s.files.SyncFolder(folder)
		if !missing(err) || folder == "." {
			return wrap("delete", key, err)
		}
		folder = path.Dir(folder) // another Delete has pruned more
	}
}

// prune removes folder and those above it, as far as they are empty, and
// returns the first that stays. To remove one that is not empty is refused by
// the system, so it takes no lock; Create makes a folder anew that vanishes.
func (s *Sink) prune(folder string) string {
	for folder != "." && s.files.Remove(folder) == nil {
		folder = path.Dir(folder)
	}
	return folder
}

func describe(key string, info fs.FileInfo) sink.Object {
	return sink.Object{Key: key, Size: info.Size(), ModTime: info.ModTime()}
}

func check(ctx context.Context, verb, key string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("filesink: %s: %w", verb, err)
	}
	if err := sink.ValidKey(key); err != nil {
		return fmt.Errorf("filesink: %s: %w", verb, err)
	}
	return nil
}

// missing reports whether err means that there is no such file: also when what
// should be a folder above it is a file.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// wrap puts err in words and adds the contract's own for its cause.
func wrap(verb, name string, err error) error {
	switch {
	case err == nil:
		return nil
	case full(err):
		return fmt.Errorf("filesink: %s %q: %w: %w", verb, name, sink.ErrFull, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("filesink: %s %q: %w: %w", verb, name, sink.ErrDenied, err)
	}
	return fmt.Errorf("filesink: %s %q: %w", verb, name, err)
}

// wrapMissing is wrap where a missing file means that there is no object.
func wrapMissing(verb, key string, err error) error {
	if missing(err) {
		return fmt.Errorf("filesink: %s %q: %w", verb, key, sink.ErrNotFound)
	}
	return wrap(verb, key, err)
}

// reader reads a range of an object.
type reader struct {
	ctx    context.Context // bounds the reader's life
	file   *os.File
	bytes  io.Reader
	object sink.Object
}

var _ sink.Reader = (*reader)(nil)

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, fmt.Errorf("filesink: read %q: %w", r.object.Key, err)
	}
	n, err := r.bytes.Read(p)
	if err != nil && err != io.EOF {
		err = wrap("read", r.object.Key, err)
	}
	return n, err
}

func (r *reader) Close() error { return wrap("close", r.object.Key, r.file.Close()) }

func (r *reader) Object() sink.Object { return r.object }
