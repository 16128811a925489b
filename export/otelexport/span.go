package otelexport

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/exportyard/exportyard/export/observe"
)

// ours is the key of the span that an observer has started, in a context: the current
// span there may be another's.
type ours struct{ *Observer }

func (o *Observer) start(ctx context.Context, name string, attrs ...attribute.KeyValue) context.Context {
	ctx, span := o.tracer.Start(ctx, name, trace.WithAttributes(attrs...))
	return context.WithValue(ctx, ours{o}, span)
}

// end ends the operation's span. One that never began has none.
func (o *Observer) end(ctx context.Context, trouble string, attrs ...attribute.KeyValue) {
	span, ok := ctx.Value(ours{o}).(trace.Span)
	if !ok {
		return
	}
	span.SetAttributes(attrs...)
	if trouble != "" {
		span.SetStatus(codes.Error, trouble)
	}
	span.End()
}

// note adds an event to the current span, whose ever it is.
func note(ctx context.Context, name string, attrs ...attribute.KeyValue) {
	trace.SpanFromContext(ctx).AddEvent(name, trace.WithAttributes(attrs...))
}

func with(attrs []attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributes(attrs...)
}

// failure is the conventions' attribute for what went wrong; none where nothing did.
func failure(code string) []attribute.KeyValue {
	if code == "" {
		return nil
	}
	return []attribute.KeyValue{attribute.String("error.type", code)}
}

func jobAttributes(j observe.Job) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("exportyard.tenant", j.Tenant),
		attribute.String("exportyard.job.id", j.ID),
		attribute.String("exportyard.export.kind", j.Kind),
	}
}

func partKind(p observe.Part) attribute.KeyValue {
	return attribute.String("exportyard.part.kind", string(p.PartKind))
}

func partAttributes(p observe.Part) []attribute.KeyValue {
	return append(jobAttributes(p.Job),
		partKind(p),
		attribute.Int("exportyard.part.number", p.Number),
		attribute.Int64("exportyard.part.fence", p.Fence),
		attribute.Int("exportyard.part.attempt", p.Attempt),
	)
}

func channel(d observe.Delivery) attribute.KeyValue {
	return attribute.String("exportyard.delivery.channel", d.Channel)
}

func deliveryAttributes(d observe.Delivery) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("exportyard.tenant", d.Tenant),
		attribute.String("exportyard.job.id", d.Job),
		attribute.String("exportyard.delivery.event", d.Event),
		attribute.String("exportyard.delivery.type", d.Type),
		channel(d),
		attribute.Int64("exportyard.delivery.attempt", d.Attempt),
	}
}
