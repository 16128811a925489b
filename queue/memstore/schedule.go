package memstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/exportyard/exportyard/queue"
)

var _ queue.ScheduleStore = (*Store)(nil)

type scheduleKey struct{ tenant, id string }

// A standing is a schedule with its runs.
type standing struct {
	schedule queue.Schedule
	runs     []queue.Run // in order of Number
	// firstOpen is the index below which no run waits for the end of its job.
	firstOpen int
}

// open returns the runs from the first one on that waits for the end of its job.
func (st *standing) open() []queue.Run {
	for st.firstOpen < len(st.runs) && st.runs[st.firstOpen].Outcome != queue.RunStarted {
		st.firstOpen++
	}
	return st.runs[st.firstOpen:]
}

// CreateSchedule stores a schedule.
func (s *Store) CreateSchedule(ctx context.Context, n queue.Schedule, entries []queue.Entry) (queue.Schedule, bool, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return queue.Schedule{}, false, err
	}
	defer s.mu.Unlock()
	key := scheduleKey{n.Tenant, n.ID}
	if there, ok := s.schedules[key]; ok {
		return there.read(now), true, nil
	}
	st := &standing{schedule: cloneSchedule(n.Make(now))}
	if err := s.append("", st.schedule.EntriesAfter(queue.Schedule{}, "", entries), now); err != nil {
		return queue.Schedule{}, false, err
	}
	s.schedules[key] = st
	return st.read(now), false, nil
}

// ChangeSchedule applies an event to a schedule.
func (s *Store) ChangeSchedule(ctx context.Context, c queue.ScheduleChange, entries []queue.Entry) (queue.Schedule, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return queue.Schedule{}, err
	}
	defer s.mu.Unlock()
	st, err := s.standing(c.Tenant, c.Schedule)
	if err != nil {
		return queue.Schedule{}, err
	}
	after, err := c.Apply(st.schedule)
	if err != nil {
		return queue.Schedule{}, err
	}
	if err := s.append("", after.EntriesAfter(st.schedule, "", entries), now); err != nil {
		return queue.Schedule{}, err
	}
	st.schedule = cloneSchedule(after)
	return st.read(now), nil
}

// GetSchedule returns the tenant's schedule.
func (s *Store) GetSchedule(ctx context.Context, tenant, id string) (queue.Schedule, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return queue.Schedule{}, err
	}
	defer s.mu.Unlock()
	st, err := s.standing(tenant, id)
	if err != nil {
		return queue.Schedule{}, err
	}
	return st.read(now), nil
}

// Schedules returns a page of the tenant's schedules.
func (s *Store) Schedules(ctx context.Context, tenant, after string, limit int) ([]queue.Schedule, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var found []queue.Schedule
	for key, st := range s.schedules {
		if key.tenant == tenant && key.id > after && st.schedule.State != queue.ScheduleRemoved {
			found = append(found, st.read(now))
		}
	}
	slices.SortFunc(found, func(a, b queue.Schedule) int { return strings.Compare(a.ID, b.ID) })
	return found[:min(max(limit, 0), len(found))], nil
}

// DueSchedules returns what the scheduler must look at.
func (s *Store) DueSchedules(ctx context.Context, limit int) ([]queue.DueSchedule, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var ticks, followers, runs []queue.DueSchedule
	for _, st := range s.schedules {
		if st.schedule.Ticks(now) {
			ticks = append(ticks, queue.DueSchedule{Kind: queue.DueTick, Schedule: st.read(now)})
		}
		if followed, ok := s.schedules[scheduleKey{id: st.schedule.Follows}]; ok && st.schedule.Behind(followed.schedule) {
			followers = append(followers, queue.DueSchedule{Kind: queue.DueFollower, Schedule: st.read(now)})
		}
		for _, run := range st.open() {
			if r, ok := s.jobs[run.Job]; ok && run.Over(r.job) {
				runs = append(runs, queue.DueSchedule{Kind: queue.DueRun, Schedule: st.read(now), Run: cloneRun(run), Job: r.read(now)})
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
	now, err := s.begin(ctx)
	if err != nil {
		return queue.Schedule{}, queue.Run{}, err
	}
	defer s.mu.Unlock()
	st, err := s.standing(t.Tenant, t.Schedule)
	if err != nil {
		return queue.Schedule{}, queue.Run{}, err
	}
	var active *queue.Job
	if r, ok := s.active[t.Job.Slot]; ok && t.Outcome == queue.RunStarted {
		j := r.read(now)
		active = &j
	}
	after, run, err := t.Apply(st.schedule, active, now)
	if err != nil {
		return queue.Schedule{}, queue.Run{}, err
	}
	kept := after.EntriesAfter(st.schedule, run.Outcome, entries)
	if run.Outcome == queue.RunStarted {
		_, err = s.create(t.NewJob(), kept, now)
	} else {
		err = s.append("", kept, now)
	}
	if err != nil {
		return queue.Schedule{}, queue.Run{}, err
	}
	st.schedule, st.runs = cloneSchedule(after), append(st.runs, cloneRun(run))
	return st.read(now), cloneRun(run), nil
}

// EndRun records how the job of a run has ended.
func (s *Store) EndRun(ctx context.Context, e queue.RunEnd, entries []queue.Entry) (queue.Schedule, queue.Run, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return queue.Schedule{}, queue.Run{}, err
	}
	defer s.mu.Unlock()
	st, err := s.standing(e.Tenant, e.Schedule)
	if err != nil {
		return queue.Schedule{}, queue.Run{}, err
	}
	if e.Number < 1 || e.Number > int64(len(st.runs)) {
		return queue.Schedule{}, queue.Run{}, fmt.Errorf("memstore: run %d of schedule %s: %w", e.Number, e.Schedule, queue.ErrNotFound)
	}
	was := st.runs[e.Number-1]
	var job queue.Job
	if r, ok := s.jobs[was.Job]; ok {
		job = r.job
	}
	after, run, err := e.Apply(st.schedule, was, job)
	if err != nil {
		return queue.Schedule{}, queue.Run{}, err
	}
	if err := s.append("", after.EntriesAfter(st.schedule, run.Outcome, entries), now); err != nil {
		return queue.Schedule{}, queue.Run{}, err
	}
	st.schedule, st.runs[e.Number-1] = cloneSchedule(after), cloneRun(run)
	return st.read(now), cloneRun(run), nil
}

// Runs returns a page of a schedule's runs.
func (s *Store) Runs(ctx context.Context, tenant, schedule string, before int64, limit int) ([]queue.Run, error) {
	if _, err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	st, err := s.standing(tenant, schedule)
	if err != nil {
		return nil, err
	}
	var found []queue.Run
	for _, r := range slices.Backward(st.runs) {
		if (before <= 0 || r.Number < before) && len(found) < limit {
			found = append(found, cloneRun(r))
		}
	}
	return found, nil
}

func (s *Store) standing(tenant, id string) (*standing, error) {
	if st, ok := s.schedules[scheduleKey{tenant, id}]; ok {
		return st, nil
	}
	return nil, fmt.Errorf("memstore: schedule %s: %w", id, queue.ErrNotFound)
}

// read returns the schedule as a caller sees it.
func (st *standing) read(now time.Time) queue.Schedule {
	s := cloneSchedule(st.schedule)
	s.Now = now
	return s
}

func cloneSchedule(s queue.Schedule) queue.Schedule {
	s.Settings, s.Reason = clonePayload(s.Settings), clonePayload(s.Reason)
	return s
}

func cloneRun(r queue.Run) queue.Run {
	r.Reason = clonePayload(r.Reason)
	return r
}
