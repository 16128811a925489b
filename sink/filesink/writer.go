package filesink

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/exportyard/exportyard/sink"
)

// ending is the end of the names of temporary files and of claims, which begin
// with a dot and the last segment of the key they belong to.
const ending = ".exportyard"

// tempName returns a new name beside key. With the longest segment that a key
// can have it is 239 bytes long, which every common file system takes.
func tempName(key string) string {
	folder, name := path.Split(key)
	return folder + "." + name + "." + rand.Text() + ending
}

// claimName returns the name of the file that guards a publishing by rename.
func claimName(key string) string {
	folder, name := path.Split(key)
	return folder + "." + name + ".claim" + ending
}

// leftover returns the last segment of the key that a temporary file or claim
// of this name is for, and whether it is one.
func leftover(name string) (segment string, ok bool) {
	name, dot := strings.CutPrefix(name, ".")
	name, end := strings.CutSuffix(name, ending)
	i := strings.LastIndexByte(name, '.')
	if !dot || !end || i < 1 {
		return "", false
	}
	return name[:i], true
}

// Create starts an object, see [sink.Sink].
func (s *Sink) Create(ctx context.Context, key string, _ *sink.CreateOptions) (sink.Writer, error) {
	if err := check(ctx, "create", key); err != nil {
		return nil, err
	}
	if _, err := s.files.Stat(key); err == nil {
		return nil, fmt.Errorf("filesink: create %q: %w", key, sink.ErrExists)
	}
	w := &writer{ctx: ctx, sink: s, key: key}
	err := errCleaned
	for n := 0; errors.Is(err, errCleaned) && n < tries; n++ {
		w.temp = tempName(key)
		s.live.Store(w.temp, nil)
		if w.file, err = s.createFile(w.temp); err != nil {
			s.live.Delete(w.temp)
		}
	}
	if err != nil {
		return nil, wrap("create", key, err)
	}
	return w, nil
}

// tries is how often a new file is made that others take away at once.
const tries = 100

// createFile makes a file and the folders above it. A Delete may take an empty
// folder away again in between, so it tries more than once.
func (s *Sink) createFile(name string) (file, error) {
	var failed error
	for range tries {
		f, err := s.files.Create(name)
		if !missing(err) {
			return f, err
		}
		failed = err
		if err := s.makeFolders(path.Dir(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return nil, failed
}

func (s *Sink) makeFolders(folder string) error {
	if folder == "." {
		return nil
	}
	for i, c := range folder + "/" {
		if c != '/' {
			continue
		}
		err := s.files.Mkdir(folder[:i])
		if errors.Is(err, fs.ErrExist) {
			err = s.expectFolder(folder[:i])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Sink) expectFolder(name string) error {
	info, err := s.files.Stat(name)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%q is no folder: %w", name, sink.ErrExists)
	}
	return err
}

// writer writes an object's bytes into a temporary file beside its place.
type writer struct {
	ctx  context.Context // bounds the writer's life
	sink *Sink
	key  string
	temp string
	file file
	err  error // why nothing can be committed anymore
	done bool
}

var _ sink.Writer = (*writer)(nil)

func (w *writer) Write(p []byte) (int, error) {
	if err := w.ready("write"); err != nil {
		return 0, err
	}
	n, err := w.file.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	w.err = wrap("write", w.key, err)
	return n, w.err
}

// Commit makes the bytes durable, then the name, see [sink.Writer].
func (w *writer) Commit() error {
	err := w.publish()
	if err != nil {
		return errors.Join(err, w.Abort())
	}
	return nil
}

func (w *writer) publish() error {
	if err := w.ready("commit"); err != nil {
		return err
	}
	files := w.sink.files
	// The time of the last write may lie far back, and Clean goes by it. Not
	// every file system can set it.
	_ = files.Touch(w.temp, time.Now())
	if err := w.file.Sync(); err != nil {
		return wrap("commit", w.key, err)
	}
	if err := w.ready("commit"); err != nil {
		return err
	}
	if err := w.name(); err != nil {
		return wrap("commit", w.key, err)
	}
	// What fails from here on must take the name away again.
	err := w.end()
	for folder := path.Dir(w.key); err == nil; folder = path.Dir(folder) {
		if err = files.SyncFolder(folder); folder == "." {
			break
		}
	}
	if missing(err) {
		if _, gone := files.Stat(w.key); missing(gone) {
			return nil // who saw the object has deleted it, and its folders with it
		}
	}
	if err != nil {
		_ = files.Remove(w.key)
		w.sink.prune(path.Dir(w.key))
	}
	return wrap("commit", w.key, err)
}

// name gives the file its final name unless that is taken.
func (w *writer) name() error {
	err := w.sink.files.Link(w.temp, w.key)
	if err != nil && noLinks(err) {
		err = w.rename()
	}
	if errors.Is(err, fs.ErrExist) {
		return sink.ErrExists
	}
	return err
}

// rename is name for a file system without hard links. A rename would replace
// what is there, so the right to do it is claimed first.
func (w *writer) rename() error {
	files, claim := w.sink.files, claimName(w.key)
	w.sink.live.Store(claim, nil)
	defer w.sink.live.Delete(claim)
	f, err := files.Create(claim)
	if err != nil {
		return err
	}
	defer func() {
		_ = files.Remove(claim)
		_ = f.Close()
	}()
	switch _, err := files.Stat(w.key); {
	case err == nil:
		return sink.ErrExists
	case errors.Is(err, fs.ErrNotExist):
		return files.Rename(w.temp, w.key)
	default:
		return err
	}
}

// Abort removes the temporary file, see [sink.Writer].
func (w *writer) Abort() error {
	if w.done {
		return nil
	}
	err := w.end()
	w.sink.prune(path.Dir(w.key))
	return wrap("abort", w.key, err)
}

// end removes the temporary name, where it still is, and releases the file.
func (w *writer) end() error {
	w.done = true
	err := w.sink.files.Remove(w.temp)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	// Every byte that counts was written back by Sync.
	_ = w.file.Close()
	w.sink.live.Delete(w.temp)
	return err
}

func (w *writer) ready(verb string) error {
	switch {
	case w.done:
		return fmt.Errorf("filesink: %s %q: the writer has ended", verb, w.key)
	case w.err != nil:
		return w.err
	case w.ctx.Err() != nil:
		w.err = fmt.Errorf("filesink: %s %q: %w", verb, w.key, w.ctx.Err())
		return w.err
	}
	return nil
}
