package memsink

import (
	"context"
	"fmt"

	"github.com/exportyard/exportyard/sink"
)

// writer collects the bytes of one object.
type writer struct {
	ctx  context.Context // bounds the writer's life
	sink *Sink
	key  string
	opts sink.CreateOptions
	data []byte
	err  error // why nothing can be committed anymore
	done bool
}

var _ sink.Writer = (*writer)(nil)

func (w *writer) Write(p []byte) (int, error) {
	if err := w.ready("write"); err != nil {
		return 0, err
	}
	if !w.sink.take(int64(len(p))) {
		w.err = fmt.Errorf("memsink: write %q: over the limit of %d bytes: %w", w.key, w.sink.limit, sink.ErrFull)
		return 0, w.err
	}
	w.data = append(w.data, p...)
	return len(p), nil
}

func (w *writer) Commit() error {
	err := w.publish()
	if err != nil {
		_ = w.Abort() // which cannot fail: a commit that fails leaves nothing behind
	}
	return err
}

func (w *writer) publish() error {
	if err := w.ready("commit"); err != nil {
		return err
	}
	s := w.sink
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.objects[w.key]; ok {
		return fmt.Errorf("memsink: commit %q: %w", w.key, sink.ErrExists)
	}
	s.objects[w.key] = stored{data: w.data, at: s.now(), opts: w.opts}
	s.unfinished--
	w.done, w.data = true, nil
	return nil
}

func (w *writer) Abort() error {
	if w.done {
		return nil
	}
	s := w.sink
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= int64(len(w.data))
	s.unfinished--
	w.done, w.data = true, nil
	return nil
}

func (w *writer) ready(verb string) error {
	switch {
	case w.done:
		return fmt.Errorf("memsink: %s %q: the writer has ended", verb, w.key)
	case w.err != nil:
		return w.err
	case w.ctx.Err() != nil:
		w.err = fmt.Errorf("memsink: %s %q: %w", verb, w.key, w.ctx.Err())
		return w.err
	}
	return nil
}

// take counts n more bytes against the limit and reports whether they fit.
func (s *Sink) take(n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limit > 0 && s.used+n > s.limit {
		return false
	}
	s.used += n
	return true
}
