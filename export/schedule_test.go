package export_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata" // so that the zones are the same on every machine without its own

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/sink"
)

var years = flag.Int("years", 1, "how many years of schedules TestR44 simulates; 10 for a release")

// In a bubble the clock of the store and of the engine is the bubble's, which begins
// at midnight of 2000-01-01 in UTC.
func bubble(change func(*export.Config)) func(*export.Config) {
	return func(c *export.Config) {
		c.Store, c.Now = memstore.New(nil), nil
		c.Sweep, c.Poll, c.Parts, c.Workers = time.Minute, time.Minute, 1, 1
		if change != nil {
			change(c)
		}
	}
}

// pass lets a bubble's time pass.
func pass(d time.Duration) { <-time.After(d) }

func csvOf(name string) *export.Request {
	return &export.Request{Datasets: []export.Selection{{Name: name}}, Format: "csv"}
}

// create stores a schedule that has to be taken.
func (h *house) create(s export.Schedule) *export.Schedule {
	h.t.Helper()
	made, existing, err := h.Schedules().Create(context.Background(), s, "ann")
	require.NoError(h.t, err)
	require.False(h.t, existing)
	return made
}

// runs returns the runs of a schedule, the oldest first.
func (h *house) runs(s *export.Schedule) []export.Run {
	h.t.Helper()
	runs, err := h.Schedules().Runs(context.Background(), s.Tenant, s.ID, 0, 1_000_000)
	require.NoError(h.t, err)
	for i, k := 0, len(runs)-1; i < k; i, k = i+1, k-1 {
		runs[i], runs[k] = runs[k], runs[i]
	}
	return runs
}

func outcomes(runs []export.Run) string {
	var out []string
	for _, r := range runs {
		out = append(out, string(r.Outcome))
	}
	return strings.Join(out, " ")
}

// entriesOf returns the entries of a kind that begin so.
func entriesOf(t *testing.T, store queue.JobStore, tenant string, kind queue.EntryKind, prefix string) []queue.Entry {
	t.Helper()
	all, err := store.(queue.EntryReader).Entries(context.Background(), tenant, kind, 0, 1_000_000)
	require.NoError(t, err)
	var out []queue.Entry
	for _, e := range all {
		if strings.HasPrefix(e.Type, prefix) {
			out = append(out, e)
		}
	}
	return out
}

