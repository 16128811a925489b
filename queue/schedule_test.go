package queue_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
)

// scheduleIn is an active schedule, or one in another state, in version 5 with a tick
// that was due an hour ago.
func scheduleIn(state queue.ScheduleState) queue.Schedule {
	s := queue.Schedule{
		ID: "nightly", Tenant: "acme", Owner: "ann", Follows: "default", Followed: 3, Settings: text("settings"),
		State: state, Failures: 2, Runs: 7, Version: 5, CreatedAt: now.Add(-100 * time.Hour), LastTick: now.Add(-25 * time.Hour),
	}
	if state == queue.ScheduleActive {
		s.NextTick, s.DueAt = now.Add(-time.Hour), now.Add(-time.Hour+time.Minute)
	} else {
		s.Reason = text("why")
	}
	return s
}

var scheduleStates = []queue.ScheduleState{queue.ScheduleActive, queue.SchedulePaused, queue.ScheduleRemoved}

func TestMakeOfASchedule(t *testing.T) {
	t.Parallel()
	given := scheduleIn(queue.SchedulePaused)
	given.NextTick, given.DueAt = now.Add(time.Hour+1), now.Add(2*time.Hour+1).In(time.FixedZone("", 3600))
	want := queue.Schedule{
		ID: "nightly", Tenant: "acme", Owner: "ann", Follows: "default", Followed: 3, Settings: text("settings"), State: queue.ScheduleActive,
		NextTick: now.Add(time.Hour), DueAt: now.Add(2 * time.Hour), Version: 1, CreatedAt: now, Now: now,
	}
	require.Empty(t, cmp.Diff(want, given.Make(now)))

	given.DueAt = now // never before its tick
	want.DueAt = want.NextTick
	require.Empty(t, cmp.Diff(want, given.Make(now)))

	given.NextTick = time.Time{}
	want.NextTick, want.DueAt = time.Time{}, time.Time{}
	require.Empty(t, cmp.Diff(want, given.Make(now)))

	given.NextTick, given.Tenant = now, "" // one to follow has no ticks
	want.Tenant = ""
	require.Empty(t, cmp.Diff(want, given.Make(now)))
}

func TestChangesOfASchedule(t *testing.T) {
	t.Parallel()
	change := queue.ScheduleChange{
		Version: 5, Owner: "bob", Follows: "other", Settings: text("new"), Followed: 4, NextTick: now.Add(time.Hour), DueAt: now.Add(2 * time.Hour), Reason: text("holidays"),
	}
	for event, c := range map[queue.ScheduleEvent]struct {
		from []queue.ScheduleState
		want func(*queue.Schedule)
	}{
		queue.EditSchedule: {[]queue.ScheduleState{queue.ScheduleActive, queue.SchedulePaused}, func(s *queue.Schedule) {
			s.Owner, s.Follows, s.Settings, s.Followed = "bob", "other", text("new"), 4
			if s.State == queue.ScheduleActive {
				s.NextTick, s.DueAt = now.Add(time.Hour), now.Add(2*time.Hour)
			}
		}},
		queue.PauseSchedule: {[]queue.ScheduleState{queue.ScheduleActive}, func(s *queue.Schedule) {
			s.State, s.Reason, s.NextTick, s.DueAt = queue.SchedulePaused, text("holidays"), time.Time{}, time.Time{}
		}},
		queue.ResumeSchedule: {[]queue.ScheduleState{queue.SchedulePaused}, func(s *queue.Schedule) {
			s.State, s.Reason, s.Failures, s.Followed = queue.ScheduleActive, queue.Payload{}, 0, 4
			s.NextTick, s.DueAt = now.Add(time.Hour), now.Add(2*time.Hour)
		}},
		queue.RemoveSchedule: {[]queue.ScheduleState{queue.ScheduleActive, queue.SchedulePaused}, func(s *queue.Schedule) {
			s.State, s.NextTick, s.DueAt = queue.ScheduleRemoved, time.Time{}, time.Time{}
		}},
		"explode": {},
	} {
		for _, state := range scheduleStates {
			t.Run(string(event)+"/"+string(state), func(t *testing.T) {
				t.Parallel()
				was, c0 := scheduleIn(state), change
				c0.Event = event
				got, err := c0.Apply(was)
				if !slices.Contains(c.from, state) {
					require.ErrorIs(t, err, queue.ErrBadTransition)
					require.Empty(t, cmp.Diff(was, got))
					return
				}
				require.NoError(t, err)
				want := was
				c.want(&want)
				want.Version = 6
				require.Empty(t, cmp.Diff(want, got))

				c0.Version = 4
				got, err = c0.Apply(was)
				require.ErrorIs(t, err, queue.ErrStale)
				require.Empty(t, cmp.Diff(was, got))
			})
		}
	}
}

