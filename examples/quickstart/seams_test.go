package main

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/source"
)

// A spec tells the quickstart in a process of its own what to do at its seams.
type spec struct {
	// Kill names a point, such as "sink.Commit(segment):before", and Nth which
	// time there the process kills itself.
	Kill string
	Nth  int
	// KillRows is the number of rows that were read when it does; 0 for never.
	KillRows int64
	// PartRows, Lease and Grace replace the engine's defaults when not 0.
	PartRows     int64
	Lease, Grace time.Duration
	// Hold lets no read begin before leases were renewed so often.
	Hold int32
	// RowsFile gets the number of rows that were read.
	RowsFile string
}

// What a process says of itself, when it ends and when its reads wait.
const (
	killedMark = "killed at "
	heldMark   = "held"
)

// points are the places in a run at which something may happen.
type points struct {
	spec
	rows     atomic.Int64
	renewals atomic.Int32
	renewed  chan struct{} // closed after Hold renewals
	held     sync.Once

	mu    sync.Mutex
	seen  map[string]int
	kinds map[string]queue.PartKind // of claimed parts
}

func newPoints(s spec) *points {
	return &points{
		spec: s, renewed: make(chan struct{}),
		seen: make(map[string]int), kinds: make(map[string]queue.PartKind),
	}
}

// seams stand at every call between the engine and what it is wired to. They
// give on what the engine may look for beside the contracts; where that is not
// there, the process panics and its test fails.
func (p *points) seams() seams {
	return seams{
		source: func(s source.Source) source.Source { return &killingSource{s.(everySource), p} },
		store:  func(s queue.JobStore) queue.JobStore { return &killingStore{s.(everyStore), p} },
		sink:   func(s sink.Sink) sink.Sink { return &killingSink{s.(everySink), p} },
		config: func(c *export.Config) {
			c.MaxCrashes = 1_000_000
			c.PartRows, c.Lease, c.Grace = p.PartRows, p.Lease, p.Grace
		},
	}
}

// at is passed whenever the run comes to a point.
func (p *points) at(format string, args ...any) {
	name := fmt.Sprintf(format, args...)
	p.mu.Lock()
	p.seen[name]++
	n := p.seen[name]
	p.mu.Unlock()
	if name == p.Kill && n == max(p.Nth, 1) {
		die(name)
	}
}

// die ends the process as SIGKILL does: nothing is closed, flushed or said.
func die(name string) {
	fmt.Fprintln(os.Stderr, killedMark+name)
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {}
}

// around does a call between two points.
func around[T any](p *points, name string, call func() (T, error)) (T, error) {
	p.at("%s:before", name)
	v, err := call()
	p.at("%s:after", name)
	return v, err
}

type everySource interface {
	source.Source
	source.Counter
	source.Splitter
	source.Spanner
}

type killingSource struct {
	everySource
	p *points
}

func (s *killingSource) Datasets(ctx context.Context, tenant string) ([]source.Dataset, error) {
	return around(s.p, "source.Datasets", func() ([]source.Dataset, error) { return s.everySource.Datasets(ctx, tenant) })
}

func (s *killingSource) Count(ctx context.Context, q source.Query) (int64, error) {
	return around(s.p, "source.Count", func() (int64, error) { return s.everySource.Count(ctx, q) })
}

func (s *killingSource) Split(ctx context.Context, q source.Query, rows int64) ([]source.Key, error) {
	return around(s.p, "source.Split", func() ([]source.Key, error) { return s.everySource.Split(ctx, q, rows) })
}

func (s *killingSource) Span(ctx context.Context, q source.Query) (first, last time.Time, ok bool, err error) {
	s.p.at("source.Span:before")
	first, last, ok, err = s.everySource.Span(ctx, q)
	s.p.at("source.Span:after")
	return first, last, ok, err
}

func (s *killingSource) Open(ctx context.Context, q source.Query) (source.Reader, error) {
	r, err := around(s.p, "source.Open", func() (source.Reader, error) { return s.everySource.Open(ctx, q) })
	if err != nil {
		return nil, err
	}
	return &killingReader{r.(source.CountedReader), s.p}, nil
}

type killingReader struct {
	source.CountedReader
	p *points
}

