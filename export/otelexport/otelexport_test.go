package otelexport_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/exportyard/exportyard/export/observe"
	"github.com/exportyard/exportyard/export/otelexport"
	"github.com/exportyard/exportyard/queue"
)

// A telescope is an observer with an SDK that keeps what it makes.
type telescope struct {
	*otelexport.Observer
	t      *testing.T
	tracer trace.Tracer
	spans  *tracetest.SpanRecorder
	reader *sdkmetric.ManualReader
}

func newTelescope(t *testing.T) *telescope {
	t.Helper()
	tel := &telescope{t: t, spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(tel.spans))
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(tel.reader))
	t.Cleanup(func() {
		require.NoError(t, tracers.Shutdown(context.Background()))
		require.NoError(t, meters.Shutdown(context.Background()))
	})
	tel.tracer = tracers.Tracer("host")
	var err error
	tel.Observer, err = otelexport.New(&otelexport.Options{
		TracerProvider: tracers, MeterProvider: meters, Now: func() time.Time { return time.Unix(1700000000, 5e8) },
	})
	require.NoError(t, err)
	return tel
}

// metrics returns each series as "name{attributes}" and its value; of histograms the sum.
func (tel *telescope) metrics() map[string]float64 {
	tel.t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(tel.t, tel.reader.Collect(context.Background(), &all))
	got := map[string]float64{}
	for _, scope := range all.ScopeMetrics {
		require.Equal(tel.t, otelexport.Scope, scope.Scope.Name)
		for _, m := range scope.Metrics {
			put := func(set attribute.Set, v float64) {
				got[strings.TrimPrefix(m.Name, "exportyard.")+"{"+set.Encoded(attribute.DefaultEncoder())+"} "+m.Unit] = v
			}
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					put(p.Attributes, float64(p.Value))
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					put(p.Attributes, p.Value)
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					put(p.Attributes, float64(p.Value))
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					put(p.Attributes, p.Sum)
				}
			default:
				tel.t.Fatalf("a %T", data)
			}
		}
	}
	return got
}

var (
	job      = observe.Job{Tenant: "acme", ID: "j1", Kind: "export"}
	part     = observe.Part{Job: job, Number: 3, PartKind: queue.RowsPart, Fence: 2, Attempt: 1}
	delivery = observe.Delivery{Tenant: "acme", Job: "j1", Event: "e1", Type: "export.failed", Channel: "mail", Attempt: 2}
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	const outcome, kind = "exportyard.part.outcome", "exportyard.part.kind"
	tests := []struct {
		name   string
		events []observe.Event
		want   map[string]float64
	}{
		{"requests", []observe.Event{observe.JobRequested{Job: job}, observe.JobRefused{Job: job, Code: "conflict"}}, map[string]float64{
			"export.requests{} {request}": 1, "export.requests{error.type=conflict} {request}": 1,
		}},
		{"started", []observe.Event{observe.JobStarted{Job: job, Waited: 2 * time.Second}}, map[string]float64{"export.wait{} s": 2}},
		{"ended", []observe.Event{
			observe.JobEnded{Job: job, State: queue.Completed, Duration: time.Minute},
			observe.JobEnded{Job: job, State: queue.Failed, Code: "bad_data", Duration: time.Second},
		}, map[string]float64{
			"export.duration{exportyard.export.state=completed} s":                  60,
			"export.duration{error.type=bad_data,exportyard.export.state=failed} s": 1,
		}},
		{"expired", []observe.Event{observe.JobExpired{Job: job}}, map[string]float64{"export.expired{} {export}": 1}},
		{"downloaded", []observe.Event{observe.Downloaded{Job: job, Bytes: 7}, observe.Downloaded{Job: job, Bytes: 5}}, map[string]float64{
			"export.downloads{} {download}": 2, "download.io{} By": 12,
		}},
		{"part", []observe.Event{observe.PartEnded{Part: part, Outcome: observe.Retried, Code: "source_error", Rows: 4, Bytes: 50, Duration: time.Second}}, map[string]float64{
			"part.active{" + kind + "=rows} {part}":                                              -1, // it never began
			"part.duration{error.type=source_error," + kind + "=rows," + outcome + "=retried} s": 1,
			"part.rows{" + outcome + "=retried} {row}":                                           4,
			"part.io{" + outcome + "=retried} By":                                                50,
		}},
		{"lease", []observe.Event{observe.LeaseLost{Job: job}}, map[string]float64{"lease.lost{} {lease}": 1}},
		{"sweep", []observe.Event{observe.SweepEnded{
			Duration: time.Second, Settled: 3, Removed: observe.Orphans{Objects: 1, Bytes: 11}, Stuck: observe.Orphans{Objects: 1, Bytes: 12},
			Gauges: &observe.Gauges{Counted: true, Jobs: 5, Ready: 6, Leased: 7, ExpiredLease: 2 * time.Second, Pending: 3 * time.Second, Outbox: 4 * time.Second},
		}}, map[string]float64{
			"sweep.duration{} s": 1, "sweep.settled{} {item}": 3, "sweep.failed{} {item}": 0, "sweep.last{} s": 1700000000.5,
			"orphan.removed{} By": 11, "orphan.stuck{} By": 12,
			"lease.expired.age{} s": 2, "export.pending.age{} s": 3, "outbox.age{} s": 4,
			"store.exports{} {export}": 5, "store.parts.ready{} {part}": 6, "store.parts.leased{} {part}": 7,
		}},
		{"failed sweep", []observe.Event{observe.SweepEnded{Err: errors.New("down"), Failed: 2, Gauges: &observe.Gauges{Outbox: -1}}}, map[string]float64{
			"sweep.duration{error.type=incomplete} s": 0, "sweep.settled{} {item}": 0, "sweep.failed{} {item}": 2,
			"orphan.removed{} By": 0, "orphan.stuck{} By": 0,
		}},
		{"delivery", []observe.Event{
			observe.DeliveryEnded{Delivery: delivery, Outcome: observe.Waiting, Duration: time.Second}, observe.MessageGivenUp{Delivery: delivery},
		}, map[string]float64{
			"delivery.duration{exportyard.delivery.channel=mail,exportyard.delivery.outcome=waiting} s": 1,
			"delivery.given_up{exportyard.delivery.channel=mail} {message}":                             1,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tel := newTelescope(t)
			for _, e := range tt.events {
				tel.Observe(t.Context(), e)
			}
			require.Equal(t, tt.want, tel.metrics())
		})
	}
}