// tickOf is a tick that fits scheduleIn(ScheduleActive).
func tickOf() queue.Tick {
	return queue.Tick{
		Version: 5, Nominal: now.Add(-time.Hour), Next: now.Add(23 * time.Hour), NextDue: now.Add(23*time.Hour + time.Minute), Outcome: queue.RunStarted,
		Job: queue.NewJob{Job: queue.Job{ID: "job", Tenant: "acme", Slot: "slot"}}, MaxFailures: 3, PauseReason: text("too often"), Reason: text("because"), Actor: "ann",
	}
}

func TestB11_TicksThatFit(t *testing.T) {
	t.Parallel()
	run := queue.Run{
		Tenant: "acme", Schedule: "nightly", Number: 8, Nominal: now.Add(-time.Hour), Since: now.Add(-time.Hour), Outcome: queue.RunStarted, Job: "job", At: now,
	}
	taken := func(s *queue.Schedule) {
		s.Runs, s.Version, s.LastTick, s.NextTick, s.DueAt = 8, 6, now.Add(-time.Hour), now.Add(23*time.Hour), now.Add(23*time.Hour+time.Minute)
	}
	for _, tt := range []struct {
		name     string
		tick     func(*queue.Tick)
		schedule func(*queue.Schedule)
		active   *queue.Job
		run      func(*queue.Run)
		after    func(*queue.Schedule)
	}{
		{name: "a tick"},
		{
			name: "the last of many that were missed", tick: func(t *queue.Tick) { t.Nominal = now },
			run: func(r *queue.Run) { r.Nominal = now }, after: func(s *queue.Schedule) { s.LastTick = now },
		},
		{
			name: "after a clock that was far ahead", schedule: func(s *queue.Schedule) { s.LastTick = now.Add(24*time.Hour + time.Microsecond) },
		},
		{
			name: "the last tick of all", tick: func(t *queue.Tick) { t.Next, t.NextDue = time.Time{}, time.Time{} },
			after: func(s *queue.Schedule) { s.NextTick, s.DueAt = time.Time{}, time.Time{} },
		},
		{
			name: "the slot is taken", active: &queue.Job{ID: "other"},
			run: func(r *queue.Run) { r.Outcome, r.Job, r.EndedAt = queue.RunSkipped, "other", now },
		},
		{
			name: "skipped for a reason", tick: func(t *queue.Tick) { t.Outcome = queue.RunSkipped }, active: &queue.Job{ID: "other"},
			run: func(r *queue.Run) { r.Outcome, r.Job, r.EndedAt, r.Reason = queue.RunSkipped, "", now, text("because") },
		},
		{
			name: "refused once too often", tick: func(t *queue.Tick) { t.Outcome = queue.RunRefused },
			run: func(r *queue.Run) { r.Outcome, r.Job, r.EndedAt, r.Reason = queue.RunRefused, "", now, text("because") },
			after: func(s *queue.Schedule) {
				s.Failures, s.State, s.Reason, s.NextTick, s.DueAt = 3, queue.SchedulePaused, text("too often"), time.Time{}, time.Time{}
			},
		},
		{
			name: "refused, and never paused", tick: func(t *queue.Tick) { t.Outcome, t.MaxFailures = queue.RunRefused, 0 },
			run:   func(r *queue.Run) { r.Outcome, r.Job, r.EndedAt, r.Reason = queue.RunRefused, "", now, text("because") },
			after: func(s *queue.Schedule) { s.Failures = 3 },
		},
		{
			name: "by hand", tick: func(t *queue.Tick) { t.Manual, t.Nominal = true, now },
			run:   func(r *queue.Run) { r.Manual, r.Actor, r.Nominal, r.Since = true, "ann", now, time.Time{} },
			after: func(s *queue.Schedule) { unticked := scheduleIn(queue.ScheduleActive); keepTicks(s, unticked) },
		},
		{
			name: "by hand while paused", tick: func(t *queue.Tick) { t.Manual, t.Nominal = true, now },
			schedule: func(s *queue.Schedule) { *s = scheduleIn(queue.SchedulePaused) },
			run:      func(r *queue.Run) { r.Manual, r.Actor, r.Nominal, r.Since = true, "ann", now, time.Time{} },
			after:    func(s *queue.Schedule) { unticked := scheduleIn(queue.SchedulePaused); keepTicks(s, unticked) },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, tick, wantRun := scheduleIn(queue.ScheduleActive), tickOf(), run
			change(&s, tt.schedule)
			change(&tick, tt.tick)
			change(&wantRun, tt.run)
			want := s
			taken(&want)
			change(&want, tt.after)
			got, gotRun, err := tick.Apply(s, tt.active, now)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(want, got))
			require.Empty(t, cmp.Diff(wantRun, gotRun))
		})
	}
}

