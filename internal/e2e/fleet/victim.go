package fleet

import (
	"context"
	"iter"
	"os"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore"
	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/sink/blobsink"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource"
)

// Points are where a worker can be made to kill itself: before and after each call
// of its store and sink, by what the call is about. An object is a segment, a file
// that a seal has joined, or a manifest.
var Points = append(twice("source.Open", "source.Read",
	"store.Finish plan", "store.Finish rows", "store.Finish seal", "store.Renew", "store.Due", "store.Update",
	"sink.Create segment", "sink.Write segment", "sink.Commit segment",
	"sink.Create file", "sink.Write file", "sink.Commit file",
	"sink.Create manifest", "sink.Write manifest", "sink.Commit manifest",
	"sink.Open", "sink.List", "sink.Delete", "sink.Clean",
), "before store.Claim", "after store.Claim plan", "after store.Claim rows", "after store.Claim seal")

func twice(calls ...string) (points []string) {
	for _, call := range calls {
		points = append(points, "before "+call, "after "+call)
	}
	return points
}

// A victim is a worker that kills itself at its point, in the middle of everything.
type victim struct {
	point string
	seals atomic.Bool // what it works on is a seal
}

func (v *victim) pass(point string) {
	if point != v.point {
		return
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {} // until the kill arrives
}

// around passes the points before and after a call.
func (v *victim) around(call string) (after func()) {
	v.pass("before " + call)
	return func() { v.pass("after " + call) }
}

// object says what a key is of.
func (v *victim) object(key string) string {
	switch {
	case strings.HasPrefix(path.Base(key), "manifest."):
		return "manifest"
	case strings.Contains(key, "/probes/"):
		return "probe"
	case v.seals.Load():
		return "file"
	default:
		return "segment"
	}
}

type victimSource struct {
	*sqlsource.Source
	*victim
}

func (s victimSource) Open(ctx context.Context, q source.Query) (source.Reader, error) {
	defer s.around("source.Open")()
	r, err := s.Source.Open(ctx, q)
	if err != nil {
		return nil, err
	}
	return victimReader{r.(source.CountedReader), s.victim}, nil
}

type victimReader struct {
	source.CountedReader
	*victim
}

// Read is slow where the lease is to be renewed meanwhile.
func (r victimReader) Read(ctx context.Context, b *source.Batch) error {
	defer r.around("source.Read")()
	if strings.HasSuffix(r.point, "store.Renew") {
		wait := time.NewTimer(time.Second)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done():
		}
	}
	return r.CountedReader.Read(ctx, b)
}

type victimStore struct {
	*sqlstore.Store
	*victim
}

func (s victimStore) Claim(ctx context.Context, c queue.Claim) ([]queue.Claimed, error) {
	s.pass("before store.Claim")
	claimed, err := s.Store.Claim(ctx, c)
	for _, got := range claimed {
		s.seals.Store(got.Part.Kind == queue.SealPart)
		s.pass("after store.Claim " + string(got.Part.Kind))
	}
	return claimed, err
}

func (s victimStore) Finish(ctx context.Context, f queue.Finish, e []queue.Entry) (queue.Job, error) {
	kind := queue.RowsPart
	switch {
	case f.Outcome != queue.Seal:
		return s.Store.Finish(ctx, f, e)
	case s.seals.Load():
		kind = queue.SealPart
	case len(f.Planned) > 0:
		kind = queue.PlanPart
	}
	defer s.around("store.Finish " + string(kind))()
	return s.Store.Finish(ctx, f, e)
}

func (s victimStore) Renew(ctx context.Context, r queue.Renew) ([]queue.Renewed, error) {
	defer s.around("store.Renew")()
	return s.Store.Renew(ctx, r)
}

func (s victimStore) Due(ctx context.Context, limit int) ([]queue.Due, error) {
	defer s.around("store.Due")()
	return s.Store.Due(ctx, limit)
}

func (s victimStore) Update(ctx context.Context, u queue.Update, e []queue.Entry) (queue.Job, error) {
	defer s.around("store.Update")()
	return s.Store.Update(ctx, u, e)
}

type victimSink struct {
	*blobsink.Sink
	*victim
}

func (s victimSink) Create(ctx context.Context, key string, o *sink.CreateOptions) (sink.Writer, error) {
	what := s.object(key)
	defer s.around("sink.Create " + what)()
	w, err := s.Sink.Create(ctx, key, o)
	if err != nil {
		return nil, err
	}
	return victimWriter{w, s.victim, what}, nil
}

func (s victimSink) Open(ctx context.Context, key string, offset, length int64) (sink.Reader, error) {
	defer s.around("sink.Open")()
	return s.Sink.Open(ctx, key, offset, length)
}

func (s victimSink) List(ctx context.Context, prefix string) iter.Seq2[sink.Object, error] {
	return func(yield func(sink.Object, error) bool) {
		defer s.around("sink.List")()
		s.Sink.List(ctx, prefix)(yield)
	}
}

func (s victimSink) Delete(ctx context.Context, key string) error {
	defer s.around("sink.Delete")()
	return s.Sink.Delete(ctx, key)
}

func (s victimSink) Clean(ctx context.Context, prefix string, before time.Time) (int, error) {
	defer s.around("sink.Clean")()
	return s.Sink.Clean(ctx, prefix, before)
}

type victimWriter struct {
	sink.Writer
	*victim
	what string
}

func (w victimWriter) Write(p []byte) (int, error) {
	defer w.around("sink.Write " + w.what)()
	return w.Writer.Write(p)
}

func (w victimWriter) Commit() error {
	defer w.around("sink.Commit " + w.what)()
	return w.Writer.Commit()
}