func TestSpans(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		begin  observe.Operation
		end    observe.Event
		span   string
		status codes.Code
		reason string
		attrs  []string
	}{
		{
			name: "sealed", begin: part, end: observe.PartEnded{Part: part, Outcome: observe.Sealed, Rows: 4, Bytes: 50}, span: "export rows",
			attrs: []string{
				"exportyard.tenant=acme", "exportyard.job.id=j1", "exportyard.export.kind=export", "exportyard.part.kind=rows",
				"exportyard.part.number=3", "exportyard.part.fence=2", "exportyard.part.attempt=1",
				"exportyard.part.outcome=sealed", "exportyard.part.rows=4", "exportyard.part.bytes=50",
			},
		},
		{
			name: "refused", begin: part, end: observe.PartEnded{Part: part, Outcome: observe.Refused, Code: "bad_data"}, span: "export rows",
			status: codes.Error, reason: "bad_data", attrs: []string{"error.type=bad_data"},
		},
		{name: "lost", begin: part, end: observe.PartEnded{Part: part, Outcome: observe.Lost}, span: "export rows", status: codes.Error, reason: "lost"},
		{name: "crashed", begin: part, end: observe.PartEnded{Part: part, Outcome: observe.Crashed}, span: "export rows", status: codes.Error, reason: "crashed"},
		{name: "released", begin: part, end: observe.PartEnded{Part: part, Outcome: observe.Released}, span: "export rows"},
		{name: "sweep", begin: observe.Sweep{}, end: observe.SweepEnded{Settled: 2}, span: "export sweep", attrs: []string{"exportyard.sweep.settled=2"}},
		{name: "failed sweep", begin: observe.Sweep{}, end: observe.SweepEnded{Err: errors.New("down"), Failed: 2}, span: "export sweep", status: codes.Error, reason: "incomplete"},
		{
			name: "taken", begin: delivery, end: observe.DeliveryEnded{Delivery: delivery, Outcome: observe.Taken}, span: "export deliver",
			attrs: []string{"exportyard.delivery.channel=mail", "exportyard.delivery.event=e1", "exportyard.delivery.outcome=taken"},
		},
		{name: "rejected", begin: delivery, end: observe.DeliveryEnded{Delivery: delivery, Outcome: observe.Rejected}, span: "export deliver", status: codes.Error, reason: "rejected"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tel := newTelescope(t)
			tel.Observe(tel.Begin(t.Context(), tt.begin), tt.end)
			ended := tel.spans.Ended()
			require.Len(t, ended, 1)
			require.Equal(t, tt.span, ended[0].Name())
			require.Equal(t, sdktrace.Status{Code: tt.status, Description: tt.reason}, ended[0].Status())
			require.Subset(t, texts(ended[0].Attributes()), tt.attrs)
		})
	}
}

