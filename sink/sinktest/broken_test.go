package sinktest_test

import (
	"bytes"
	"context"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/sink/memsink"
	"github.com/exportyard/exportyard/sink/sinktest"
)

// broken is a memsink with leftovers, whose parts a fault replaces. With no
// fault it keeps every rule.
type broken struct {
	mem *memsink.Sink

	create func(ctx context.Context, key string, opts *sink.CreateOptions) (sink.Writer, error)
	open   func(ctx context.Context, key string, offset, length int64) (sink.Reader, error)
	list   func(ctx context.Context, prefix string) iter.Seq2[sink.Object, error]
	delete func(ctx context.Context, key string) error
	clean  func(prefix string, before time.Time) int
	wrap   func(w *brokenWriter) // changes each writer

	mu        sync.Mutex
	leftovers map[string]time.Time
	extra     int // leftovers that a fault makes
}

func newBroken(fault func(*broken)) *broken {
	mem, err := memsink.New(nil)
	if err != nil {
		panic(err)
	}
	b := &broken{mem: mem, leftovers: make(map[string]time.Time)}
	b.create, b.open, b.list, b.delete, b.clean = mem.Create, mem.Open, mem.List, mem.Delete, b.removeLeftovers
	b.wrap = func(*brokenWriter) {}
	fault(b)
	return b
}

func (b *broken) harness() sinktest.Harness {
	return sinktest.Harness{Sink: b, Leftovers: b.countLeftovers, Abandon: b.abandon}
}

func (b *broken) countLeftovers(context.Context) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.leftovers) + b.mem.Unfinished() + b.extra, nil
}

func (b *broken) abandon(_ context.Context, key string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leftovers[key] = time.Now()
	return nil
}

func (b *broken) removeLeftovers(prefix string, before time.Time) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for key, at := range b.leftovers {
		if strings.HasPrefix(key, prefix) && at.Before(before) {
			delete(b.leftovers, key)
			n++
		}
	}
	return n
}

func (b *broken) Create(ctx context.Context, key string, opts *sink.CreateOptions) (sink.Writer, error) {
	w, err := b.create(ctx, key, opts)
	if err != nil {
		return nil, err
	}
	bw := &brokenWriter{key: key, write: w.Write, commit: w.Commit, abort: w.Abort}
	if opts != nil {
		bw.hint = opts.SizeHint
	}
	b.wrap(bw)
	return bw, nil
}

func (b *broken) Open(ctx context.Context, key string, offset, length int64) (sink.Reader, error) {
	return b.open(ctx, key, offset, length)
}

func (b *broken) List(ctx context.Context, prefix string) iter.Seq2[sink.Object, error] {
	return b.list(ctx, prefix)
}

func (b *broken) Delete(ctx context.Context, key string) error { return b.delete(ctx, key) }

func (b *broken) Clean(_ context.Context, prefix string, before time.Time) (int, error) {
	return b.clean(prefix, before), nil
}

// brokenWriter passes everything on until a fault replaces a func.
type brokenWriter struct {
	key    string
	hint   int64
	write  func(p []byte) (int, error)
	commit func() error
	abort  func() error
}

func (w *brokenWriter) Write(p []byte) (int, error) { return w.write(p) }
func (w *brokenWriter) Commit() error               { return w.commit() }
func (w *brokenWriter) Abort() error                { return w.abort() }

// brokenReader replaces what a reader says and gives.
type brokenReader struct {
	io.Reader
	object sink.Object
}

func (r brokenReader) Close() error        { return nil }
func (r brokenReader) Object() sink.Object { return r.object }

// collect makes every writer keep its bytes and hand them to finish at Commit.
func (b *broken) collect(finish func(w *brokenWriter, data []byte) error) {
	b.wrap = func(w *brokenWriter) {
		var data []byte
		write, commit := w.write, w.commit
		w.write = func(p []byte) (int, error) {
			data = append(data, p...)
			return write(p)
		}
		w.commit = func() error {
			if err := commit(); err != nil {
				return err
			}
			return finish(w, data)
		}
	}
}

// sorted lists with another order.
func (b *broken) sorted(compare func(x, y sink.Object) int) {
	b.list = func(ctx context.Context, prefix string) iter.Seq2[sink.Object, error] {
		var all []sink.Object
		for obj, err := range b.mem.List(ctx, prefix) {
			if err == nil {
				all = append(all, obj)
			}
		}
		slices.SortStableFunc(all, compare)
		return func(yield func(sink.Object, error) bool) {
			for _, obj := range all {
				if !yield(obj, nil) {
					return
				}
			}
		}
	}
}

// detached is the sink with contexts that are never canceled.
func detached(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

// emptyReader is a reader of nothing.
func emptyReader(key string) sink.Reader {
	return brokenReader{Reader: bytes.NewReader(nil), object: sink.Object{Key: key}}
}

// replaceAtCommit makes a sink whose writers put their bytes over what is there.
func (b *broken) replaceAtCommit() {
	b.create = func(_ context.Context, key string, _ *sink.CreateOptions) (sink.Writer, error) {
		var data []byte
		return &brokenWriter{
			key:    key,
			write:  func(p []byte) (int, error) { data = append(data, p...); return len(p), nil },
			commit: func() error { b.mem.Put(key, data); return nil },
			abort:  func() error { return nil },
		}, nil
	}
}
