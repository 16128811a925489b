package memstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore/internal/journal"
	"github.com/exportyard/exportyard/queue/memstore/internal/row"
)

var _ queue.ScheduleStore = (*Store)(nil)

type scheduleKey struct{ tenant, id string }

// CreateSchedule stores a schedule.
func (s *Store) CreateSchedule(ctx context.Context, n queue.Schedule, entries []queue.Entry) (queue.Schedule, bool, error) {
	now, err := s.latch.Begin(ctx)
	if err != nil {
		return queue.Schedule{}, false, err
	}
	defer s.latch.End()
	key := scheduleKey{n.Tenant, n.ID}
	if there, ok := s.schedules[key]; ok {
		return there.Read(now), true, nil
	}
	st := row.NewSchedule(n.Make(now))
	if err := journal.Append(s.entries, "", st.Schedule.EntriesAfter(queue.Schedule{}, "", entries), now); err != nil {
		return queue.Schedule{}, false, err
	}
	s.schedules[key] = st
	return st.Read(now), false, nil
}

// ChangeSchedule applies an event to a schedule.
func (s *Store) ChangeSchedule(ctx context.Context, c queue.ScheduleChange, entries []queue.Entry) (queue.Schedule, error) {
	now, err := s.latch.Begin(ctx)
	if err != nil {
		return queue.Schedule{}, err
	}
	defer s.latch.End()
	st, err := s.standing(c.Tenant, c.Schedule)
	if err != nil {
		return queue.Schedule{}, err
	}
	after, err := c.Apply(st.Schedule)
	if err != nil {
		return queue.Schedule{}, err
	}
	if err := journal.Append(s.entries, "", after.EntriesAfter(st.Schedule, "", entries), now); err != nil {
		return queue.Schedule{}, err
	}
	st.Set(after)
	return st.Read(now), nil
}

// GetSchedule returns the tenant's schedule.
func (s *Store) GetSchedule(ctx context.Context, tenant, id string) (queue.Schedule, error) {
	now, err := s.latch.Begin(ctx)
	if err != nil {
		return queue.Schedule{}, err
	}
	defer s.latch.End()
	st, err := s.standing(tenant, id)
	if err != nil {
		return queue.Schedule{}, err
	}
	return st.Read(now), nil
}

// Schedules returns a page of the tenant's schedules.
func (s *Store) Schedules(ctx context.Context, tenant, after string, limit int) ([]queue.Schedule, error) {
	now, err := s.latch.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer s.latch.End()
	var found []queue.Schedule
	for key, st := range s.schedules {
		if key.tenant == tenant && key.id > after && st.Schedule.State != queue.ScheduleRemoved {
			found = append(found, st.Read(now))
		}
	}
	slices.SortFunc(found, func(a, b queue.Schedule) int { return strings.Compare(a.ID, b.ID) })
	return found[:min(max(limit, 0), len(found))], nil
}

// DueSchedules returns what the scheduler must look at.
func (s *Store) DueSchedules(ctx context.Context, limit int) ([]queue.DueSchedule, error) {
	now, err := s.latch.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer s.latch.End()
	var ticks, followers, runs []queue.DueSchedule
	for _, st := range s.schedules {
		if st.Schedule.Ticks(now) {
			ticks = append(ticks, queue.DueSchedule{Kind: queue.DueTick, Schedule: st.Read(now)})
		}
		if followed, ok := s.schedules[scheduleKey{id: st.Schedule.Follows}]; ok && st.Schedule.Behind(followed.Schedule) {
			followers = append(followers, queue.DueSchedule{Kind: queue.DueFollower, Schedule: st.Read(now)})
		}
		for _, run := range st.Open() {
			if r, ok := s.jobs[run.Job]; ok && run.Over(r.Job) {
				runs = append(runs, queue.DueSchedule{Kind: queue.DueRun, Schedule: st.Read(now), Run: row.CloneRun(run), Job: r.Read(now)})
			}
		}
	}
	sortDue(ticks, func(d queue.DueSchedule) time.Time { return d.Schedule.DueAt })
	sortDue(followers, func(d queue.DueSchedule) time.Time { return d.Schedule.CreatedAt })
	sortDue(runs, func(d queue.DueSchedule) time.Time { return d.Job.FinishedAt })
	return queue.TakeTurns(limit, ticks, followers, runs), nil
}