func (r *killingReader) Read(ctx context.Context, b *source.Batch) error {
	if r.p.Hold > 0 {
		r.p.held.Do(func() { fmt.Println(heldMark) })
		select {
		case <-r.p.renewed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r.p.at("source.Read:before")
	err := r.CountedReader.Read(ctx, b)
	if err == nil {
		n := int64(b.Len())
		if all := r.p.rows.Add(n); r.p.KillRows > 0 && all >= r.p.KillRows {
			die(fmt.Sprintf("row %d", all))
		}
	}
	r.p.at("source.Read:after")
	return err
}

func (r *killingReader) Close() error {
	r.p.at("source.Close:before")
	err := r.CountedReader.Close()
	r.p.at("source.Close:after")
	return err
}

type everyStore interface {
	queue.JobStore
	queue.EntryReader
}

type killingStore struct {
	everyStore
	p *points
}

func (s *killingStore) Create(ctx context.Context, job queue.NewJob, entries []queue.Entry) (j queue.Job, existing bool, err error) {
	s.p.at("store.Create:before")
	j, existing, err = s.everyStore.Create(ctx, job, entries)
	s.p.at("store.Create:after")
	return j, existing, err
}

func (s *killingStore) Get(ctx context.Context, tenant, id string) (queue.Job, error) {
	return around(s.p, "store.Get", func() (queue.Job, error) { return s.everyStore.Get(ctx, tenant, id) })
}

func (s *killingStore) Parts(ctx context.Context, tenant, job string, after, limit int) ([]queue.Part, error) {
	return around(s.p, "store.Parts", func() ([]queue.Part, error) { return s.everyStore.Parts(ctx, tenant, job, after, limit) })
}

func (s *killingStore) Update(ctx context.Context, u queue.Update, entries []queue.Entry) (queue.Job, error) {
	return around(s.p, "store.Update", func() (queue.Job, error) { return s.everyStore.Update(ctx, u, entries) })
}

func (s *killingStore) Claim(ctx context.Context, c queue.Claim) ([]queue.Claimed, error) {
	claimed, err := around(s.p, "store.Claim", func() ([]queue.Claimed, error) { return s.everyStore.Claim(ctx, c) })
	s.p.mu.Lock()
	for _, c := range claimed {
		s.p.kinds[fmt.Sprint(c.Part.Job, c.Part.Number)] = c.Part.Kind
	}
	s.p.mu.Unlock()
	for _, c := range claimed {
		s.p.at("store.Claim(%s):after", c.Part.Kind)
	}
	return claimed, err
}

func (s *killingStore) Renew(ctx context.Context, r queue.Renew) ([]queue.Renewed, error) {
	answers, err := around(s.p, "store.Renew", func() ([]queue.Renewed, error) { return s.everyStore.Renew(ctx, r) })
	if s.p.renewals.Add(1) == s.p.Hold {
		close(s.p.renewed)
	}
	return answers, err
}

func (s *killingStore) Finish(ctx context.Context, f queue.Finish, entries []queue.Entry) (queue.Job, error) {
	s.p.mu.Lock()
	kind := s.p.kinds[fmt.Sprint(f.Job, f.Number)]
	s.p.mu.Unlock()
	return around(s.p, fmt.Sprintf("store.Finish(%s)", kind), func() (queue.Job, error) { return s.everyStore.Finish(ctx, f, entries) })
}

func (s *killingStore) Due(ctx context.Context, limit int) ([]queue.Due, error) {
	return around(s.p, "store.Due", func() ([]queue.Due, error) { return s.everyStore.Due(ctx, limit) })
}

type everySink interface {
	sink.Sink
	sink.Cleaner
}

type killingSink struct {
	everySink
	p *points
}

// kindOf tells what an object is by its key; joined files and segments are
// both data.
func kindOf(key string) string {
	switch name := path.Base(key); {
	case path.Base(path.Dir(key)) == "probes":
		return "probe"
	case strings.HasPrefix(name, "manifest.") && strings.HasSuffix(name, ".json"):
		return "manifest"
	default:
		return "data"
	}
}

func (s *killingSink) Create(ctx context.Context, key string, opts *sink.CreateOptions) (sink.Writer, error) {
	kind := kindOf(key)
	if kind == "data" && opts.Filename != "" {
		kind = "joined"
	} else if kind == "data" {
		kind = "segment"
	}
	w, err := around(s.p, "sink.Create("+kind+")", func() (sink.Writer, error) { return s.everySink.Create(ctx, key, opts) })
	if err != nil {
		return nil, err
	}
	return &killingWriter{w, kind, s.p}, nil
}

func (s *killingSink) Open(ctx context.Context, key string, offset, length int64) (sink.Reader, error) {
	kind := kindOf(key)
	r, err := around(s.p, "sink.Open("+kind+")", func() (sink.Reader, error) { return s.everySink.Open(ctx, key, offset, length) })
	if err != nil {
		return nil, err
	}
	return &killingObject{r, kind, s.p}, nil
}

func (s *killingSink) List(ctx context.Context, prefix string) iter.Seq2[sink.Object, error] {
	return func(yield func(sink.Object, error) bool) {
		s.p.at("sink.List:before")
		for o, err := range s.everySink.List(ctx, prefix) {
			s.p.at("sink.List:object")
			if !yield(o, err) {
				return
			}
		}
		s.p.at("sink.List:after")
	}
}

func (s *killingSink) Delete(ctx context.Context, key string) error {
	kind := kindOf(key)
	s.p.at("sink.Delete(%s):before", kind)
	err := s.everySink.Delete(ctx, key)
	s.p.at("sink.Delete(%s):after", kind)
	return err
}

func (s *killingSink) Clean(ctx context.Context, prefix string, before time.Time) (int, error) {
	return around(s.p, "sink.Clean", func() (int, error) { return s.everySink.Clean(ctx, prefix, before) })
}

type killingWriter struct {
	sink.Writer
	kind string
	p    *points
}

func (w *killingWriter) Write(b []byte) (int, error) {
	w.p.at("sink.Write(%s):before", w.kind)
	half := len(b) / 2
	n, err := w.Writer.Write(b[:half])
	if err == nil {
		w.p.at("sink.Write(%s):middle", w.kind)
		var m int
		m, err = w.Writer.Write(b[half:])
		n += m
	}
	w.p.at("sink.Write(%s):after", w.kind)
	return n, err
}

func (w *killingWriter) Commit() error {
	w.p.at("sink.Commit(%s):before", w.kind)
	err := w.Writer.Commit()
	w.p.at("sink.Commit(%s):after", w.kind)
	return err
}

type killingObject struct {
	sink.Reader
	kind string
	p    *points
}

func (o *killingObject) Read(b []byte) (int, error) {
	n, err := o.Reader.Read(b)
	o.p.at("sink.Read(%s):after", o.kind)
	return n, err
}
