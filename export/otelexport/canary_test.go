package otelexport_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/export/notify"
	"github.com/exportyard/exportyard/export/observe"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/sink/memsink"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/slicesource"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// canary is in every cell, credential and link of these tests, and nowhere else.
const canary = "CANARY"

type person struct {
	ID     int64  `export:"id,key"`
	Org    string `export:"org,tenant"`
	Email  string `export:"email,personal"`
	Note   string `export:"note"`
	Key    string `export:"api_key,secret"`
	Amount string `export:"amount,decimal(6,2)"`
}

func people() []person {
	var rows []person
	for i := range 50 {
		rows = append(rows,
			person{int64(i), "acme", canary + "@acme.example", "note of " + canary, "key-" + canary, "1.25"},
			person{int64(100 + i), canary, canary, canary, canary, "1.25"})
	}
	return rows
}

var (
	errDial   = errors.New("dial postgres://ann:" + canary + "@db.example/app?sslpassword=" + canary + ": password=" + canary + " refused")
	errSigned = fmt.Errorf("store: %w", &url.Error{Op: "Put", URL: "https://store.example/b/k?X-Amz-Signature=" + canary + "&X-Amz-Credential=" + canary, Err: io.ErrUnexpectedEOF})
)

// A world is an engine and a courier with everything that they say.
type world struct {
	*export.Engine
	t     *testing.T
	tel   *telescope
	store *memstore.Store
	log   record
	told  record
}