// B11: each tick makes one export, of the range that its nominal time means, which
// knows where it comes from; and the schedule can be paused, resumed, edited, removed.
func TestB11_ScheduleMakesExports(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		var store queue.JobStore
		h := newHouse(t, bubble(func(c *export.Config) { store = c.Store }))
		stop := h.start()
		s := h.create(export.Schedule{
			ID: "nightly", Tenant: "acme", Owner: "ann", Timing: export.DailyAt2, Zone: "Europe/Berlin", Range: export.PreviousDay, Request: csvOf("runs"),
		})
		require.Equal(t, "2000-01-01T01:00:00Z", s.NextRun.Format(time.RFC3339))
		pass(72 * time.Hour)
		runs := h.runs(s)
		require.Equal(t, "completed completed completed", outcomes(runs))
		for i, r := range runs {
			require.Equal(t, time.Date(2000, 1, 1+i, 1, 0, 0, 0, time.UTC), r.Nominal)
			j, err := h.Get(ctx, "acme", r.Job)
			require.NoError(t, err)
			require.Equal(t, "nightly", j.Schedule)
			require.Equal(t, r.Nominal, j.Nominal)
			require.Equal(t, time.Date(1999, 12, 30+i, 23, 0, 0, 0, time.UTC), j.Request.From)
			require.Equal(t, 24*time.Hour, j.Request.To.Sub(j.Request.From))
			require.Equal(t, "ann", j.Request.Actor)
			require.Equal(t, "Europe/Berlin", j.Request.Zone)
		}
		again, err := h.Rerun(ctx, "acme", runs[0].Job, "bob")
		require.NoError(t, err)
		require.Empty(t, again.Schedule, "what a person runs again is theirs")

		s, err = h.Schedules().Pause(ctx, "acme", "nightly", "bob")
		require.NoError(t, err)
		require.Equal(t, export.SchedulePaused, s.State)
		require.Equal(t, export.CodePaused, s.Reason.Code)
		require.Zero(t, s.NextRun)
		pass(72 * time.Hour)
		require.Len(t, h.runs(s), 3)
		s, err = h.Schedules().Resume(ctx, "acme", "nightly", "bob")
		require.NoError(t, err)
		require.Equal(t, "2000-01-07T01:00:00Z", s.NextRun.Format(time.RFC3339), "nothing is made up for")

		s.Timing, s.Range = "30 4 * * *", export.Everything
		edited, err := h.Schedules().Edit(ctx, *s, "bob")
		require.NoError(t, err)
		require.Equal(t, "2000-01-07T03:30:00Z", edited.NextRun.Format(time.RFC3339))
		_, err = h.Schedules().Edit(ctx, *s, "eve")
		require.Equal(t, export.CodeStale, refusal(t, err).Code, "somebody else was quicker")
		pass(24 * time.Hour)
		require.Equal(t, "completed completed completed completed", outcomes(h.runs(s)))

		require.NoError(t, h.Schedules().Remove(ctx, "acme", "nightly", "bob"))
		pass(72 * time.Hour)
		require.Len(t, h.runs(s), 4)
		list, err := h.Schedules().List(ctx, "acme", "", 10)
		require.NoError(t, err)
		require.Empty(t, list)
		stop()
		var changes []string
		for _, e := range entriesOf(t, store, "acme", queue.Audit, "schedule.") {
			changes = append(changes, strings.TrimPrefix(e.Type, "schedule.")+" by "+e.Actor)
			var what struct{ Schedule string }
			require.NoError(t, json.Unmarshal(e.Data.Data, &what))
			require.Equal(t, "nightly", what.Schedule)
		}
		require.Equal(t, []string{"created by ann", "paused by bob", "resumed by bob", "edited by bob", "removed by bob"}, changes)
	})
}

// B11: the platform says what tenants leave empty, also later; and one that exists is
// not made again.
func TestB11_PlatformDefaultsAndOverrides(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t, nil)
	platform := h.create(export.Schedule{ID: "backup", Timing: export.DailyAt3, Request: csvOf("runs"), Retention: &export.Retention{Daily: 7}})
	require.Zero(t, platform.NextRun)
	acme := h.create(export.Schedule{ID: "backup", Tenant: "acme", Follows: "backup"})
	globex := h.create(export.Schedule{ID: "backup", Tenant: "globex", Follows: "backup", Timing: export.SundayAt2})
	require.Equal(t, "2026-11-03T03:00:00Z", acme.NextRun.Format(time.RFC3339))
	require.Equal(t, "2026-11-08T02:00:00Z", globex.NextRun.Format(time.RFC3339))
	_, existing, err := h.Schedules().Create(ctx, export.Schedule{ID: "backup", Tenant: "acme", Follows: "backup"}, "host 2")
	require.NoError(t, err)
	require.True(t, existing)

	platform.Timing = export.Every12Hours
	_, err = h.Schedules().Edit(ctx, *platform, "ops")
	require.NoError(t, err)
	require.NoError(t, h.Sweep(ctx))
	acme, err = h.Schedules().Get(ctx, "acme", "backup")
	require.NoError(t, err)
	require.Equal(t, "2026-11-02T12:00:00Z", acme.NextRun.Format(time.RFC3339))
	globex, err = h.Schedules().Get(ctx, "globex", "backup")
	require.NoError(t, err)
	require.Equal(t, "2026-11-08T02:00:00Z", globex.NextRun.Format(time.RFC3339))
	j, err := h.Schedules().RunNow(ctx, "acme", "backup", "ann")
	require.NoError(t, err)
	require.Equal(t, "ann", j.Request.Actor)
	require.Equal(t, "runs · csv", j.Summary)
	_, err = h.Schedules().RunNow(ctx, "acme", "backup", "bob")
	e := refusal(t, err)
	require.Equal(t, export.CodeConflict, e.Code)
	require.Equal(t, j.ID, e.Job, "the conflict names the active export")
}

