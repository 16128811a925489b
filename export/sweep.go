package export

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/export/observe"
	"github.com/exportyard/exportyard/internal/cleaning"
	"github.com/exportyard/exportyard/internal/redact"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/sink"
)

// sweepLoop sweeps at once, at every Config.Sweep, and when now says so. It then
// rings: for rings that were lost, and for parts that had to wait for their next try.
func (e *Engine) sweepLoop(ctx context.Context, now <-chan struct{}, sweep func(context.Context) error) {
	tick := time.NewTicker(e.config.Sweep)
	defer tick.Stop()
	for ctx.Err() == nil {
		_ = sweep(ctx) // its observers, the log among them, know
		e.ring(ctx)
		select {
		case <-ctx.Done():
		case <-now:
		case <-tick.C:
		}
	}
}

// sweepPage is how many due things are looked at in one step.
const sweepPage = 100

// Sweep does once what a running engine does every Config.Sweep: it takes back
// expired leases, fails jobs past their deadline, expires files, removes what
// attempts have left behind, and takes the ticks of schedules that are due. It
// returns the errors of all that it could not do; those are tried again by the next
// sweep.
func (e *Engine) Sweep(ctx context.Context) error {
	return errors.Join(e.sweepJobs(ctx), e.sweepSchedules(ctx))
}

func (e *Engine) sweepJobs(ctx context.Context) error {
	begun := time.Now()
	ctx = observe.Begin(ctx, e.config.Observer, observe.Sweep{})
	var done observe.SweepEnded
	err := e.sweep(ctx, &done)
	done.Err = redact.Error(err)
	if ctx.Err() != nil {
		done.Failed = 0 // it was told to stop
	}
	done.Duration = time.Since(begun)
	if err == nil {
		e.mu.Lock()
		e.watch.swept = e.config.Now()
		e.mu.Unlock()
	}
	done.Gauges = e.Health(ctx).Gauges
	observe.Tell(ctx, e.config.Observer, done)
	return err
}

// sweep settles what is due and counts it.
func (e *Engine) sweep(ctx context.Context, done *observe.SweepEnded) error {
	e.releaseSnapshots(ctx)
	var failed []error
	for {
		// What failed stays due and comes first again: look beyond it.
		due, err := e.config.Store.Due(ctx, sweepPage+len(failed))
		if err != nil {
			done.Failed = len(failed) + 1
			return errors.Join(append(failed, err)...)
		}
		var now []error
		done.Stuck = observe.Orphans{}
		for _, d := range due {
			if err := e.settle(ctx, d, done); err != nil {
				now = append(now, fmt.Errorf("%s of job %s: %w", d.Kind, d.Job.ID, err))
			}
		}
		done.Settled, done.Failed = done.Settled+len(due)-len(now), len(now)
		stuck := len(now) == len(due) || len(due) < sweepPage+len(failed)
		failed = now
		if stuck || ctx.Err() != nil {
			return errors.Join(failed...)
		}
	}
}

// settle does one due thing. That another sweeper was quicker is no error.
func (e *Engine) settle(ctx context.Context, d queue.Due, done *observe.SweepEnded) (err error) {
	var j queue.Job
	switch d.Kind {
	case queue.DueLease:
		reason := &Error{
			Code: CodeWorkerLost, Job: d.Job.ID, Stage: string(d.Part.Kind), Retryable: true,
			Message: "the worker was lost again and again", Hint: "look at why its process died, then run the export again",
		}
		j, err = e.config.Store.Finish(ctx, queue.Finish{
			Tenant: d.Job.Tenant, Job: d.Job.ID, Number: d.Part.Number, Fence: d.Part.Fence,
			Outcome: queue.LeaseOver, Reason: reason.payload(), MaxCrashes: e.config.MaxCrashes,
		}, e.ended(d.Job, eventFailed, reason.payload(), queue.Failed))
		if err == nil {
			observe.Tell(ctx, e.config.Observer, observe.LeaseLost{
				Job: observed(j), Number: d.Part.Number, PartKind: d.Part.Kind, Fence: d.Part.Fence, Late: j.Now.Sub(d.Part.LeaseUntil),
			})
		}
		e.worker.Suspect()
		e.ring(ctx)
	case queue.DueDeadline:
		reason := &Error{
			Code: CodeLimitDuration, Job: d.Job.ID, Retryable: true,
			Message: "the export did not end in the time it was given", Hint: "choose a shorter range, or look whether workers run",
		}
		j, err = e.config.Store.Update(ctx, queue.Update{Tenant: d.Job.Tenant, Job: d.Job.ID, Event: queue.Fail, Reason: reason.payload()},
			e.ended(d.Job, eventFailed, reason.payload(), queue.Failed))
		e.worker.Stop(d.Job.ID)
	case queue.DueExpiry:
		if err = e.believed(ctx, d.Job.Now); err == nil {
			err = e.expire(ctx, d.Job)
		}
	case queue.DueNotice:
		err = e.notice(ctx, d.Job)
	case queue.DueCleaning:
		err = e.clean(ctx, d.Job, done)
	}
	if err == nil && j.State == queue.Failed {
		e.tellEnded(ctx, j)
	}
	if errors.Is(err, queue.ErrFenced) || errors.Is(err, queue.ErrBadTransition) || errors.Is(err, queue.ErrNotFound) {
		return nil
	}
	return err
}

