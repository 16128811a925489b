package export_test

import (
	"context"
	"iter"

	"github.com/exportyard/exportyard/sink"
)

// A faultySink asks fail before each operation: create, write, commit, open,
// read, list, delete.
type faultySink struct {
	sink.Sink
	fail func(op, key string) error
	// after is called when an operation has succeeded.
	after func(op, key string)
}

func (s *faultySink) done(op, key string) {
	if s.after != nil {
		s.after(op, key)
	}
}

func (s *faultySink) Create(ctx context.Context, key string, o *sink.CreateOptions) (sink.Writer, error) {
	if err := s.fail("create", key); err != nil {
		return nil, err
	}
	w, err := s.Sink.Create(ctx, key, o)
	if err != nil {
		return nil, err
	}
	return &faultyWriter{Writer: w, sink: s, key: key}, nil
}

func (s *faultySink) Open(ctx context.Context, key string, offset, length int64) (sink.Reader, error) {
	if err := s.fail("open", key); err != nil {
		return nil, err
	}
	r, err := s.Sink.Open(ctx, key, offset, length)
	if err != nil {
		return nil, err
	}
	return &faultyReader{Reader: r, sink: s, key: key}, nil
}

func (s *faultySink) List(ctx context.Context, prefix string) iter.Seq2[sink.Object, error] {
	return func(yield func(sink.Object, error) bool) {
		if err := s.fail("list", prefix); err != nil {
			yield(sink.Object{}, err)
			return
		}
		s.Sink.List(ctx, prefix)(yield)
	}
}

func (s *faultySink) Delete(ctx context.Context, key string) error {
	if err := s.fail("delete", key); err != nil {
		return err
	}
	return s.Sink.Delete(ctx, key)
}

type faultyWriter struct {
	sink.Writer
	sink *faultySink
	key  string
}

func (w *faultyWriter) Write(p []byte) (int, error) {
	if err := w.sink.fail("write", w.key); err != nil {
		return 0, err
	}
	return w.Writer.Write(p)
}

func (w *faultyWriter) Commit() error {
	if err := w.sink.fail("commit", w.key); err != nil {
		return err
	}
	err := w.Writer.Commit()
	if err == nil {
		w.sink.done("commit", w.key)
	}
	return err
}

type faultyReader struct {
	sink.Reader
	sink *faultySink
	key  string
}

func (r *faultyReader) Read(p []byte) (int, error) {
	if err := r.sink.fail("read", r.key); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
