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

// probe proves that the request's destination works, by writing, reading,
// listing and deleting a small object, unless that was proved a short time ago.
func (e *Engine) probe(ctx context.Context, r Request) error {
	name := slotOf(Request{Tenant: r.Tenant, Slot: r.Destination})
	e.mu.Lock()
	at, ok := e.probed[name]
	e.mu.Unlock()
	if now := e.config.Now(); ok && now.Sub(at) >= 0 && now.Sub(at) < e.config.ProbeEvery {
		return nil
	}
	d, err := e.destination(ctx, queue.Job{Tenant: r.Tenant}, r)
	if err == nil {
		id := e.config.NewID()
		key := folder(e.config.Keys, r.Tenant, id, manifestsName, e.config.Now()) + "/probe.txt"
		err = sink.Probe(ctx, d.Sink, key)
	}
	if err != nil {
		cause := failure("", &pipeline.WriteError{Err: err})
		return &Error{
			Code: CodeDestinationUnverified, Message: "the destination cannot be used: " + cause.Message,
			Hint: cause.Hint, Retryable: cause.Retryable, Err: err,
			Problems: []Problem{{Code: cause.Code, Field: "destination", Message: cause.Message}},
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.probed) > 10_000 { // forget all rather than grow for ever
		clear(e.probed)
	}
	e.probed[name] = e.config.Now()
	return nil
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
