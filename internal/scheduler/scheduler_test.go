package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/calendar"
	"github.com/exportyard/exportyard/internal/cron"
	"github.com/exportyard/exportyard/internal/retention"
	"github.com/exportyard/exportyard/internal/scheduler"
	"github.com/exportyard/exportyard/queue"
)

// Ten years, tick by tick, through the store. Each local day, Sunday and 31st has one
// run, and the ranges of daily runs leave nothing out.
func TestR44_TenYearsInEightZones(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{
		"America/New_York", "Europe/Berlin", "Europe/London", "America/Sao_Paulo", "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC",
	} {
		for timing, is := range map[string]func(day time.Time) bool{
			cron.Daily2:   func(time.Time) bool { return true },
			cron.Sunday2:  func(day time.Time) bool { return day.Weekday() == time.Sunday },
			"30 2 31 * *": func(day time.Time) bool { return day.Day() == 31 },
		} {
			t.Run(zone+"/"+timing, func(t *testing.T) {
				t.Parallel()
				loc, err := time.LoadLocation(zone)
				require.NoError(t, err)
				s := newSite(t, "2009-12-31T12:00Z")
				of := s.create(scheduler.Settings{Timing: timing, Zone: zone, Spread: time.Hour, Range: calendar.PreviousDay})
				end := time.Date(2020, 1, 1, 12, 0, 0, 0, time.UTC)
				for of.DueAt.Before(end) {
					s.set(of.DueAt.Add(-time.Microsecond))
					s.sweep()
					require.Equal(t, of.Runs, s.get(of).Runs, "it ran before it was due")
					s.set(of.DueAt.Add(7 * time.Second))
					s.sweep()
					s.end(fmt.Sprint("job-", s.ids-3), queue.Cancel) // the job, its entry, two for a pause
					of = s.get(of)
				}
				runs := s.runs(of)
				day := time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC)
				for i, r := range runs {
					for !is(day) {
						day = day.AddDate(0, 0, 1)
					}
					require.Equal(t, day.Format(time.DateOnly), r.Nominal.In(loc).Format(time.DateOnly))
					require.Equal(t, r.Nominal, r.Since)
					require.Less(t, r.At.Sub(r.Nominal), time.Hour+8*time.Second)
					if timing == cron.Daily2 && i > 0 {
						require.Equal(t, s.made[i-1].To, s.made[i].From, "the ranges of %v and the day before do not meet", day)
					}
					day = day.AddDate(0, 0, 1)
				}
				for !is(day) {
					day = day.AddDate(0, 0, 1)
				}
				require.Equal(t, 2020, day.Year(), "ticks are missing")
			})
		}
	}
}

func TestR44_AfterDowntimeOneRun(t *testing.T) {
	t.Parallel()
	s := newSite(t, "2026-03-01T12:00Z")
	of := s.create(scheduler.Settings{Timing: cron.Daily3, Zone: "Europe/Berlin", Range: calendar.PreviousDay})
	s.at("2026-04-10T12:00Z") // forty days later
	s.sweep()
	s.sweep()
	runs := s.runs(of)
	require.Len(t, runs, 1)
	require.Equal(t, []time.Time{moment(t, "2026-03-02T02:00Z"), moment(t, "2026-04-10T01:00Z")}, []time.Time{runs[0].Since, runs[0].Nominal})
	require.Equal(t, []time.Time{moment(t, "2026-04-08T22:00Z"), moment(t, "2026-04-09T22:00Z")}, []time.Time{s.made[0].From, s.made[0].To}, "the range is not that of the nominal time")
	require.Equal(t, moment(t, "2026-04-11T01:00Z"), s.get(of).NextTick)
}