func change[T any](v *T, f func(*T)) {
	if f != nil {
		f(v)
	}
}

func keepTicks(s *queue.Schedule, from queue.Schedule) {
	s.LastTick, s.NextTick, s.DueAt = from.LastTick, from.NextTick, from.DueAt
}

func TestB11_TicksThatDoNotFit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		tick     func(*queue.Tick)
		schedule func(*queue.Schedule)
		want     error
	}{
		{"taken by another host", func(t *queue.Tick) { t.Version = 4 }, nil, queue.ErrStale},
		{"a manual one, too", func(t *queue.Tick) { t.Version, t.Manual = 4, true }, nil, queue.ErrStale},
		{"not yet due", nil, func(s *queue.Schedule) { s.DueAt = now.Add(time.Microsecond) }, queue.ErrBadTransition},
		{"paused", nil, func(s *queue.Schedule) { *s = scheduleIn(queue.SchedulePaused) }, queue.ErrBadTransition},
		{"removed", nil, func(s *queue.Schedule) { s.State = queue.ScheduleRemoved }, queue.ErrBadTransition},
		{"removed, by hand", func(t *queue.Tick) { t.Manual = true }, func(s *queue.Schedule) { s.State = queue.ScheduleRemoved }, queue.ErrBadTransition},
		{"of the platform, by hand", func(t *queue.Tick) { t.Manual, t.Job.Tenant = true, "" }, func(s *queue.Schedule) { s.Tenant = "" }, queue.ErrBadTransition},
		{"a tick before", func(t *queue.Tick) { t.Nominal = now.Add(-time.Hour - time.Microsecond) }, nil, queue.ErrBadTransition},
		{"a tick to come", func(t *queue.Tick) { t.Nominal = now.Add(time.Microsecond) }, nil, queue.ErrBadTransition},
		{"a tick that was taken", nil, func(s *queue.Schedule) { s.LastTick = s.NextTick }, queue.ErrBadTransition},
		{"a tick that was taken before a clock was set back", nil, func(s *queue.Schedule) { s.LastTick = now.Add(24 * time.Hour) }, queue.ErrBadTransition},
		{"the same tick again next", func(t *queue.Tick) { t.Next = t.Nominal }, nil, queue.ErrBadTransition},
		{"a job of another tenant", func(t *queue.Tick) { t.Job.Tenant = "other" }, nil, queue.ErrBadTransition},
		{"an outcome that only an end has", func(t *queue.Tick) { t.Outcome = queue.RunCompleted }, nil, queue.ErrBadTransition},
		{"no outcome", func(t *queue.Tick) { t.Outcome = "" }, nil, queue.ErrBadTransition},
		{"skipped by hand", func(t *queue.Tick) { t.Manual, t.Outcome = true, queue.RunSkipped }, nil, queue.ErrBadTransition},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, tick := scheduleIn(queue.ScheduleActive), tickOf()
			change(&s, tt.schedule)
			change(&tick, tt.tick)
			got, run, err := tick.Apply(s, nil, now)
			require.ErrorIs(t, err, tt.want)
			require.Zero(t, run)
			require.Empty(t, cmp.Diff(s, got))
		})
	}
	tick := tickOf()
	tick.Manual = true
	_, _, err := tick.Apply(scheduleIn(queue.ScheduleActive), &queue.Job{ID: "other"}, now)
	var conflict *queue.ConflictError
	require.ErrorAs(t, err, &conflict)
	require.Equal(t, "other", conflict.Active.ID)
	tick.Job.IdempotencyKey, tick.Job.Fingerprint = "key", "print"
	require.Empty(t, tick.NewJob().IdempotencyKey+tick.NewJob().Fingerprint)
	require.Equal(t, "key", tick.Job.IdempotencyKey)
}

