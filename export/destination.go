package export

import (
	"context"
	"errors"
	"time"

	"github.com/exportyard/exportyard/internal/pipeline"
	"github.com/exportyard/exportyard/internal/place"
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
// Requests for the same destination wait for one proof.
func (e *Engine) probe(ctx context.Context, r Request) error {
	name := slotOf(Request{Tenant: r.Tenant, Slot: r.Destination})
	if e.probedLately(name) {
		return nil
	}
	proof := e.probing.DoChan(name, func() (any, error) {
		if e.probedLately(name) {
			return nil, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTimeout)
		defer cancel()
		return nil, e.proveDestination(ctx, r, name)
	})
	select {
	case p := <-proof:
		return p.Err
	case <-ctx.Done():
		return &Error{Code: CodeUnavailable, Message: "the destination did not answer in time", Retryable: true, Err: ctx.Err()}
	}
}

// probeTimeout bounds the four steps of a probe.
const probeTimeout = time.Minute

func (e *Engine) probedLately(name string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	last := e.probed[name]
	age := e.config.Now().Sub(last.at)
	return last.ok && age >= 0 && age < e.config.ProbeEvery
}

func (e *Engine) proveDestination(ctx context.Context, r Request, name string) error {
	d, err := e.destination(ctx, queue.Job{Tenant: r.Tenant}, r)
	if err == nil {
		err = e.probeSink(ctx, d.Sink, r.Tenant)
	}
	e.noteProbe(name, err == nil)
	if err != nil {
		cause := failure("", &pipeline.WriteError{Err: err})
		return &Error{
			Code: CodeDestinationUnverified, Message: "the destination cannot be used: " + cause.Message,
			Hint: cause.Hint, Retryable: cause.Retryable, Err: err,
			Problems: []Problem{{Code: cause.Code, Field: "destination", Message: cause.Message}},
		}
	}
	return nil
}

// probed is when a destination was last tried, and how that went.
type probed struct {
	at time.Time
	ok bool
}

func (e *Engine) noteProbe(name string, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.probed) > 10_000 { // forget all rather than grow for ever
		clear(e.probed)
	}
	e.probed[name] = probed{e.config.Now(), ok}
}

// probes takes the place of a job in the keys of probes.
const probes = "probes"

// probeAttempts is more than engines start in one moment: each clears the
// folder once.
const probeAttempts = 10

// probeSink proves a sink, and removes what killed probes have left there: all
// of a tenant's lie in one folder, whatever the day. The object of another
// engine's probe may be removed with them; one whose object vanishes tries again.
func (e *Engine) probeSink(ctx context.Context, s sink.Sink, tenant string) (err error) {
	dir := place.Folder(e.config.Keys, tenant, probes, place.Manifests, time.Time{}) + "/"
	for range probeAttempts {
		if err = sink.Probe(ctx, s, dir+e.config.NewID()+".txt"); !errors.Is(err, sink.ErrNotFound) {
			break
		}
	}
	if err != nil {
		return err
	}
	for o, err := range s.List(ctx, dir) {
		if err == nil {
			err = s.Delete(ctx, o.Key)
		}
		if err != nil {
			return err
		}
	}
	_, err = sink.Clean(ctx, s, dir, e.config.Now().Add(24*time.Hour))
	return err
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