// A sweep that comes late, just after the tick that follows, leaves out neither.
func TestB11_SpreadTicksAreNotSwallowed(t *testing.T) {
	t.Parallel()
	s := newSite(t, "2026-11-20T12:30Z")
	of := s.create(scheduler.Settings{Timing: "0 * * * *", Spread: 24 * time.Hour, Range: calendar.PreviousHour})
	for hour := range 24 {
		require.True(t, of.DueAt.After(of.NextTick))
		s.set(of.NextTick.Add(time.Hour)) // the following tick, which is due later
		s.sweep()
		of = s.get(of)
		require.Len(t, s.runs(of), hour+1)
		if hour > 0 {
			require.Equal(t, s.made[hour-1].To, s.made[hour].From)
		}
	}
	s.set(s.time().Add(5*time.Hour + time.Minute))
	s.sweep()
	require.Len(t, s.runs(of), 25, "more than one was made up for")
}

func TestR44_ClockSetBackRunsNothingAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t, "2026-11-20T12:00Z")
	of := s.create(scheduler.Settings{Timing: cron.Daily2})
	s.at("2026-11-21T02:00Z")
	s.sweep()
	s.at("2026-11-21T01:05Z")
	s.sweep()
	require.Len(t, s.runs(of), 1)
	// Not even an edit brings it back.
	of, err := s.Edit(t.Context(), s.get(of))
	require.NoError(t, err)
	require.Equal(t, moment(t, "2026-11-22T02:00Z"), of.NextTick)
	s.at("2026-11-21T02:30Z")
	s.sweep()
	require.Len(t, s.runs(of), 1)

	// A tick that a clock far ahead has taken does not stop the schedule for ever.
	s.at("2036-11-21T12:00Z")
	s.sweep()
	s.at("2026-11-21T12:00Z")
	of, err = s.Edit(t.Context(), s.get(of))
	require.NoError(t, err)
	require.Equal(t, moment(t, "2026-11-22T02:00Z"), of.NextTick)
}

func TestR44_FiveSchedulersEachTickOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t, "2026-11-20T13:00Z")
	const tenants, days = 8, 20
	for i := range tenants {
		s.create(scheduler.Settings{Timing: cron.HalfDaily, Spread: time.Hour}, func(n *queue.Schedule) { n.Tenant = fmt.Sprint("tenant-", i) })
	}
	for range 2 * days {
		s.set(s.time().Add(12 * time.Hour))
		var hosts sync.WaitGroup
		for range 5 {
			hosts.Go(func() {
				_, err := scheduler.New(s.config).Sweep(t.Context())
				if err != nil {
					t.Error(err)
				}
			})
		}
		hosts.Wait()
	}
	for i := range tenants {
		runs := s.runs(queue.Schedule{Tenant: fmt.Sprint("tenant-", i), ID: "nightly"})
		seen := map[time.Time]bool{}
		for k, r := range runs {
			require.False(t, seen[r.Nominal], "a tick was taken twice")
			seen[r.Nominal] = true
			require.Equal(t, int64(k+1), r.Number)
			_, err := s.store.Get(t.Context(), r.Tenant, r.Job)
			require.NoError(t, err)
		}
		require.Len(t, runs, 2*days)
		jobs, _, err := s.store.List(t.Context(), queue.ListQuery{Tenant: fmt.Sprint("tenant-", i), Limit: 1000})
		require.NoError(t, err)
		require.Len(t, jobs, 2*days, "there are jobs that belong to no run")
	}
}

func TestB7_BusyTicksAreSkipped(t *testing.T) {
	t.Parallel()
	s := newSite(t, "2026-11-20T12:00Z")
	s.slots = func(o scheduler.Order) string { return o.Schedule.Tenant }
	of := s.create(scheduler.Settings{Timing: cron.Daily2})
	s.at("2026-11-21T02:00Z")
	s.sweep()
	s.at("2026-11-22T02:00Z")
	s.sweep()
	runs := s.runs(of)
	require.Equal(t, []queue.RunOutcome{queue.RunStarted, queue.RunSkipped}, []queue.RunOutcome{runs[0].Outcome, runs[1].Outcome})
	require.Equal(t, runs[0].Job, runs[1].Job)
	require.Equal(t, []string{"export.requested"}, s.entries(queue.Audit), "the second tick's entry is there")

	_, err := s.RunNow(t.Context(), "acme", "nightly", "bob")
	require.ErrorIs(t, err, queue.ErrConflict)
	require.Len(t, s.runs(of), 2)
}