// B11: everything that is wrong is said at once, before anything is stored.
func TestB11_BadSchedules(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	ok := export.Schedule{ID: "s", Tenant: "acme", Timing: export.DailyAt2, Request: csvOf("runs")}
	tests := []struct {
		name   string
		change func(*export.Schedule)
		want   []string // code and field of each problem
	}{
		{"everything at once", func(s *export.Schedule) {
			s.Timing, s.Zone, s.Spread, s.Range, s.Retention = "0 0 31 2 *", "Mars/Olympus", 25*time.Hour, "yesterday", &export.Retention{Daily: -1}
		}, []string{"unknown_zone zone", "bad_timing timing", "bad_range range", "bad_range spread", "bad_range retention"}},
		{"a zone in the expression", func(s *export.Schedule) { s.Timing = "TZ=UTC 0 0 * * *" }, []string{"bad_timing timing"}},
		{"the zone of the host", func(s *export.Schedule) { s.Zone = "Local" }, []string{"unknown_zone zone"}},
		{"no request", func(s *export.Schedule) { s.Request = nil }, []string{"required request"}},
		{"a request that is wrong", func(s *export.Schedule) { s.Request = csvOf("ghosts"); s.Request.Format = "doc" }, []string{"unknown_format request.format", "unknown_dataset request.datasets[0]"}},
		{"a request with a range", func(s *export.Schedule) { s.Request.From = time.Unix(0, 0) }, []string{"exclusive request"}},
		{"a request for somebody else", func(s *export.Schedule) { s.Request.Tenant = "globex" }, []string{"exclusive request"}},
		{"follows nobody", func(s *export.Schedule) { s.Follows = "none" }, []string{"not_found follows"}},
		{"a platform that follows", func(s *export.Schedule) { s.Tenant, s.Follows = "", "s" }, []string{"exclusive follows"}},
		{"a platform's request that is wrong", func(s *export.Schedule) { s.Tenant, s.Request.Format = "", "doc" }, []string{"unknown_format request.format"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := ok
			s.ID, s.Request = tt.name, csvOf("runs")
			tt.change(&s)
			_, _, err := h.Schedules().Create(t.Context(), s, "ann")
			e := refusal(t, err)
			require.Equal(t, export.CodeUnprocessable, e.Code)
			var got []string
			for _, p := range e.Problems {
				got = append(got, fmt.Sprint(p.Code, " ", p.Field))
			}
			require.ElementsMatch(t, tt.want, got, "%v", err)
			_, err = h.Schedules().Get(t.Context(), s.Tenant, s.ID)
			require.Equal(t, export.CodeNotFound, refusal(t, err).Code)
		})
	}
}

// R32: another tenant's schedule is not found, by every method.
func TestR32_OtherTenantsSchedule(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t, nil)
	s := h.create(export.Schedule{ID: "nightly", Tenant: "acme", Timing: export.DailyAt2, Request: csvOf("runs")})
	for name, call := range map[string]func(tenant string) error{
		"Get":    func(o string) error { _, err := h.Schedules().Get(ctx, o, s.ID); return err },
		"Pause":  func(o string) error { _, err := h.Schedules().Pause(ctx, o, s.ID, "eve"); return err },
		"Resume": func(o string) error { _, err := h.Schedules().Resume(ctx, o, s.ID, "eve"); return err },
		"Remove": func(o string) error { return h.Schedules().Remove(ctx, o, s.ID, "eve") },
		"RunNow": func(o string) error { _, err := h.Schedules().RunNow(ctx, o, s.ID, "eve"); return err },
		"Runs":   func(o string) error { _, err := h.Schedules().Runs(ctx, o, s.ID, 0, 10); return err },
		"Edit": func(o string) error {
			other := *s
			other.Tenant = o
			_, err := h.Schedules().Edit(ctx, other, "eve")
			return err
		},
		"Retention": func(o string) error { _, err := h.Schedules().Retention(ctx, o, s.ID); return err },
	} {
		for _, other := range []string{"globex", "", "acme "} {
			require.Equal(t, export.CodeNotFound, refusal(t, call(other)).Code, "%s as %q", name, other)
		}
	}
	now, err := h.Schedules().Get(ctx, "acme", s.ID)
	require.NoError(t, err)
	require.Equal(t, s.Version, now.Version, "nothing was changed")
}

