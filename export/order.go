package export

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/exportyard/exportyard/export/observe"
	"github.com/exportyard/exportyard/internal/pipeline"
	"github.com/exportyard/exportyard/internal/scheduler"
	"github.com/exportyard/exportyard/queue"
)

// An origin is the run of a schedule that a job comes of; zero for a request.
type origin struct {
	Schedule string    `json:"schedule,omitempty"`
	Nominal  time.Time `json:"nominal,omitzero"`
	// Manual says that a person asked for the run.
	Manual bool `json:"manual,omitempty"`
}

// A taken is a request as a job keeps it.
type taken struct {
	Request
	origin
}

// ordered returns the request of an order.
func ordered(o scheduler.Order) (Request, error) {
	var r Request
	if err := json.Unmarshal(o.Settings.Request, &r); err != nil {
		return r, &Error{Code: CodeInternal, Schedule: o.Schedule.ID, Message: "the stored request cannot be read", Err: err}
	}
	r.Tenant, r.Actor, r.Zone, r.From, r.To = o.Schedule.Tenant, o.Actor, o.Settings.Zone, o.From, o.To
	return r.withDefaults(), nil
}

// patience is how long a tick waits for a destination that does not answer before
// the run counts as refused.
const patience = time.Hour

// order makes the job of a run on the same way as a request's, or says why there is
// none. What may pass soon leaves the tick due.
func (s *Schedules) order(ctx context.Context, o scheduler.Order) (job queue.NewJob, entries []queue.Entry, err error) {
	defer pipeline.Recovered(&err)
	r, err := ordered(o)
	if err == nil {
		job, entries, err = s.engine.prepare(ctx, r, origin{Schedule: o.Schedule.ID, Nominal: o.Nominal, Manual: o.Manual})
	}
	var refusal *Error
	switch waited := o.Schedule.Now.Sub(o.Schedule.DueAt); {
	case err == nil:
		return job, entries, nil
	case !errors.As(err, &refusal), refusal.Code == CodeUnavailable, refusal.Retryable && !o.Manual && waited < patience:
		return job, nil, err
	}
	refused := *refusal
	refused.Schedule = o.Schedule.ID
	reason := refused.payload()
	if o.Manual {
		return job, nil, &scheduler.Refusal{Reason: reason, Err: &refused} // RunNow notes it
	}
	observe.Tell(ctx, s.engine.config.Observer, observe.JobRefused{Job: observe.Job{Tenant: r.Tenant, Kind: r.Kind}, Code: string(refused.Code)})
	entry := s.engine.entry(queue.Audit, o.Schedule.Tenant, "", eventRefused, o.Actor, reason)
	return queue.NewJob{}, []queue.Entry{entry}, &scheduler.Refusal{Reason: reason, Err: &refused}
}

// sweepSchedules takes the ticks that are due and records the ends of runs.
func (e *Engine) sweepSchedules(ctx context.Context) error {
	if e.schedules.store == nil {
		return nil
	}
	made, err := e.schedules.scheduler.Sweep(ctx)
	if made {
		e.ring(ctx)
	}
	if err != nil && ctx.Err() == nil {
		e.config.Logger.WarnContext(ctx, "sweeping schedules", "err", err)
	}
	return err
}
