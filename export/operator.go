package export

import (
	"context"
	"errors"
	"time"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/operator"
)

// Operator is the one door across tenants: for the people who run the whole, never for
// those of a tenant. List, Requeue and PurgeTenant need a store that is an
// [operator.Store]; with another one they return an [*Error] with CodeUnsupported.
type Operator struct{ engine *Engine }

// Operator returns the door across tenants.
func (e *Engine) Operator() *Operator { return &Operator{engine: e} }

func (o *Operator) store() (operator.Store, error) {
	s, ok := o.engine.config.Store.(operator.Store)
	if !ok {
		return nil, &Error{Code: CodeUnsupported, Message: "this job store cannot be asked over all tenants", Hint: "use one that is an operator.Store"}
	}
	return s, nil
}

// An ActiveJob is an active export with what an operator wants to know of it.
type ActiveJob struct {
	*Job
	// ClaimedAt is when one of its parts was last claimed, and CreatedAt before the first.
	ClaimedAt time.Time
	// Waits says that a part waits for a worker or for its time, Suspect that one has
	// lost its lease and is next claimed alone.
	Waits, Suspect bool
}

// List returns a page of the active exports of all tenants, and the cursor of the next
// page, empty at the end. Query.Only selects those that may be stuck: late, idle, suspect.
func (o *Operator) List(ctx context.Context, q operator.Query) ([]ActiveJob, string, error) {
	s, err := o.store()
	if err != nil {
		return nil, "", err
	}
	page, next, err := s.ActiveJobs(ctx, q)
	if err != nil {
		return nil, "", storeError("", err)
	}
	out := make([]ActiveJob, len(page))
	for i, found := range page {
		j, err := o.engine.job(found.Job)
		if err != nil {
			return nil, "", err
		}
		out[i] = ActiveJob{Job: j, ClaimedAt: found.ClaimedAt, Waits: found.Waits, Suspect: found.Suspect}
	}
	return out, next, nil
}

// Requeue makes an open part of an active export as good as new: whoever holds it loses
// it, and its errors and crashes do not count any more.
func (o *Operator) Requeue(ctx context.Context, tenant, id string, part int, actor string) (*Job, error) {
	s, err := o.store()
	if err != nil {
		return nil, err
	}
	j, err := s.Requeue(ctx, operator.Requeue{Tenant: tenant, Job: id, Number: part}, o.audit(tenant, id, eventRequeued, actor, queue.Payload{}))
	if err != nil {
		return nil, storeError(id, err)
	}
	o.engine.worker.Stop(id) // what runs here; the next claim begins anew
	o.engine.ring(ctx)
	return o.engine.job(j)
}

// Fail ends an active export, which frees its slot, for a reason that its people read.
func (o *Operator) Fail(ctx context.Context, tenant, id, actor, reason string) (*Job, error) {
	why := (&Error{Code: CodeStopped, Job: id, Message: reason, Hint: "run the export again when the operator says so"}).payload()
	entries := []queue.Entry{
		o.engine.entry(queue.Audit, tenant, id, eventFailed, actor, why),
		o.engine.entry(queue.Outbox, tenant, id, eventFailed, "", why),
	}
	now, err := o.engine.config.Store.Get(ctx, tenant, id)
	if err != nil {
		return nil, storeError(id, err)
	}
	entries[1].Actor = now.Actor
	j, err := o.engine.config.Store.Update(ctx, queue.Update{Tenant: tenant, Job: id, Event: queue.Fail, Reason: why}, entries)
	if err != nil {
		return nil, storeError(id, err)
	}
	o.engine.tellEnded(ctx, j)
	o.engine.worker.Stop(id)
	return o.engine.job(j)
}

// Hold keeps an export, for a reason that stands in the audit log: from now on nothing of
// it expires, is pruned, deleted or purged. Its clocks go on, and act when it is released.
// One that has expired already cannot be held.
func (o *Operator) Hold(ctx context.Context, tenant, id, actor, reason string) (*Job, error) {
	return o.hold(ctx, tenant, id, queue.Hold, eventHeld, actor, reason)
}

// Release ends a hold.
func (o *Operator) Release(ctx context.Context, tenant, id, actor, reason string) (*Job, error) {
	return o.hold(ctx, tenant, id, queue.Unhold, eventReleased, actor, reason)
}

func (o *Operator) hold(ctx context.Context, tenant, id string, e queue.Event, what, actor, reason string) (*Job, error) {
	why, err := encodePayload(map[string]string{"reason": reason})
	if err != nil {
		return nil, &Error{Code: CodeInternal, Job: id, Message: "the reason cannot be written", Err: err}
	}
	j, err := o.engine.config.Store.Update(ctx, queue.Update{Tenant: tenant, Job: id, Event: e}, o.audit(tenant, id, what, actor, why))
	if err != nil {
		return nil, storeError(id, err)
	}
	return o.engine.job(j)
}

// audit is what an operator has done, in the tenant's own audit log.
func (o *Operator) audit(tenant, id, what, actor string, data queue.Payload) []queue.Entry {
	return []queue.Entry{o.engine.entry(queue.Audit, tenant, id, what, actor, data)}
}