func TestB11_FailuresPause(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		fail    func(s *site)
		outcome queue.RunOutcome
		paused  bool
	}{
		{"of jobs", func(*site) {}, queue.RunFailed, true},
		{"refused", func(s *site) {
			s.make = func(scheduler.Order) error { return &scheduler.Refusal{Err: errors.New("no destination")} }
		}, queue.RunRefused, true},
		{"switched off", func(s *site) {
			s.make = func(scheduler.Order) error { return &scheduler.Refusal{Skip: true, Err: errors.New("off")} }
		}, queue.RunSkipped, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "2026-11-20T12:00Z")
			tt.fail(s)
			of := s.create(scheduler.Settings{Timing: cron.Daily2})
			for day := range 5 {
				s.set(moment(t, "2026-11-21T02:00Z").AddDate(0, 0, day))
				s.sweep()
				for _, r := range s.runs(of) {
					if r.Outcome == queue.RunStarted {
						s.end(r.Job, queue.Fail)
					}
				}
				s.sweep()
			}
			of = s.get(of)
			for _, r := range s.runs(of) {
				require.Equal(t, tt.outcome, r.Outcome)
			}
			if !tt.paused {
				require.Equal(t, queue.ScheduleActive, of.State)
				require.Equal(t, int64(5), of.Runs)
				require.Empty(t, s.entries(queue.Outbox))
				return
			}
			require.Equal(t, queue.SchedulePaused, of.State)
			require.Equal(t, "3 failures", string(of.Reason.Data))
			require.Equal(t, int64(3), of.Runs)
			require.Equal(t, []string{scheduler.Paused}, s.entries(queue.Outbox))

			s.make = nil
			of, err := s.Resume(t.Context(), of)
			require.NoError(t, err)
			require.Equal(t, moment(t, "2026-11-26T02:00Z"), of.NextTick, "what was missed while it was paused is not made up for")
			s.at("2026-11-26T02:00Z")
			s.sweep()
			s.complete()
			s.sweep()
			runs := s.runs(of)
			require.Equal(t, queue.RunCompleted, runs[len(runs)-1].Outcome)
			require.Zero(t, s.get(of).Failures)
		})
	}
}

func TestPassingTroubleKeepsTheTickDue(t *testing.T) {
	t.Parallel()
	s := newSite(t, "2026-11-20T12:00Z")
	s.make = func(o scheduler.Order) error {
		if o.Schedule.Tenant == "acme" {
			return errTrouble
		}
		return nil
	}
	of := s.create(scheduler.Settings{Timing: cron.Daily2})
	var others []queue.Schedule
	for i := range 250 { // more than a page
		others = append(others, s.create(scheduler.Settings{Timing: "1 2 * * *"}, func(n *queue.Schedule) { n.Tenant = fmt.Sprint("tenant-", i) }))
	}
	s.at("2026-11-21T02:30Z")
	made, err := s.Sweep(t.Context())
	require.ErrorIs(t, err, errTrouble)
	require.True(t, made)
	require.Empty(t, s.runs(of))
	for _, other := range others {
		require.Len(t, s.runs(other), 1)
	}
	s.make = nil
	s.at("2026-11-21T02:31Z")
	s.sweep()
	require.Len(t, s.runs(of), 1)
	made, err = s.Sweep(t.Context())
	require.NoError(t, err)
	require.False(t, made)
	require.Equal(t, moment(t, "2026-11-21T02:00Z"), s.runs(of)[0].Nominal)
}