// A record is written to by many.
type record struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func newWorld(t *testing.T, rows []person, change func(*export.Config)) *world {
	t.Helper()
	w := &world{t: t, tel: newTelescope(t), store: memstore.New(nil)}
	src, err := slicesource.New("people", rows, nil)
	require.NoError(t, err)
	disk, err := memsink.New(nil)
	require.NoError(t, err)
	config := export.Config{
		Source: src, Store: w.store, Sink: disk, Formats: []format.Formatter{csvfmt.Format{}},
		Logger:    slog.New(slog.NewJSONHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Observer:  observe.Join(w.tel, observe.Func(func(_ context.Context, e observe.Event) { _, _ = fmt.Fprintf(&w.told, "%+v\n", e) })),
		RetryBase: time.Nanosecond, RetryCap: time.Nanosecond, MaxAttempts: 2, Poll: time.Millisecond,
	}
	if change != nil {
		change(&config)
	}
	w.Engine, err = export.New(config)
	require.NoError(t, err)
	return w
}

// end runs the engine until the job has ended, and delivers what became of it.
func (w *world) end(j *export.Job) *export.Job {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	running, stop := context.WithCancel(ctx)
	var engine sync.WaitGroup
	engine.Go(func() { _ = w.Run(running) })
	for now, err := range w.Watch(ctx, j.Tenant, j.ID, time.Millisecond) {
		require.NoError(w.t, err)
		j = now
	}
	stop()
	engine.Wait()
	require.NoError(w.t, w.Sweep(ctx))
	courier, err := notify.New(w.store, map[string]notify.Notifier{"hook": refuser{}}, &notify.Options{
		Logger: slog.New(slog.NewJSONHandler(&w.log, nil)), Observer: w.tel,
	})
	require.NoError(w.t, err)
	require.NoError(w.t, courier.Drain(ctx))
	return j
}

// A refuser is a receiver whose error quotes a signed address.
type refuser struct{}

func (refuser) Deliver(context.Context, notify.Message) error {
	return fmt.Errorf("%w: %w", notify.ErrRefused, errSigned)
}

// everything is all that was logged, told, traced, measured and stored.
func (w *world) everything(tenant string) string {
	w.t.Helper()
	all := []string{w.log.String(), w.told.String()}
	for _, s := range w.tel.spans.Ended() {
		all = append(all, fmt.Sprint(s.Name(), texts(s.Attributes()), s.Status(), s.Events()))
	}
	for series := range w.tel.metrics() {
		all = append(all, series)
	}
	for _, kind := range []queue.EntryKind{queue.Audit, queue.Outbox} {
		entries, err := w.store.Entries(context.Background(), tenant, kind, 0, 1000)
		require.NoError(w.t, err)
		for _, e := range entries {
			all = append(all, fmt.Sprintf("%+v %s", e, e.Data.Data))
		}
	}
	return strings.Join(all, "\n")
}

// R40: whatever goes wrong, no row, credential or signature is in a log, an error, a panic,
// a span, a metric, the audit log or a message.
func TestR40_Canaries(t *testing.T) {
	t.Parallel()
	open := func(f func() (source.Reader, error)) func(*export.Config) {
		return func(c *export.Config) {
			c.Source = &brokenSource{c.Source, func(context.Context, source.Query) (source.Reader, error) { return f() }}
		}
	}
	tests := []struct {
		name   string
		spoil  func(rows []person)
		change func(*export.Config)
		want   export.State // empty: refused
	}{
		{name: "nothing is wrong", want: export.Completed},
		{name: "another tenant's row", change: foreign, want: export.Failed},
		{name: "not UTF-8", spoil: func(rows []person) { rows[14].Note = canary + "\xff" }, want: export.Failed},
		{name: "not a decimal", spoil: func(rows []person) { rows[14].Amount = canary }, want: export.Failed},
		{name: "the source's connection", change: open(func() (source.Reader, error) { return nil, errDial }), want: export.Failed},
		{name: "the source panics", change: open(func() (source.Reader, error) { panic("row of " + canary) }), want: export.Failed},
		{name: "the reader panics", change: open(func() (source.Reader, error) { return panicking{}, nil }), want: export.Failed},
		{name: "the store of objects", change: func(c *export.Config) { c.Sink = &brokenSink{c.Sink, "/people"} }, want: export.Failed},
		{name: "a probe", change: func(c *export.Config) { c.Sink = &brokenSink{c.Sink, ""} }},
		{name: "a destination", change: func(c *export.Config) {
			c.Sink, c.Destination = nil, func(context.Context, string, string) (export.Destination, error) {
				return export.Destination{}, errDial
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rows := people()
			if tt.spoil != nil {
				tt.spoil(rows)
			}
			w := newWorld(t, rows, tt.change)
			j, err := w.Request(t.Context(), export.Request{Tenant: "acme", Actor: "ann", All: true, Format: "csv"})
			if tt.want == "" {
				require.Error(t, err)
				require.NotContains(t, err.Error(), canary)
				require.Contains(t, w.everything("acme"), "export.refused")
			} else {
				require.NoError(t, err)
				j = w.end(j)
				require.Equal(t, tt.want, j.State, "%v", j.Error)
				said, err := json.Marshal(j.Error)
				require.NoError(t, err)
				require.NotContains(t, string(said), canary)
				require.Contains(t, w.log.String(), "a message was given up")
			}
			require.NotContains(t, w.everything("acme"), canary)
		})
	}
}

// foreign makes a source that gives the rows of another tenant.
func foreign(c *export.Config) {
	inner := c.Source
	c.Source = &brokenSource{inner, func(ctx context.Context, q source.Query) (source.Reader, error) {
		q.Tenant = canary
		return inner.Open(ctx, q)
	}}
}

// A brokenSource opens in its own way, and can neither count nor cut.
type brokenSource struct {
	source.Source
	open func(context.Context, source.Query) (source.Reader, error)
}

func (s *brokenSource) Open(ctx context.Context, q source.Query) (source.Reader, error) {
	return s.open(ctx, q)
}

// A panicking reader throws what it is about to give.
type panicking struct{}

func (panicking) Read(context.Context, *source.Batch) error { panic(errors.New("row of " + canary)) }
func (panicking) Close() error                              { return errDial }

// A brokenSink refuses keys that hold some text, and quotes a signature.
type brokenSink struct {
	sink.Sink
	keys string
}

func (s *brokenSink) Create(ctx context.Context, key string, o *sink.CreateOptions) (sink.Writer, error) {
	if strings.Contains(key, s.keys) {
		return nil, errSigned
	}
	return s.Sink.Create(ctx, key, o)
}

// A part's span is the parent of what the source does meanwhile.
func TestSpansReachTheSource(t *testing.T) {
	t.Parallel()
	seen := make(chan trace.SpanContext, 10)
	w := newWorld(t, people(), func(c *export.Config) {
		inner := c.Source
		c.Source = &brokenSource{inner, func(ctx context.Context, q source.Query) (source.Reader, error) {
			seen <- trace.SpanContextFromContext(ctx)
			return inner.Open(ctx, q)
		}}
	})
	j, err := w.Request(t.Context(), export.Request{Tenant: "acme", Actor: "ann", All: true, Format: "csv"})
	require.NoError(t, err)
	require.Equal(t, export.Completed, w.end(j).State)
	parts := map[trace.SpanID]string{}
	for _, s := range w.tel.spans.Ended() {
		parts[s.SpanContext().SpanID()] = s.Name()
	}
	close(seen)
	opened := 0
	for at := range seen {
		require.Contains(t, []string{"export plan", "export rows"}, parts[at.SpanID()])
		opened++
	}
	require.Positive(t, opened)
	require.Equal(t, 1.0, w.tel.metrics()["export.requests{} {request}"])
	require.Zero(t, w.tel.metrics()["part.active{exportyard.part.kind=rows} {part}"])
}
