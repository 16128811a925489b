package otelexport

import (
	"context"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/exportyard/exportyard/export/observe"
)

// Scope is the name of the instrumentation scope of all spans and metrics.
const Scope = "github.com/exportyard/exportyard/export/otelexport"

// Options adjust an Observer.
type Options struct {
	// TracerProvider makes the spans. Default: OpenTelemetry's global one.
	TracerProvider trace.TracerProvider
	// MeterProvider makes the metrics. Default: OpenTelemetry's global one.
	MeterProvider metric.MeterProvider
	// Now is the clock of exportyard.sweep.last. Default: time.Now.
	Now func() time.Time
}

// An Observer makes spans and metrics of what it is told.
type Observer struct {
	tracer  trace.Tracer
	metrics *instruments
	now     func() time.Time
}

var _ observe.Observer = (*Observer)(nil)

// New returns an observer.
func New(opts *Options) (*Observer, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.TracerProvider == nil {
		o.TracerProvider = otel.GetTracerProvider()
	}
	if o.MeterProvider == nil {
		o.MeterProvider = otel.GetMeterProvider()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	metrics, err := newInstruments(o.MeterProvider.Meter(Scope))
	if err != nil {
		return nil, err
	}
	return &Observer{tracer: o.TracerProvider.Tracer(Scope), metrics: metrics, now: o.Now}, nil
}

// Begin starts the operation's span.
func (o *Observer) Begin(ctx context.Context, op observe.Operation) context.Context {
	switch op := op.(type) {
	case observe.Part:
		o.metrics.partActive.Add(ctx, 1, metric.WithAttributes(partKind(op)))
		return o.start(ctx, "export "+string(op.PartKind), partAttributes(op)...)
	case observe.Sweep:
		return o.start(ctx, "export sweep")
	case observe.Delivery:
		return o.start(ctx, "export deliver", deliveryAttributes(op)...)
	default:
		return ctx
	}
}

// Observe counts the event, and ends the operation's span or notes the event in the
// current one.
func (o *Observer) Observe(ctx context.Context, e observe.Event) {
	switch e := e.(type) {
	case observe.JobRequested:
		o.metrics.requests.Add(ctx, 1)
		note(ctx, "export requested", jobAttributes(e.Job)...)
	case observe.JobRefused:
		o.metrics.requests.Add(ctx, 1, with(failure(e.Code)))
		note(ctx, "export refused", append(jobAttributes(e.Job), failure(e.Code)...)...)
	case observe.JobStarted:
		o.metrics.wait.Record(ctx, e.Waited.Seconds())
		note(ctx, "export started", jobAttributes(e.Job)...)
	case observe.JobEnded:
		attrs := append([]attribute.KeyValue{attribute.String("exportyard.export.state", string(e.State))}, failure(e.Code)...)
		o.metrics.duration.Record(ctx, e.Duration.Seconds(), with(attrs))
		note(ctx, "export "+string(e.State), append(jobAttributes(e.Job), attrs...)...)
	case observe.JobExpired:
		o.metrics.expired.Add(ctx, 1)
		note(ctx, "export expired", jobAttributes(e.Job)...)
	case observe.Downloaded:
		o.metrics.downloads.Add(ctx, 1)
		o.metrics.downloadIO.Add(ctx, e.Bytes)
		note(ctx, "export downloaded", append(jobAttributes(e.Job), attribute.Int("exportyard.file", e.File))...)
	case observe.PartEnded:
		o.partEnded(ctx, e)
	case observe.LeaseLost:
		o.metrics.leaseLost.Add(ctx, 1)
		note(ctx, "lease lost", append(jobAttributes(e.Job), attribute.Int("exportyard.part.number", e.Number))...)
	case observe.SweepEnded:
		o.sweepEnded(ctx, e)
	case observe.DeliveryEnded:
		o.deliveryEnded(ctx, e)
	case observe.MessageGivenUp:
		o.metrics.givenUp.Add(ctx, 1, metric.WithAttributes(channel(e.Delivery)))
	}
}

func (o *Observer) partEnded(ctx context.Context, e observe.PartEnded) {
	kind, outcome := partKind(e.Part), attribute.String("exportyard.part.outcome", string(e.Outcome))
	o.metrics.partActive.Add(ctx, -1, metric.WithAttributes(kind))
	o.metrics.partDuration.Record(ctx, e.Duration.Seconds(), with(append([]attribute.KeyValue{kind, outcome}, failure(e.Code)...)))
	o.metrics.partRows.Add(ctx, e.Rows, metric.WithAttributes(outcome))
	o.metrics.partIO.Add(ctx, e.Bytes, metric.WithAttributes(outcome))
	trouble := ""
	switch e.Outcome {
	case observe.Retried, observe.Refused:
		trouble = e.Code
	case observe.Lost, observe.Crashed:
		trouble = string(e.Outcome)
	}
	o.end(ctx, trouble, append([]attribute.KeyValue{
		outcome, attribute.Int64("exportyard.part.rows", e.Rows), attribute.Int64("exportyard.part.bytes", e.Bytes),
	}, failure(e.Code)...)...)
}

func (o *Observer) sweepEnded(ctx context.Context, e observe.SweepEnded) {
	trouble := ""
	if e.Err != nil {
		trouble = "incomplete"
	} else {
		o.metrics.sweepLast.Record(ctx, float64(o.now().UnixMilli())/1000)
	}
	o.metrics.sweepDuration.Record(ctx, e.Duration.Seconds(), with(failure(trouble)))
	o.metrics.sweepSettled.Add(ctx, int64(e.Settled))
	o.metrics.sweepFailed.Add(ctx, int64(e.Failed))
	o.metrics.orphanRemoved.Add(ctx, e.Removed.Bytes)
	o.metrics.orphanStuck.Record(ctx, e.Stuck.Bytes)
	if g := e.Gauges; g != nil {
		if g.Counted {
			o.metrics.expiredLease.Record(ctx, g.ExpiredLease.Seconds())
			o.metrics.pendingAge.Record(ctx, g.Pending.Seconds())
			o.metrics.jobs.Record(ctx, int64(g.Jobs))
			o.metrics.ready.Record(ctx, int64(g.Ready))
			o.metrics.leased.Record(ctx, int64(g.Leased))
		}
		if g.Outbox >= 0 {
			o.metrics.outboxAge.Record(ctx, g.Outbox.Seconds())
		}
	}
	o.end(ctx, trouble, attribute.Int("exportyard.sweep.settled", e.Settled), attribute.Int("exportyard.sweep.failed", e.Failed))
}

func (o *Observer) deliveryEnded(ctx context.Context, e observe.DeliveryEnded) {
	outcome := attribute.String("exportyard.delivery.outcome", string(e.Outcome))
	o.metrics.deliveryDuration.Record(ctx, e.Duration.Seconds(), metric.WithAttributes(channel(e.Delivery), outcome))
	trouble := ""
	if e.Outcome != observe.Taken {
		trouble = string(e.Outcome)
	}
	o.end(ctx, trouble, outcome)
}
