package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/exportyard/exportyard/internal/retention"
	"github.com/exportyard/exportyard/internal/scheduler"
	"github.com/exportyard/exportyard/queue"
)

// A Verdict is what a schedule's retention makes of one of its exports, and why.
type Verdict struct {
	Job string `json:"job"`
	// Kept says that it stays for now.
	Kept bool `json:"kept"`
	// Reasons are, of one that stays: "newest", "daily", "weekly", "monthly" for the
	// counts that it has a place in, "no-counts" where there are none, "manual" when a
	// person asked for it, "held", "not-good" when its files are going already,
	// "clock-leap" when it would go but the clock is not believed, "next-pass" when
	// enough go at once; of one that goes: "not-counted" or "file-clock".
	Reasons []string `json:"reasons"`
}

// Retention says what becomes of the exports of a schedule, newest first, if it was
// looked at now; it changes nothing. That is done by itself when a run has ended. A
// schedule without retention has no verdicts.
func (s *Schedules) Retention(ctx context.Context, tenant, id string) ([]Verdict, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	decision, err := s.scheduler.Retain(ctx, tenant, id, s.archive(tenant))
	if err != nil {
		return nil, scheduleError(id, err)
	}
	out := make([]Verdict, len(decision.Verdicts))
	for i, v := range decision.Verdicts {
		out[i] = verdictOf(v)
	}
	return out, nil
}

func verdictOf(v retention.Verdict) Verdict {
	out := Verdict{Job: v.ID, Kept: v.Action == retention.Keep}
	for _, r := range v.Reasons {
		out.Reasons = append(out.Reasons, string(r))
	}
	return out
}

// archive returns what retention asks about a job of the tenant. One that is not there
// any more does not count.
func (s *Schedules) archive(tenant string) func(ctx context.Context, job string) (scheduler.Archive, error) {
	return func(ctx context.Context, job string) (scheduler.Archive, error) {
		j, err := s.engine.config.Store.Get(ctx, tenant, job)
		if err != nil && !errors.Is(err, queue.ErrNotFound) {
			return scheduler.Archive{}, err
		}
		return scheduler.Archive{Job: j, Verified: j.State == Completed && !late(j), Held: j.Held}, nil
	}
}

// ranOut is called when a run has ended: what its export replaces may go.
func (s *Schedules) ranOut(ctx context.Context, of queue.Schedule, r queue.Run) {
	if r.Outcome != RunCompleted {
		return
	}
	if err := s.prune(ctx, of.Tenant, of.ID); err != nil {
		s.engine.config.Logger.WarnContext(ctx, "pruning exports", "tenant", of.Tenant, "schedule", of.ID, "err", err)
	}
}

// prune retires what a schedule's retention lets go. From then on no file is handed
// out; the sweep removes the files.
func (s *Schedules) prune(ctx context.Context, tenant, id string) error {
	decision, err := s.scheduler.Retain(ctx, tenant, id, s.archive(tenant))
	if err != nil {
		return err
	}
	if decision.Leap > 0 {
		s.engine.leapt(ctx, tenant, decision.Leap)
	}
	for _, v := range decision.Verdicts {
		if v.Action == retention.Keep {
			continue
		}
		why, err := json.Marshal(verdictOf(v))
		if err != nil {
			return err
		}
		entry := s.engine.entry(queue.Audit, tenant, v.ID, eventPruned, "", queue.Payload{Version: payloadVersion, Data: why})
		_, err = s.engine.config.Store.Update(ctx, queue.Update{Tenant: tenant, Job: v.ID, Event: queue.Retire}, []queue.Entry{entry})
		if err != nil && !errors.Is(err, queue.ErrBadTransition) && !errors.Is(err, queue.ErrNotFound) {
			return err
		}
	}
	return nil
}

// leapt says loudly that a clock is not believed, and that nothing goes by it.
func (e *Engine) leapt(ctx context.Context, tenant string, ahead time.Duration) {
	e.config.Logger.ErrorContext(ctx, "the clock leapt ahead: no export expires until it is right", "tenant", tenant, "ahead", ahead)
	data := fmt.Appendf(nil, `{"ahead_seconds":%d}`, int64(ahead/time.Second))
	entry := e.entry(queue.Audit, tenant, "", eventClockLeapt, "", queue.Payload{Version: payloadVersion, Data: data})
	if _, err := e.config.Store.Update(ctx, queue.Update{Tenant: tenant}, []queue.Entry{entry}); err != nil {
		e.config.Logger.WarnContext(ctx, "a leap of the clock is not in the audit log", "err", err)
	}
}

// errLeap keeps what has expired by a clock that is not believed.
var errLeap = errors.New("the clock leapt ahead, so nothing expires by it")

// believed says whether files may go by the time that the store has.
func (e *Engine) believed(ctx context.Context, now time.Time) error {
	ahead := e.clock.Leap(now, e.config.Now())
	if ahead == 0 {
		e.leaping.Store(false)
		return nil
	}
	if !e.leaping.Swap(true) {
		e.leapt(ctx, "", ahead)
	}
	return errLeap
}

// notice tells, once, that the files of an export will expire; when they have, it is
// too late for that.
func (e *Engine) notice(ctx context.Context, j queue.Job) error {
	if err := e.believed(ctx, j.Now); err != nil {
		return err
	}
	var entries []queue.Entry
	if !late(j) {
		data, err := encodePayload(struct {
			ExpiresAt time.Time `json:"expires_at"`
		}{j.ExpiresAt})
		if err != nil {
			return err
		}
		entries = append(entries, e.entry(queue.Outbox, j.Tenant, j.ID, eventExpiring, j.Actor, data))
	}
	_, err := e.config.Store.Update(ctx, queue.Update{Tenant: j.Tenant, Job: j.ID, Event: queue.Notice}, entries)
	return err
}

// keepOf returns how long the files of a job stay; 0 for ever. For runs of a schedule
// with a retention of its own that is its clock, beside which it counts.
func (e *Engine) keepOf(ctx context.Context, j queue.Job, d Destination) (time.Duration, error) {
	var t taken
	if err := decodePayload(j.Request, &t); err != nil {
		return 0, err
	}
	if t.Schedule == "" || t.Manual || e.schedules.store == nil {
		return e.keep(d), nil
	}
	policy, ok, err := e.schedules.scheduler.Policy(ctx, j.Tenant, t.Schedule)
	switch {
	case errors.Is(err, queue.ErrNotFound), err == nil && !ok:
		return e.keep(d), nil
	case err != nil:
		return 0, storeError(j.ID, err)
	}
	return policy.Files, nil
}
