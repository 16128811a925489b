package export

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/exportyard/exportyard/export/observe"
	"github.com/exportyard/exportyard/internal/pipeline"
	"github.com/exportyard/exportyard/internal/worker"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/source"
)

// Run works on parts, sweeps, takes the ticks of schedules, hands the audit log on, and
// blocks until ctx ends. It then takes no more work, lets running parts finish for Config.Grace, puts the rest back, and
// returns nil when nothing of it runs any more. It is called once at a time.
func (e *Engine) Run(ctx context.Context) error {
	e.running(e.config.Now())
	defer e.running(time.Time{})
	var sweeper sync.WaitGroup
	sweeper.Go(func() { e.sweepLoop(ctx, e.sweepNow, e.sweepJobs) })
	// A destination that is asked at a tick must not hold up what frees slots.
	sweeper.Go(func() { e.sweepLoop(ctx, nil, e.sweepSchedules) })
	sweeper.Go(func() { e.relay(ctx) })
	e.worker.Run(ctx)
	sweeper.Wait()
	e.instants.Close()
	return nil
}

// running notes since when Run runs; zero for not any more.
func (e *Engine) running(since time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.watch.runs = since
}

// do does one part and says how it ended.
func (e *Engine) do(ctx context.Context, h *worker.Held) (queue.Finish, []queue.Entry) {
	f, err := e.attempt(ctx, h)
	if err != nil {
		h.Err = err
		f = e.failed(h, err)
	}
	return f, e.finishEntries(h, f)
}

// attempt runs a part and turns its panic into an error.
func (e *Engine) attempt(ctx context.Context, h *worker.Held) (f queue.Finish, err error) {
	defer pipeline.Recovered(&err)
	switch h.Part.Kind {
	case queue.PlanPart:
		return e.doPlan(ctx, h)
	case queue.RowsPart:
		return e.doRows(ctx, h)
	default:
		return e.doSeal(ctx, h)
	}
}

// failed decides whether an error is worth another attempt.
func (e *Engine) failed(h *worker.Held, err error) queue.Finish {
	var newer *newerPayload
	if errors.As(err, &newer) || errors.Is(err, source.ErrSnapshotLimit) {
		return queue.Finish{Outcome: queue.Release, Delay: e.config.Lease}
	}
	if errors.Is(err, source.ErrSnapshotGone) {
		e.instants.Drop(jobOf(h)) // so that the next attempt does without
	}
	reason := failure(string(h.Part.Kind), err)
	reason.Job = h.Job.ID
	// What the store gave back wrongly it may give back rightly, or a seal makes it anew.
	reason.Retryable = reason.Retryable || reason.Code == CodeVerificationFailed && len(reason.Problems) > 0
	if reason.Retryable && h.Part.Failures+1 < e.config.MaxAttempts {
		return queue.Finish{Outcome: queue.Retry, Reason: reason.payload(), Delay: e.retry.Delay(h.Part.Failures + 1)}
	}
	return queue.Finish{Outcome: queue.Refuse, Reason: reason.payload()}
}

func (e *Engine) finishEntries(h *worker.Held, f queue.Finish) []queue.Entry {
	switch {
	case f.Outcome == queue.Refuse:
		return e.ended(h.Job, eventFailed, f.Reason, queue.Failed)
	case f.Outcome == queue.Seal && h.Part.Kind == queue.PlanPart:
		return []queue.Entry{e.entry(queue.Audit, h.Job.Tenant, h.Job.ID, eventStarted, h.Job.Actor, queue.Payload{})}
	case f.Outcome == queue.Seal && h.Part.Kind == queue.SealPart:
		return e.ended(h.Job, eventCompleted, f.Result, queue.Completed)
	default:
		return nil
	}
}

// settled goes on after a part's end is in the store: new parts want workers,
// an ended job wants cleaning.
func (e *Engine) settled(ctx context.Context, h *worker.Held, f queue.Finish, j queue.Job) {
	if !j.State.Active() {
		e.tellEnded(ctx, j)
		e.mu.Lock()
		delete(e.plans, j.ID)
		e.mu.Unlock()
		e.worker.Stop(j.ID) // its other parts, before the sweep looks for what they wrote
		select {
		case e.sweepNow <- struct{}{}:
		default:
		}
		return
	}
	if f.Outcome == queue.Seal {
		if h.Part.Kind == queue.PlanPart {
			observe.Tell(ctx, e.config.Observer, observe.JobStarted{
				Job: observed(j), Waited: j.StartedAt.Sub(j.CreatedAt), Parts: j.Parts, RowsPlanned: j.RowsPlanned,
			})
		}
		e.ring(ctx)
	}
}
