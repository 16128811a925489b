package matrix_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/sink"
)

// A mortal process makes so many calls of its store and sink and then is dead: of
// the last call it never learns the answer, and of later ones nothing is done. A
// call counts when it begins, and once more when it has had its effect.
type mortal struct {
	die  int // at which count; 0 for never
	dead chan struct{}

	mu    sync.Mutex
	count int
	last  string
}

func newMortal(die int) *mortal { return &mortal{die: die, dead: make(chan struct{})} }

// What a dead process is told. The store's makes it give up at once.
var (
	errDead      = errors.New("this process is dead")
	errDeadStore = fmt.Errorf("%w: %w", errDead, queue.ErrFenced)
)

// lives counts a step and reports whether it is still taken.
func (m *mortal) lives(step string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.died() {
		return false
	}
	m.count++
	m.last = step
	if m.count == m.die {
		close(m.dead)
		return false
	}
	return true
}

func (m *mortal) died() bool {
	select {
	case <-m.dead:
		return true
	default:
		return false
	}
}

// call makes a call whose answer is a value.
func call[T any](m *mortal, name string, dead error, fn func() (T, error)) (T, error) {
	var none T
	if !m.lives("before " + name) {
		return none, dead
	}
	v, err := fn()
	if !m.lives("after " + name) {
		return none, dead
	}
	return v, err
}

func (m *mortal) do(name string, fn func() error) error {
	_, err := call(m, name, errDead, func() (struct{}, error) { return struct{}{}, fn() })
	return err
}

// A mortalStore is a job store as the process uses it.
type mortalStore struct {
	queue.JobStore
	*mortal
}

func (s mortalStore) Create(ctx context.Context, j queue.NewJob, e []queue.Entry) (created queue.Job, existing bool, err error) {
	created, err = call(s.mortal, "store.Create", errDeadStore, func() (job queue.Job, err error) {
		job, existing, err = s.JobStore.Create(ctx, j, e)
		return job, err
	})
	return created, existing, err
}

func (s mortalStore) Get(ctx context.Context, tenant, id string) (queue.Job, error) {
	if s.died() { // looking changes nothing, and the test looks often
		return queue.Job{}, errDeadStore
	}
	return s.JobStore.Get(ctx, tenant, id)
}

func (s mortalStore) Parts(ctx context.Context, tenant, job string, after, limit int) ([]queue.Part, error) {
	return call(s.mortal, "store.Parts", errDeadStore, func() ([]queue.Part, error) { return s.JobStore.Parts(ctx, tenant, job, after, limit) })
}

func (s mortalStore) Update(ctx context.Context, u queue.Update, e []queue.Entry) (queue.Job, error) {
	return call(s.mortal, "store.Update", errDeadStore, func() (queue.Job, error) { return s.JobStore.Update(ctx, u, e) })
}

func (s mortalStore) Claim(ctx context.Context, c queue.Claim) ([]queue.Claimed, error) {
	return call(s.mortal, "store.Claim", errDeadStore, func() ([]queue.Claimed, error) { return s.JobStore.Claim(ctx, c) })
}

func (s mortalStore) Renew(ctx context.Context, r queue.Renew) ([]queue.Renewed, error) {
	return call(s.mortal, "store.Renew", errDeadStore, func() ([]queue.Renewed, error) { return s.JobStore.Renew(ctx, r) })
}

func (s mortalStore) Finish(ctx context.Context, f queue.Finish, e []queue.Entry) (queue.Job, error) {
	return call(s.mortal, "store.Finish", errDeadStore, func() (queue.Job, error) { return s.JobStore.Finish(ctx, f, e) })
}

func (s mortalStore) Due(ctx context.Context, limit int) ([]queue.Due, error) {
	return call(s.mortal, "store.Due", errDeadStore, func() ([]queue.Due, error) { return s.JobStore.Due(ctx, limit) })
}

// A mortalSink is a sink as the process uses it.
type mortalSink struct {
	sink.Sink
	*mortal
}

func (s mortalSink) Create(ctx context.Context, key string, o *sink.CreateOptions) (sink.Writer, error) {
	w, err := call(s.mortal, "sink.Create", errDead, func() (sink.Writer, error) { return s.Sink.Create(ctx, key, o) })
	if err != nil {
		return nil, err
	}
	return mortalWriter{w, s.mortal}, nil
}

func (s mortalSink) Open(ctx context.Context, key string, offset, length int64) (sink.Reader, error) {
	r, err := call(s.mortal, "sink.Open", errDead, func() (sink.Reader, error) { return s.Sink.Open(ctx, key, offset, length) })
	if err != nil {
		return nil, err
	}
	return mortalReader{r, s.mortal}, nil
}

func (s mortalSink) List(ctx context.Context, prefix string) iter.Seq2[sink.Object, error] {
	return func(yield func(sink.Object, error) bool) {
		for o, err := range s.Sink.List(ctx, prefix) {
			if !s.lives("sink.List") {
				yield(sink.Object{}, errDead)
				return
			}
			if !yield(o, err) {
				return
			}
		}
	}
}

func (s mortalSink) Delete(ctx context.Context, key string) error {
	return s.do("sink.Delete", func() error { return s.Sink.Delete(ctx, key) })
}

func (s mortalSink) Clean(ctx context.Context, prefix string, before time.Time) (int, error) {
	return call(s.mortal, "sink.Clean", errDead, func() (int, error) { return sink.Clean(ctx, s.Sink, prefix, before) })
}

type mortalWriter struct {
	sink.Writer
	*mortal
}

func (w mortalWriter) Write(p []byte) (int, error) {
	return call(w.mortal, "sink.Write", errDead, func() (int, error) { return w.Writer.Write(p) })
}

func (w mortalWriter) Commit() error { return w.do("sink.Commit", w.Writer.Commit) }

// Abort is not counted: mostly there is nothing to do. The dead do not clean up.
func (w mortalWriter) Abort() error {
	if w.died() {
		return nil
	}
	return w.Writer.Abort()
}

type mortalReader struct {
	sink.Reader
	*mortal
}

func (r mortalReader) Read(p []byte) (n int, err error) {
	if r.died() {
		return 0, errDead
	}
	return r.Reader.Read(p)
}