// expire removes the files of a job past its expiry, then lets the row say so.
func (e *Engine) expire(ctx context.Context, j queue.Job) error {
	if _, _, err := e.removeObjects(ctx, j, nil); err != nil {
		return err
	}
	return e.markExpired(ctx, j)
}

func (e *Engine) markExpired(ctx context.Context, j queue.Job) error {
	_, err := e.config.Store.Update(ctx, queue.Update{Tenant: j.Tenant, Job: j.ID, Event: queue.Expire},
		e.ended(j, eventExpired, queue.Payload{}, queue.Expired))
	switch {
	case err == nil:
		observe.Tell(ctx, e.config.Observer, observe.JobExpired{Job: observed(j)})
	case errors.Is(err, queue.ErrBadTransition):
		return nil // another sweeper was quicker
	}
	return storeError(j.ID, err)
}

// clean removes what attempts of an ended job have left behind. The first pass
// comes at once, the second after Config.CleanAfter: a worker that has lost its
// lease without knowing can write for a short while.
func (e *Engine) clean(ctx context.Context, j queue.Job, done *observe.SweepEnded) error {
	keep, err := e.kept(ctx, j)
	switch {
	case errors.Is(err, sink.ErrNotFound):
		// Somebody removed the manifest. Without it nothing says which objects
		// count, so none is touched.
		e.config.Logger.WarnContext(ctx, "a manifest is gone", "tenant", j.Tenant, "job", j.ID)
	case err != nil:
		return err
	default:
		removed, left, err := e.removeObjects(ctx, j, keep)
		done.Removed, done.Stuck = done.Removed.Plus(removed), done.Stuck.Plus(left)
		if err != nil {
			return err
		}
	}
	u := queue.Update{Tenant: j.Tenant, Job: j.ID, Event: queue.Clean}
	if j.Cleanings == 0 {
		u.Again = e.config.CleanAfter
	}
	_, err = e.config.Store.Update(ctx, u, nil)
	return err
}

// kept returns the keys of a completed job's objects that count; none for all
// other jobs.
func (e *Engine) kept(ctx context.Context, j queue.Job) (map[string]bool, error) {
	if j.State != queue.Completed {
		return nil, nil
	}
	m, _, err := e.archive(ctx, j)
	if err != nil {
		return nil, err
	}
	keep := map[string]bool{m.Key: true, m.Key + manifest.SignatureExt: true}
	for _, f := range m.Files {
		keep[f.Key] = true
	}
	return keep, nil
}

// removeObjects deletes all objects of a job but those to keep, and what
// unfinished writers left of others. It returns what is gone, and of the folder
// in which it failed what is left.
func (e *Engine) removeObjects(ctx context.Context, j queue.Job, keep map[string]bool) (removed, left observe.Orphans, err error) {
	pl, err := e.loadPlan(ctx, j)
	if errors.Is(err, errNoPlan) {
		return removed, left, nil // without a plan nothing was written
	}
	if err != nil {
		return removed, left, err
	}
	var r Request
	if err := decodePayload(j.Request, &r); err != nil {
		return removed, left, err
	}
	d, err := e.destination(ctx, j, r)
	if err != nil {
		return removed, left, err
	}
	return cleaning.Folders(ctx, d.Sink, pl.Folders, keep, e.config.Now())
}

// archive reads the manifest that a completed job names, proves that it is the
// one that was written, and says where it lies.
func (e *Engine) archive(ctx context.Context, j queue.Job) (*manifest.Manifest, Destination, error) {
	var res result
	if err := decodePayload(j.Result, &res); err != nil {
		return nil, Destination{}, err
	}
	d, err := e.destination(ctx, j, Request{Destination: res.Destination})
	if err != nil {
		return nil, d, err
	}
	data, err := manifest.ReadAll(ctx, d.Sink, manifest.Object{Key: res.Key, Bytes: res.Bytes, SHA256: res.SHA256})
	if err != nil {
		return nil, d, err
	}
	m, err := manifest.Decode(res.Key, data)
	return m, d, err
}