// A store that keeps no schedules says so.
func TestSchedules_Unsupported(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *export.Config) { c.Store = struct{ queue.JobStore }{c.Store} })
	_, _, err := h.Schedules().Create(t.Context(), export.Schedule{}, "ann")
	require.Equal(t, export.CodeUnsupported, refusal(t, err).Code)
	_, err = h.Schedules().List(t.Context(), "acme", "", 10)
	require.Equal(t, export.CodeUnsupported, refusal(t, err).Code)
	require.NoError(t, h.Sweep(t.Context()))
}

// B7, B12: a tick whose slot is taken is skipped and says for whom; one whose
// destination does not answer waits an hour, and is then refused with the reason.
func TestB7_TicksThatMakeNothing(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	down := false
	h := newHouse(t, func(c *export.Config) {
		c.Sink = &faultySink{Sink: c.Sink, fail: func(string, string) error {
			if down {
				return sink.ErrFull
			}
			return nil
		}}
	})
	s := h.create(export.Schedule{ID: "nightly", Tenant: "acme", Owner: "ann", Timing: export.DailyAt2, Request: csvOf("runs")})
	active, err := h.Request(ctx, *withTenant(csvOf("runs"), "acme"))
	require.NoError(t, err)
	h.clock.Advance(17 * time.Hour)
	require.NoError(t, h.Sweep(ctx))
	runs := h.runs(s)
	require.Equal(t, "skipped", outcomes(runs))
	require.Equal(t, active.ID, runs[0].Job)
	_, err = h.Cancel(ctx, "acme", active.ID, "ann")
	require.NoError(t, err)

	down = true
	h.clock.Advance(24 * time.Hour)
	require.ErrorContains(t, h.Sweep(ctx), "destination")
	require.Len(t, h.runs(s), 1, "it may be back in a moment")
	h.clock.Advance(time.Hour)
	require.NoError(t, h.Sweep(ctx))
	runs = h.runs(s)
	require.Equal(t, "skipped refused", outcomes(runs))
	require.Equal(t, export.CodeDestinationUnverified, runs[1].Reason.Code)
	require.Equal(t, "nightly", runs[1].Reason.Schedule)
	require.Equal(t, "refused", h.audit("acme")[len(h.audit("acme"))-1])
	_, err = h.Schedules().RunNow(ctx, "acme", "nightly", "bob")
	require.Equal(t, export.CodeDestinationUnverified, refusal(t, err).Code)
}

func withTenant(r *export.Request, tenant string) *export.Request {
	r.Tenant = tenant
	return r
}

// R44: five engines that share a store take each tick once.
func TestR44_FiveEnginesEachTickOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, src := memstore.New(nil), runsOf(t, october())
		s, disk := &export.Schedule{}, newMemsink(t)
		var h *house
		for i := range 5 {
			h = newHouse(t, bubble(func(c *export.Config) { c.Store, c.Source, c.Sink = store, src, disk }))
			h.start()
			if i == 0 {
				s = h.create(export.Schedule{ID: "hourly", Tenant: "acme", Timing: "0 * * * *", Request: csvOf("runs")})
			}
		}
		pass(48*time.Hour + time.Minute*30)
		runs := h.runs(s)
		require.Len(t, runs, 48)
		for i, r := range runs {
			require.Equal(t, export.RunCompleted, r.Outcome)
			require.Equal(t, time.Date(2000, 1, 1, 1+i, 0, 0, 0, time.UTC), r.Nominal)
		}
	})
}