func sortDue(list []queue.DueSchedule, since func(queue.DueSchedule) time.Time) {
	slices.SortFunc(list, func(a, b queue.DueSchedule) int {
		return cmp.Or(since(a).Compare(since(b)), cmp.Compare(a.Schedule.Tenant, b.Schedule.Tenant), cmp.Compare(a.Schedule.ID, b.Schedule.ID), cmp.Compare(a.Run.Number, b.Run.Number))
	})
}

// TakeTick takes a tick.
func (s *Store) TakeTick(ctx context.Context, t queue.Tick, entries []queue.Entry) (queue.Schedule, queue.Run, error) {
	now, err := s.latch.Begin(ctx)
	if err != nil {
		return queue.Schedule{}, queue.Run{}, err
	}
	defer s.latch.End()
	st, err := s.standing(t.Tenant, t.Schedule)
	if err != nil {
		return queue.Schedule{}, queue.Run{}, err
	}
	var active *queue.Job
	if r, ok := s.active[t.Job.Slot]; ok && t.Outcome == queue.RunStarted {
		j := r.Read(now)
		active = &j
	}
	after, run, err := t.Apply(st.Schedule, active, now)
	if err != nil {
		return queue.Schedule{}, queue.Run{}, err
	}
	kept := after.EntriesAfter(st.Schedule, run.Outcome, entries)
	if run.Outcome == queue.RunStarted {
		_, err = s.create(t.NewJob(), kept, now)
	} else {
		err = journal.Append(s.entries, "", kept, now)
	}
	if err != nil {
		return queue.Schedule{}, queue.Run{}, err
	}
	st.Set(after)
	st.AddRun(run)
	return st.Read(now), row.CloneRun(run), nil
}

// EndRun records how the job of a run has ended.
func (s *Store) EndRun(ctx context.Context, e queue.RunEnd, entries []queue.Entry) (queue.Schedule, queue.Run, error) {
	now, err := s.latch.Begin(ctx)
	if err != nil {
		return queue.Schedule{}, queue.Run{}, err
	}
	defer s.latch.End()
	st, err := s.standing(e.Tenant, e.Schedule)
	if err != nil {
		return queue.Schedule{}, queue.Run{}, err
	}
	if e.Number < 1 || e.Number > int64(len(st.Runs)) {
		return queue.Schedule{}, queue.Run{}, fmt.Errorf("memstore: run %d of schedule %s: %w", e.Number, e.Schedule, queue.ErrNotFound)
	}
	was := st.Runs[e.Number-1]
	var job queue.Job
	if r, ok := s.jobs[was.Job]; ok {
		job = r.Job
	}
	after, run, err := e.Apply(st.Schedule, was, job)
	if err != nil {
		return queue.Schedule{}, queue.Run{}, err
	}
	if err := journal.Append(s.entries, "", after.EntriesAfter(st.Schedule, run.Outcome, entries), now); err != nil {
		return queue.Schedule{}, queue.Run{}, err
	}
	st.Set(after)
	st.SetRun(run)
	return st.Read(now), row.CloneRun(run), nil
}

// Runs returns a page of a schedule's runs.
func (s *Store) Runs(ctx context.Context, tenant, schedule string, before int64, limit int) ([]queue.Run, error) {
	if _, err := s.latch.Begin(ctx); err != nil {
		return nil, err
	}
	defer s.latch.End()
	st, err := s.standing(tenant, schedule)
	if err != nil {
		return nil, err
	}
	var found []queue.Run
	for _, r := range slices.Backward(st.Runs) {
		if (before <= 0 || r.Number < before) && len(found) < limit {
			found = append(found, row.CloneRun(r))
		}
	}
	return found, nil
}

func (s *Store) standing(tenant, id string) (*row.Schedule, error) {
	if st, ok := s.schedules[scheduleKey{tenant, id}]; ok {
		return st, nil
	}
	return nil, fmt.Errorf("memstore: schedule %s: %w", id, queue.ErrNotFound)
}