func texts(attrs []attribute.KeyValue) []string {
	var out []string
	for _, a := range attrs {
		out = append(out, string(a.Key)+"="+a.Value.String())
	}
	return out
}

// A part that began and ended is no longer active.
func TestActiveParts(t *testing.T) {
	t.Parallel()
	tel := newTelescope(t)
	const active = "part.active{exportyard.part.kind=rows} {part}"
	ctx := tel.Begin(t.Context(), part)
	require.Equal(t, 1.0, tel.metrics()[active])
	tel.Observe(ctx, observe.PartEnded{Part: part, Outcome: observe.Sealed})
	require.Zero(t, tel.metrics()[active])
}

// What happens to an export is noted in whatever span there is, and an observer ends its
// own span, also when another one has put its span into the context.
func TestSpansOfOthers(t *testing.T) {
	t.Parallel()
	tel, other := newTelescope(t), newTelescope(t)
	ctx, host := tel.tracer.Start(t.Context(), "POST /exports")
	tel.Observe(ctx, observe.JobRequested{Job: job})
	host.End()
	both := observe.Join(tel, other)
	inner := both.Begin(t.Context(), part)
	both.Observe(inner, observe.JobEnded{Job: job, State: queue.Completed})
	both.Observe(inner, observe.PartEnded{Part: part, Outcome: observe.Sealed})
	tel.Observe(t.Context(), observe.PartEnded{Part: part, Outcome: observe.Sealed})
	names := func(spans []sdktrace.ReadOnlySpan) (all []string) {
		for _, s := range spans {
			all = append(all, s.Name())
			for _, e := range s.Events() {
				all = append(all, "- "+e.Name)
			}
		}
		return all
	}
	require.Equal(t, []string{"POST /exports", "- export requested", "export rows"}, names(tel.spans.Ended()))
	require.Equal(t, []string{"export rows", "- export completed", "- export completed"}, names(other.spans.Ended()))
}

// Tenants, jobs and people never become labels of metrics.
func TestR40_Labels(t *testing.T) {
	t.Parallel()
	tel := newTelescope(t)
	for _, e := range []observe.Event{
		observe.JobRequested{Job: job},
		observe.JobRefused{Job: job, Code: "c"},
		observe.JobStarted{Job: job},
		observe.JobEnded{Job: job},
		observe.JobExpired{Job: job},
		observe.Downloaded{Job: job},
		observe.PartEnded{Part: part},
		observe.LeaseLost{Job: job},
		observe.DeliveryEnded{Delivery: delivery},
		observe.MessageGivenUp{Delivery: delivery},
	} {
		tel.Observe(tel.Begin(t.Context(), part), e)
	}
	for series := range tel.metrics() {
		for _, word := range []string{"acme", "j1", "e1"} {
			require.NotContains(t, series, word)
		}
	}
}

// The table of the package page and the instruments say the same.
func TestPageListsEveryMetric(t *testing.T) {
	t.Parallel()
	tel := newTelescope(t)
	tel.Begin(t.Context(), part)
	for _, e := range []observe.Event{
		observe.JobRequested{},
		observe.JobStarted{},
		observe.JobEnded{},
		observe.JobExpired{},
		observe.Downloaded{},
		observe.PartEnded{},
		observe.LeaseLost{},
		observe.SweepEnded{Gauges: &observe.Gauges{Counted: true}},
		observe.DeliveryEnded{},
		observe.MessageGivenUp{},
	} {
		tel.Observe(t.Context(), e)
	}
	var made []string
	for series := range tel.metrics() {
		name, rest, _ := strings.Cut(series, "{")
		made = append(made, "exportyard."+name+" "+rest[strings.LastIndex(rest, " ")+1:])
	}
	slices.Sort(made)
	require.Equal(t, listed(t), slices.Compact(made))
}
