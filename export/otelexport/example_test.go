package otelexport_test

import (
	"context"
	"fmt"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/export/observe"
	"github.com/exportyard/exportyard/export/otelexport"
	"github.com/exportyard/exportyard/queue"
)

// A host gives the observer to its engine; here we play the engine.
func Example() {
	spans := tracetest.NewSpanRecorder()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	defer func() { _ = tracers.Shutdown(context.Background()) }()

	observer, err := otelexport.New(&otelexport.Options{TracerProvider: tracers})
	if err != nil {
		fmt.Println(err)
		return
	}
	config := export.Config{Observer: observer}

	part := observe.Part{Job: observe.Job{Tenant: "acme", ID: "j1"}, Number: 1, PartKind: queue.RowsPart}
	ctx := config.Observer.Begin(context.Background(), part)
	config.Observer.Observe(ctx, observe.PartEnded{Part: part, Outcome: observe.Sealed, Rows: 1000})
	for _, s := range spans.Ended() {
		fmt.Println(s.Name())
	}
	// Output: export rows
}