func TestB11_EndsOfRuns(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		job      queue.State
		schedule queue.ScheduleState
		most     int
		outcome  queue.RunOutcome
		failures int
		paused   bool
	}{
		{"completed", queue.Completed, queue.ScheduleActive, 3, queue.RunCompleted, 0, false},
		{"completed, and expired since", queue.Expired, queue.ScheduleActive, 3, queue.RunCompleted, 0, false},
		{"canceled says nothing", queue.Canceled, queue.ScheduleActive, 3, queue.RunCanceled, 2, false},
		{"failed", queue.Failed, queue.ScheduleActive, 4, queue.RunFailed, 3, false},
		{"failed too often", queue.Failed, queue.ScheduleActive, 3, queue.RunFailed, 3, true},
		{"failed often, and never paused", queue.Failed, queue.ScheduleActive, 0, queue.RunFailed, 3, false},
		{"failed while paused", queue.Failed, queue.SchedulePaused, 3, queue.RunFailed, 3, false},
		{"failed when removed", queue.Failed, queue.ScheduleRemoved, 3, queue.RunFailed, 3, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			was := scheduleIn(tt.schedule)
			r := queue.Run{Outcome: queue.RunStarted, Job: "job", At: now.Add(-time.Hour)}
			e := queue.RunEnd{MaxFailures: tt.most, PauseReason: text("too often")}
			got, run, err := e.Apply(was, r, queue.Job{ID: "job", State: tt.job, FinishedAt: now})
			require.NoError(t, err)
			want := was
			if want.Failures = tt.failures; tt.failures != was.Failures {
				want.Version++
			}
			if tt.paused {
				want.State, want.Reason, want.NextTick, want.DueAt = queue.SchedulePaused, text("too often"), time.Time{}, time.Time{}
			}
			require.Empty(t, cmp.Diff(want, got))
			r.Outcome, r.EndedAt = tt.outcome, now
			require.Empty(t, cmp.Diff(r, run))

			again, same, err := e.Apply(got, run, queue.Job{ID: "job", State: tt.job, FinishedAt: now})
			require.ErrorIs(t, err, queue.ErrBadTransition)
			require.Empty(t, cmp.Diff(got, again))
			require.Empty(t, cmp.Diff(run, same))
		})
	}
	for _, j := range []queue.Job{{ID: "job", State: queue.Pending}, {ID: "job", State: queue.Running}, {ID: "other", State: queue.Failed}} {
		_, _, err := queue.RunEnd{}.Apply(scheduleIn(queue.ScheduleActive), queue.Run{Outcome: queue.RunStarted, Job: "job"}, j)
		require.ErrorIs(t, err, queue.ErrBadTransition)
	}
}

func TestWhenAScheduleIsDue(t *testing.T) {
	t.Parallel()
	s := scheduleIn(queue.ScheduleActive)
	require.True(t, s.Ticks(s.DueAt))
	require.False(t, s.Ticks(s.DueAt.Add(-1)))
	s.DueAt = time.Time{}
	require.False(t, s.Ticks(now))

	platform := queue.Schedule{ID: "default", Version: 4}
	require.True(t, scheduleIn(queue.ScheduleActive).Behind(platform))
	for name, spoil := range map[string]func(s, platform *queue.Schedule){
		"planned since":    func(s, _ *queue.Schedule) { s.Followed = 4 },
		"paused":           func(s, _ *queue.Schedule) { s.State = queue.SchedulePaused },
		"follows another":  func(s, _ *queue.Schedule) { s.Follows = "other" },
		"of the platform":  func(s, _ *queue.Schedule) { s.Tenant = "" },
		"follows a tenant": func(_, p *queue.Schedule) { p.Tenant = "acme" },
	} {
		s, p := scheduleIn(queue.ScheduleActive), platform
		spoil(&s, &p)
		require.False(t, s.Behind(p), name)
	}
}

func TestEntriesAfterAChangeOfASchedule(t *testing.T) {
	t.Parallel()
	entries := []queue.Entry{{ID: "always"}, {ID: "skipped", When: queue.State(queue.RunSkipped)}, {ID: "paused", When: queue.State(queue.SchedulePaused)}}
	ids := func(was, s queue.ScheduleState, outcome queue.RunOutcome) []string {
		var ids []string
		for _, e := range scheduleIn(s).EntriesAfter(scheduleIn(was), outcome, entries) {
			require.Empty(t, e.When)
			ids = append(ids, e.ID)
		}
		return ids
	}
	require.Equal(t, []string{"always"}, ids(queue.ScheduleActive, queue.ScheduleActive, ""))
	require.Equal(t, []string{"always"}, ids(queue.SchedulePaused, queue.SchedulePaused, queue.RunStarted), "it was paused before")
	require.Equal(t, []string{"always", "skipped"}, ids(queue.ScheduleActive, queue.ScheduleActive, queue.RunSkipped))
	require.Equal(t, []string{"always", "paused"}, ids(queue.ScheduleActive, queue.SchedulePaused, queue.RunFailed))
	require.Equal(t, []string{"always", "skipped", "paused"}, ids(queue.ScheduleActive, queue.SchedulePaused, queue.RunSkipped))
}