func TestB11_PlatformDefaultsAndOverrides(t *testing.T) {
	t.Parallel()
	s := newSite(t, "2026-11-20T12:00Z")
	ofPlatform := func(n *queue.Schedule) { n.ID, n.Tenant = "default", "" }
	follow := func(tenant string) func(*queue.Schedule) {
		return func(n *queue.Schedule) { n.Tenant, n.Follows = tenant, "default" }
	}
	platform := s.create(scheduler.Settings{Timing: cron.Daily2, Range: calendar.PreviousDay, Retention: &scheduler.Retention{Daily: 7}}, ofPlatform)
	plain := s.create(scheduler.Settings{}, follow("plain"))
	elsewhere := s.create(scheduler.Settings{Zone: "Asia/Kathmandu"}, follow("elsewhere"))
	own := s.create(scheduler.Settings{Timing: "0 5 * * *", Retention: &scheduler.Retention{Daily: 1}}, follow("own"))
	off := s.create(scheduler.Settings{Timing: cron.Disabled}, follow("off"))
	ticks := func() []time.Time {
		var next []time.Time
		for _, of := range []queue.Schedule{plain, elsewhere, own, off} {
			next = append(next, s.get(of).NextTick)
		}
		return next
	}
	tomorrow := func(hour, minute int) time.Time { return time.Date(2026, 11, 21, hour, minute, 0, 0, time.UTC) }
	require.Equal(t, []time.Time{tomorrow(2, 0), tomorrow(-4, 15), tomorrow(5, 0), {}}, ticks())

	edit := func(timing string) {
		platform = s.get(platform)
		platform.Settings = s.payload(scheduler.Settings{Timing: timing, Range: calendar.PreviousHour, Retention: &scheduler.Retention{Daily: 7}})
		var err error
		platform, err = s.Edit(t.Context(), platform)
		require.NoError(t, err)
	}
	edit("0 1 * * *")
	s.sweep()
	require.Equal(t, []time.Time{tomorrow(1, 0), tomorrow(-5, 15), tomorrow(5, 0), {}}, ticks())
	later := s.create(scheduler.Settings{}, follow("later"))
	require.Equal(t, tomorrow(1, 0), later.NextTick)

	s.set(tomorrow(6, 0))
	s.sweep()
	ranges := map[string]calendar.Relative{}
	keeps := map[string]int{}
	for _, o := range s.made {
		ranges[o.Schedule.Tenant], keeps[o.Schedule.Tenant] = o.Settings.Range, o.Settings.Retention.Daily
	}
	hourly := calendar.PreviousHour
	require.Equal(t, map[string]calendar.Relative{"plain": hourly, "elsewhere": hourly, "own": hourly, "later": hourly}, ranges)
	require.Equal(t, map[string]int{"plain": 7, "elsewhere": 7, "own": 1, "later": 7}, keeps)

	// A change that was not swept yet: the tick that was planned by the old one is not run.
	edit("30 22 * * *")
	s.set(time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC))
	runs := len(s.runs(plain))
	s.sweep()
	require.LessOrEqual(t, len(s.runs(plain))-runs, 1)
	require.Equal(t, time.Date(2026, 11, 22, 22, 30, 0, 0, time.UTC), s.get(plain).NextTick)

	// The platform's pause is everybody's who has no time of their own.
	_, err := s.store.ChangeSchedule(t.Context(), queue.ScheduleChange{Schedule: "default", Version: s.get(platform).Version, Event: queue.PauseSchedule}, nil)
	require.NoError(t, err)
	s.sweep()
	require.Equal(t, []time.Time{{}, {}, time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC), {}}, ticks())
}

func TestB11_RunNow(t *testing.T) {
	t.Parallel()
	s := newSite(t, "2026-11-20T12:30Z")
	of := s.create(scheduler.Settings{Timing: cron.Daily2, Range: calendar.MonthToDate, Request: []byte(`{"all":true}`)})
	run, err := s.RunNow(t.Context(), "acme", "nightly", "bob")
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(queue.Run{
		Tenant: "acme", Schedule: "nightly", Number: 1, Nominal: s.time(), Manual: true, Actor: "bob", Outcome: queue.RunStarted, Job: run.Job, At: s.time(),
	}, run))
	o := s.made[0]
	require.True(t, o.Manual)
	require.Equal(t, "bob", o.Actor)
	require.Equal(t, []time.Time{moment(t, "2026-11-01T00:00Z"), s.time()}, []time.Time{o.From, o.To})
	require.JSONEq(t, `{"all":true}`, string(o.Settings.Request))
	require.Equal(t, of.NextTick, s.get(of).NextTick)

	s.make = func(scheduler.Order) error { return &scheduler.Refusal{Err: errTrouble} }
	_, err = s.RunNow(t.Context(), "acme", "nightly", "bob")
	require.ErrorIs(t, err, errTrouble)
	_, err = s.RunNow(t.Context(), "other", "nightly", "bob")
	require.ErrorIs(t, err, queue.ErrNotFound)

	// While somebody changes the schedule again and again, it gives up.
	s.make = func(o scheduler.Order) error {
		_, err := s.Edit(t.Context(), o.Schedule)
		return err
	}
	_, err = s.RunNow(t.Context(), "acme", "nightly", "bob")
	require.ErrorIs(t, err, queue.ErrStale)
}