// Purged says what became of a tenant's exports.
type Purged struct {
	// Forgotten were removed with their files, or without where these lie in the
	// tenant's own bucket.
	Forgotten int `json:"forgotten"`
	// Held stay until they are released.
	Held int `json:"held"`
	// Waiting have no files any more, but workers may still write what they do not yet
	// know to be in vain: purge again after Config.CleanAfter.
	Waiting int `json:"waiting"`
}

// PurgeTenant is for a tenant that leaves: it removes its schedules, cancels its active
// exports, removes the files of all from the platform's destinations, and forgets them.
// The tenant's own bucket is left alone, and so is the audit log. Nothing may be
// asked for any more, and the tenant's destinations have to be resolved to the end.
//
// It may be repeated, and is to be, until nothing is Waiting. It goes on past what it
// cannot do, and returns the errors of all of that.
func (o *Operator) PurgeTenant(ctx context.Context, tenant, actor string) (Purged, error) {
	var done Purged
	s, err := o.store()
	if err != nil {
		return done, err
	}
	if err := o.removeSchedules(ctx, tenant, actor); err != nil {
		return done, err
	}
	var failed []error
	for cursor := ""; ; {
		page, next, err := o.engine.config.Store.List(ctx, queue.ListQuery{Tenant: tenant, Limit: 100, After: cursor})
		if err != nil {
			return done, storeError("", err)
		}
		for _, j := range page {
			if err := o.purge(ctx, s, j, actor, &done); err != nil {
				failed = append(failed, failureOf(j, err))
			}
		}
		if cursor = next; next == "" || ctx.Err() != nil {
			break
		}
	}
	what, err := encodePayload(done)
	if err == nil {
		_, err = o.engine.config.Store.Update(ctx, queue.Update{Tenant: tenant}, o.audit(tenant, "", eventPurged, actor, what))
	}
	return done, errors.Join(append(failed, storeError("", err))...)
}

func failureOf(j queue.Job, err error) error {
	e := failure("", err)
	e.Job = j.ID
	return e
}

func (o *Operator) removeSchedules(ctx context.Context, tenant, actor string) error {
	all := o.engine.schedules
	if all.store == nil {
		return nil
	}
	for {
		page, err := all.List(ctx, tenant, "", 100)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, s := range page {
			var e *Error
			if err := all.Remove(ctx, tenant, s.ID, actor); err != nil && !(errors.As(err, &e) && e.Code == CodeStale) {
				return err
			}
		}
	}
}

// purge brings one export as far as it can be.
func (o *Operator) purge(ctx context.Context, s operator.Store, j queue.Job, actor string, done *Purged) (err error) {
	e := o.engine
	if j.State.Active() && !j.Held {
		if _, err := e.Cancel(ctx, j.Tenant, j.ID, actor); err != nil {
			return err
		}
		if j, err = e.config.Store.Get(ctx, j.Tenant, j.ID); err != nil {
			return err
		}
	}
	if j.Held {
		done.Held++
		return nil
	}
	own, err := o.own(ctx, j)
	if err != nil {
		return err
	}
	if !own {
		if j, err = o.removeFiles(ctx, j, actor); err != nil {
			return err
		}
	}
	if j.Now.Before(j.FinishedAt.Add(e.config.CleanAfter)) {
		done.Waiting++
		return nil
	}
	if !j.CleanAt.IsZero() {
		if _, err := e.config.Store.Update(ctx, queue.Update{Tenant: j.Tenant, Job: j.ID, Event: queue.Clean}, nil); err != nil {
			return err
		}
	}
	err = s.Forget(ctx, operator.Forget{Tenant: j.Tenant, Job: j.ID, LeaveFiles: own}, o.audit(j.Tenant, j.ID, eventForgotten, actor, queue.Payload{}))
	switch {
	case errors.Is(err, queue.ErrNotFound):
		return nil // another purge was quicker
	case errors.Is(err, queue.ErrBadTransition):
		done.Waiting++ // the end of its run is to be recorded
		return nil
	case err == nil:
		done.Forgotten++
	}
	return err
}

// own reports whether a job's files lie in the tenant's own bucket. Without a plan there
// are none.
func (o *Operator) own(ctx context.Context, j queue.Job) (bool, error) {
	if _, err := o.engine.loadPlan(ctx, j); err != nil {
		if errors.Is(err, errNoPlan) {
			err = nil
		}
		return false, err
	}
	var r Request
	if err := decodePayload(j.Request, &r); err != nil {
		return false, err
	}
	d, err := o.engine.destination(ctx, j, r)
	return d.Own, err
}

// removeFiles removes all that a job has stored: links are refused first, then the
// files go, then the row says so.
func (o *Operator) removeFiles(ctx context.Context, j queue.Job, actor string) (queue.Job, error) {
	var err error
	if j.State == queue.Completed {
		j, err = o.engine.config.Store.Update(ctx, queue.Update{Tenant: j.Tenant, Job: j.ID, Event: queue.Retire},
			o.audit(j.Tenant, j.ID, eventDeleted, actor, queue.Payload{}))
		if err != nil {
			return j, err
		}
	}
	if _, _, err = o.engine.removeObjects(ctx, j, nil); err != nil {
		return j, err
	}
	if j.State == queue.Completed {
		if err := o.engine.markExpired(ctx, j); err != nil {
			return j, err
		}
	}
	return o.engine.config.Store.Get(ctx, j.Tenant, j.ID)
}
