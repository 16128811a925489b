package export

import (
	"context"
	"errors"
	"time"

	"github.com/exportyard/exportyard/internal/pipeline"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/sink"
)

// destination resolves where a job's files go.
func (e *Engine) destination(ctx context.Context, j queue.Job, r Request) (Destination, error) {
	d, err := e.config.Destination(ctx, j.Tenant, r.Destination)
	if err == nil && d.Sink == nil {
		err = errors.New("no such destination")
	}
	if err != nil {
		return d, &pipeline.WriteError{Err: err}
	}
	return d, nil
}

// probe proves that the request's destination works, unless that was proved a short
// time ago.
func (e *Engine) probe(ctx context.Context, r Request) error {
	err := e.prover.Prove(ctx, slotOf(Request{Tenant: r.Tenant, Slot: r.Destination}), r.Tenant, func(ctx context.Context) (sink.Sink, error) {
		d, err := e.destination(ctx, queue.Job{Tenant: r.Tenant}, r)
		return d.Sink, err
	})
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return &Error{Code: CodeUnavailable, Message: "the destination did not answer in time", Retryable: true, Err: ctx.Err()}
	}
	cause := failure("", &pipeline.WriteError{Err: err})
	return &Error{
		Code: CodeDestinationUnverified, Message: "the destination cannot be used: " + cause.Message,
		Hint: cause.Hint, Retryable: cause.Retryable, Err: err,
		Problems: []Problem{{Code: cause.Code, Field: "destination", Message: cause.Message}},
	}
}

// keep returns how long files stay at a destination; 0 for ever.
func (e *Engine) keep(d Destination) time.Duration {
	switch {
	case d.Keep != 0:
		return max(d.Keep, 0)
	case d.Own:
		return 0
	default:
		return max(e.config.Keep, 0)
	}
}