// R44: years of exports in eight zones, made and verified by an engine that runs; each
// Sunday once, also those on which the clock is set at that very hour.
func TestR44_YearsInEightZones(t *testing.T) {
	t.Parallel()
	zones := []string{
		"America/New_York", "Europe/Berlin", "Europe/London", "America/Sao_Paulo", "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC",
	}
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, bubble(func(c *export.Config) {
			c.Sweep, c.Poll, c.Lease, c.Parts = time.Hour, 12*time.Hour, 48*time.Hour, 8
			c.Source = runsOf(t, october()[:20])
		}))
		h.start()
		var made []*export.Schedule
		for i, zone := range zones {
			r := csvOf("runs")
			r.Slot = zone
			made = append(made, h.create(export.Schedule{
				ID: fmt.Sprint("weekly-", i), Tenant: "acme", Timing: export.SundayAt2, Zone: zone, Range: export.PreviousWeek, Request: r,
				Retention: &export.Retention{Weekly: 2},
			}))
		}
		until := time.Date(2000+*years, 1, 1, 0, 0, 0, 0, time.UTC)
		pass(time.Until(until))
		for i, s := range made {
			loc, err := time.LoadLocation(zones[i])
			require.NoError(t, err)
			sundays := map[string]bool{}
			for _, r := range h.runs(s) {
				require.Equal(t, export.RunCompleted, r.Outcome)
				local := r.Nominal.In(loc)
				require.Equal(t, time.Sunday, local.Weekday())
				require.False(t, sundays[local.Format(time.DateOnly)], "%v twice", local)
				sundays[local.Format(time.DateOnly)] = true
			}
			for day := time.Date(2000, 1, 2, 2, 0, 0, 0, loc); day.Before(until.Add(-24 * time.Hour)); day = day.AddDate(0, 0, 7) {
				require.True(t, sundays[day.Format(time.DateOnly)], "%v in %v was left out", day, loc)
			}
		}
	})
}

// R13: thirty days without a worker: every export of a schedule ends by its deadline,
// ticks meanwhile are skipped, and the schedule pauses itself and tells its owner.
func TestR13_ThirtyDaysWithoutAWorker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		var store queue.JobStore
		h := newHouse(t, bubble(func(c *export.Config) { store, c.MaxAge = c.Store, 40*time.Hour }))
		s := h.create(export.Schedule{ID: "nightly", Tenant: "acme", Owner: "ann", Timing: export.DailyAt2, Request: csvOf("runs")})
		for range 30 * 24 * 4 {
			pass(15 * time.Minute)
			require.NoError(t, h.Sweep(ctx))
			jobs, _, err := h.List(ctx, "acme", &export.ListOptions{States: []export.State{export.Pending, export.Running}})
			require.NoError(t, err)
			for _, j := range jobs {
				require.Less(t, time.Since(j.CreatedAt), 40*time.Hour+15*time.Minute)
			}
		}
		runs := h.runs(s)
		require.Equal(t, 5, strings.Count(outcomes(runs), "failed"))
		require.Equal(t, len(runs)-5, strings.Count(outcomes(runs), "skipped"))
		now, err := h.Schedules().Get(ctx, "acme", "nightly")
		require.NoError(t, err)
		require.Equal(t, export.SchedulePaused, now.State)
		require.Equal(t, export.CodeFailing, now.Reason.Code)
		told := entriesOf(t, store, "acme", queue.Outbox, "schedule.")
		require.Len(t, told, 1)
		require.Equal(t, "schedule.paused", told[0].Type)
		require.Equal(t, "ann", told[0].Actor)
		require.Contains(t, string(told[0].Data.Data), `"schedule":"nightly"`)
	})
}