func TestCreatePlansByTheStoresTime(t *testing.T) {
	t.Parallel()
	s := newSite(t, "2026-11-21T01:30Z")
	for off, tenant := range map[time.Duration]string{0: "right", time.Hour: "fast", -48 * time.Hour: "slow"} {
		config := s.config
		config.Now = func() time.Time { return s.time().Add(off) }
		of, existing, err := scheduler.New(config).Create(t.Context(), queue.Schedule{ID: "nightly", Tenant: tenant, Settings: s.payload(scheduler.Settings{Timing: cron.Daily2})})
		require.NoError(t, err)
		require.False(t, existing)
		require.Equal(t, moment(t, "2026-11-21T02:00Z"), of.NextTick, tenant)
		again, existing, err := s.Create(t.Context(), queue.Schedule{ID: "nightly", Tenant: tenant, Settings: s.payload(scheduler.Settings{Timing: cron.Daily3})})
		require.NoError(t, err)
		require.True(t, existing)
		require.Empty(t, cmp.Diff(of, again))
	}
	s.at("2026-11-21T02:00Z")
	s.sweep()
	require.Len(t, s.made, 3)
}

func TestB10_RetentionOfASchedule(t *testing.T) {
	t.Parallel()
	s := newSite(t, "2026-11-01T12:00Z")
	of := s.create(scheduler.Settings{Timing: cron.Daily2, Zone: "Europe/Berlin", Retention: &scheduler.Retention{Daily: 2}})
	var want []string
	for day := 2; day <= 8; day++ {
		s.set(time.Date(2026, 11, day, 2, 0, 0, 0, time.UTC))
		s.sweep()
		if day == 7 {
			s.end(s.runs(of)[day-2].Job, queue.Fail)
		} else {
			want = append(want, s.complete().ID)
		}
		s.sweep()
	}
	run, err := s.RunNow(t.Context(), "acme", "nightly", "bob")
	require.NoError(t, err)
	s.complete()
	s.sweep()
	look := func(ctx context.Context, id string) (scheduler.Archive, error) {
		j, err := s.store.Get(ctx, "acme", id)
		return scheduler.Archive{Job: j, Verified: id != want[4], Held: id == want[0], Pinned: id == want[1]}, err
	}
	d, err := s.Retain(t.Context(), "acme", "nightly", look)
	require.NoError(t, err)
	got := map[string]string{}
	for _, v := range d.Verdicts {
		got[v.ID] = fmt.Sprint(v.Action, " ", v.Reasons)
	}
	require.Empty(t, cmp.Diff(map[string]string{
		want[0]: "keep [held]", want[1]: "keep [manual]", want[2]: "prune [not-counted]", want[3]: "keep [daily]", want[4]: "keep [not-good]",
		want[5]: "keep [newest daily]", run.Job: "keep [manual]",
	}, got))
	require.Zero(t, d.Leap)

	s.set(s.time().AddDate(10, 0, 0))
	d, err = s.Retain(t.Context(), "acme", "nightly", look)
	require.NoError(t, err)
	require.NotZero(t, d.Leap)

	_, err = s.Retain(t.Context(), "acme", "nightly", func(context.Context, string) (scheduler.Archive, error) { return scheduler.Archive{}, errTrouble })
	require.ErrorIs(t, err, errTrouble)
	none := s.create(scheduler.Settings{}, func(n *queue.Schedule) { n.ID = "none" })
	d, err = s.Retain(t.Context(), "acme", none.ID, look)
	require.NoError(t, err)
	require.Equal(t, retention.Decision{}, d)
}
