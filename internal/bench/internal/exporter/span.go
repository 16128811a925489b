package main

import (
	"context"
	"sync"

	"github.com/exportyard/exportyard/internal/bench/internal/task"
	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/source"
)

// A span is the time from the first opening of a source to the first commit of an
// object: what an export takes without the plan and the reading back.
type span struct {
	sync.Mutex
	here              func() task.Point
	opened, committed bool
	from, to          task.Point
}

func (s *span) open() {
	s.Lock()
	defer s.Unlock()
	if !s.opened {
		s.opened, s.from = true, s.here()
	}
}

func (s *span) commit() {
	s.Lock()
	defer s.Unlock()
	if s.opened && !s.committed { // the engine tries the destination first
		s.committed, s.to = true, s.here()
	}
}

// A watchedSource tells the span when it is opened.
type watchedSource struct {
	source.Source
	*span
}

func (w watchedSource) Open(ctx context.Context, q source.Query) (source.Reader, error) {
	w.open()
	return w.Source.Open(ctx, q)
}

// Count passes on what the plan asks.
func (w watchedSource) Count(ctx context.Context, q source.Query) (int64, error) {
	if c, ok := w.Source.(source.Counter); ok {
		return c.Count(ctx, q)
	}
	return 0, source.ErrUnsupported
}

// Snapshot passes on the source at one instant, which is watched too.
func (w watchedSource) Snapshot(ctx context.Context, name string) (source.Snapshot, error) {
	snap, err := source.SnapshotOf(ctx, w.Source, name)
	if err != nil {
		return nil, err
	}
	return watchedSnapshot{watchedSource{snap, w.span}, snap}, nil
}

type watchedSnapshot struct {
	watchedSource
	snapshot source.Snapshot
}

func (w watchedSnapshot) Name() string { return w.snapshot.Name() }

func (w watchedSnapshot) Close() error { return w.snapshot.Close() }

// A watchedSink tells the span when an object is committed.
type watchedSink struct {
	sink.Sink
	*span
}

func (w watchedSink) Create(ctx context.Context, key string, opts *sink.CreateOptions) (sink.Writer, error) {
	out, err := w.Sink.Create(ctx, key, opts)
	if err != nil {
		return nil, err
	}
	return watchedWriter{out, w.span}, nil
}

type watchedWriter struct {
	sink.Writer
	*span
}

func (w watchedWriter) Commit() error {
	err := w.Writer.Commit()
	w.commit()
	return err
}
