package scheduler

import (
	"context"
	"errors"

	"github.com/exportyard/exportyard/internal/retention"
	"github.com/exportyard/exportyard/queue"
)

// retries is how often a change is tried that others were quicker than.
const retries = 5

// Create stores a schedule with its first tick. If there is or was one with its ID,
// that one is returned and nothing is changed, so that any number of hosts may make
// sure that a tenant has it.
func (s *Scheduler) Create(ctx context.Context, n queue.Schedule, entries ...queue.Entry) (of queue.Schedule, existing bool, err error) {
	settings, version, err := s.checked(ctx, n)
	if err != nil {
		return n, false, err
	}
	n.Followed = version
	// The store tells its time only with a row. The host's is good enough until then,
	// and good for ever if the two agree.
	if n.NextTick, n.DueAt, err = settings.plan(n.Tenant, n.ID, s.config.Now()); err != nil {
		return n, false, err
	}
	of, existing, err = s.config.Store.CreateSchedule(ctx, n, entries)
	if err != nil || existing || of.Tenant == "" {
		return of, existing, err
	}
	if tick, _, err := settings.plan(n.Tenant, n.ID, of.Now); err != nil || tick.Equal(of.NextTick) {
		return of, false, err
	}
	of, err = s.Edit(ctx, of)
	return of, false, err
}

// checked returns the settings of a schedule over those that it follows, or what is
// wrong with them.
func (s *Scheduler) checked(ctx context.Context, of queue.Schedule) (Settings, int64, error) {
	settings, version, err := (&platform{store: s.config.Store}).settings(ctx, of)
	if err == nil {
		err = settings.Check()
	}
	return settings, version, err
}

// Edit gives a schedule, as it was seen in its version, the Owner, Follows and Settings
// that it has here, and plans its next tick. The error wraps [queue.ErrStale] when
// somebody else changed it meanwhile.
func (s *Scheduler) Edit(ctx context.Context, of queue.Schedule, entries ...queue.Entry) (queue.Schedule, error) {
	return s.change(ctx, of, queue.EditSchedule, entries)
}

// Resume lets a paused schedule go on with the next tick from now on.
func (s *Scheduler) Resume(ctx context.Context, of queue.Schedule, entries ...queue.Entry) (queue.Schedule, error) {
	return s.change(ctx, of, queue.ResumeSchedule, entries)
}

func (s *Scheduler) change(ctx context.Context, of queue.Schedule, e queue.ScheduleEvent, entries []queue.Entry) (queue.Schedule, error) {
	now, err := s.config.Store.GetSchedule(ctx, of.Tenant, of.ID)
	if err != nil {
		return of, err
	}
	settings, version, err := s.checked(ctx, of)
	if err != nil {
		return of, err
	}
	c := queue.ScheduleChange{
		Tenant: of.Tenant, Schedule: of.ID, Version: of.Version, Event: e, Owner: of.Owner, Follows: of.Follows, Followed: version, Settings: of.Settings,
	}
	if c.NextTick, c.DueAt, err = settings.plan(of.Tenant, of.ID, seekFrom(now)); err != nil {
		return of, err
	}
	return s.config.Store.ChangeSchedule(ctx, c, entries)
}

// RunNow runs a schedule by hand, beside its ticks. The error is a
// [*queue.ConflictError] when its slot is taken, and a [*Refusal] when it cannot be.
func (s *Scheduler) RunNow(ctx context.Context, tenant, id, actor string) (queue.Run, error) {
	var run queue.Run
	for range retries {
		of, err := s.config.Store.GetSchedule(ctx, tenant, id)
		if err != nil {
			return run, err
		}
		settings, _, err := s.checked(ctx, of)
		if err != nil {
			return run, err
		}
		o := Order{Schedule: of, Settings: settings, Actor: actor, Manual: true, Nominal: of.Now}
		if o.From, o.To, err = settings.RangeAt(of.Now); err != nil {
			return run, err
		}
		job, entries, err := s.config.Make(ctx, o)
		if err != nil {
			return run, err
		}
		_, run, err = s.config.Store.TakeTick(ctx, queue.Tick{
			Tenant: tenant, Schedule: id, Version: of.Version, Nominal: of.Now, Manual: true, Actor: actor, Outcome: queue.RunStarted, Job: job,
		}, when(queue.RunStarted, entries))
		if err == nil {
			s.started(ctx, job.Job)
		}
		if !errors.Is(err, queue.ErrStale) {
			return run, err
		}
	}
	return run, queue.ErrStale
}

// An Archive is a job of a schedule, and what retention needs to know of it beside.
type Archive struct {
	Job queue.Job
	// Verified says that its files were proved when it was completed; Held that nothing
	// of it may go, Pinned that counts do not touch it.
	Verified, Held, Pinned bool
}

// maxRuns is how many runs back retention looks. What is older stays.
const maxRuns = 5000

// Policy returns the rules by which the results of a schedule are kept, also those of
// one that was removed; false when there are none of its own.
func (s *Scheduler) Policy(ctx context.Context, tenant, id string) (retention.Policy, bool, error) {
	of, err := s.config.Store.GetSchedule(ctx, tenant, id)
	if err != nil {
		return retention.Policy{}, false, err
	}
	settings, _, err := (&platform{store: s.config.Store}).settings(ctx, of)
	if err != nil {
		return retention.Policy{}, false, err
	}
	policy, ok := settings.policy()
	return policy, ok, nil
}

// Retain says what becomes of the results of a schedule, by its retention; it changes
// nothing. Look finds the job of a run. Without retention there is no verdict.
func (s *Scheduler) Retain(ctx context.Context, tenant, id string, look func(ctx context.Context, job string) (Archive, error)) (retention.Decision, error) {
	of, err := s.config.Store.GetSchedule(ctx, tenant, id)
	if err != nil {
		return retention.Decision{}, err
	}
	settings, _, err := s.checked(ctx, of)
	if err != nil {
		return retention.Decision{}, err
	}
	policy, ok := settings.policy()
	if !ok {
		return retention.Decision{}, nil
	}
	var exports []retention.Export
	known := of.CreatedAt
	for before, seen := int64(0), 0; seen < maxRuns; {
		runs, err := s.config.Store.Runs(ctx, tenant, id, before, page)
		if err != nil {
			return retention.Decision{}, err
		}
		for _, r := range runs {
			before, seen = r.Number, seen+1
			if r.At.After(known) {
				known = r.At
			}
			if r.Outcome != queue.RunCompleted {
				continue
			}
			a, err := look(ctx, r.Job)
			if err != nil {
				return retention.Decision{}, err
			}
			if a.Job.State != queue.Completed {
				continue // expired since
			}
			exports = append(exports, retention.Export{
				ID: a.Job.ID, At: r.Nominal, FinishedAt: a.Job.FinishedAt, Good: a.Verified, Manual: r.Manual, Pinned: a.Pinned, Held: a.Held,
			})
		}
		if len(runs) < page {
			break
		}
	}
	return policy.Decide(exports, of.Now, known), nil
}
