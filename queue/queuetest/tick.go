package queuetest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/exportyard/exportyard/queue"
)

var tickRules = []rule{
	{"B11_TickMakesAJob", "a tick that is taken moves the schedule on and makes its job, pending with its parts, and a run", func(s *site) {
		was := s.ticking()
		t := s.tick(was)
		after, run := s.take(t)
		equal(s, run, queue.Run{
			Tenant: tenant, Schedule: was.ID, Number: 1, Nominal: was.NextTick, Since: was.NextTick, Outcome: queue.RunStarted, Job: t.Job.ID, At: run.At,
		}, "the run")
		was.LastTick, was.NextTick, was.DueAt, was.Runs, was.Version = was.NextTick, t.Next, t.NextDue, 1, 2
		s.sameSchedule(after, was, "the schedule")
		s.sameSchedule(s.schedule(after), was, "the schedule, asked for again")
		equal(s, s.runs(after), []queue.Run{run}, "the list of runs")
		j := s.get(queue.Job{Tenant: tenant, ID: t.Job.ID})
		equal(s, []any{j.State, j.Slot, j.Request, j.CreatedAt}, []any{queue.Pending, t.Job.Slot, t.Job.Request, run.At}, "the job")
		equal(s, len(s.parts(j)), 2, "the number of parts")
		equal(s, s.claimOf(j.ID).Part.Kind, queue.PlanPart, "the part that is claimed")
	}},
	{"B11_TickOnce", "of many hosts that take one tick at the same time one does: one job, one run, one entry", func(s *site) {
		for range 3 * s.Rounds {
			of := s.ticking()
			ticks := make([]queue.Tick, 8)
			entries := make([]queue.Entry, len(ticks))
			errs := make([]error, len(ticks))
			for i := range ticks {
				ticks[i], entries[i] = s.tick(of), s.entry("")
			}
			before := len(s.written())
			together(len(ticks), func(i int) { _, _, errs[i] = s.schedules().TakeTick(s.ctx, ticks[i], entries[i:i+1]) })
			winner := s.onlyWinner(errs)
			equal(s, s.written()[before:], []string{entries[winner].ID}, "the list of entries")
			runs := s.runs(of)
			equal(s, len(runs), 1, "the number of runs")
			for i, t := range ticks {
				_, err := s.Store.Get(s.ctx, tenant, t.Job.ID)
				if i != winner {
					s.wantError(err, queue.ErrNotFound, "the job of one who came too late")
				}
			}
			equal(s, runs[0].Job, ticks[winner].Job.ID, "the job")
		}
	}},
	{"B11_NotBeforeItIsDue", "a tick is not taken before it is due, by the store's time", func(s *site) {
		of := s.ticking(func(n *queue.Schedule) { n.NextTick, n.DueAt = n.NextTick.Add(time.Hour), n.NextTick.Add(2*time.Hour) })
		was := s.standing(of)
		s.Advance(time.Hour + time.Minute)
		_, _, err := s.schedules().TakeTick(s.ctx, s.tick(of), []queue.Entry{s.entry("")})
		s.wantError(err, queue.ErrBadTransition, "tick")
		s.asItWas(was, "a tick that is not due")
		s.Advance(time.Hour)
		s.take(s.tick(of))
	}},
	{"B11_TickThatDoesNotFit", "a tick of another time, or that does not move the schedule on, changes nothing", func(s *site) {
		of := s.ticking()
		was := s.standing(of)
		for name, with := range map[string]func(*queue.Tick){
			"a tick before":       func(t *queue.Tick) { t.Nominal = t.Nominal.Add(-time.Microsecond) },
			"a tick to come":      func(t *queue.Tick) { t.Nominal = t.Nominal.Add(time.Hour) },
			"itself next":         func(t *queue.Tick) { t.Next = t.Nominal },
			"another tenant's":    func(t *queue.Tick) { t.Job.Tenant = "other" },
			"an outcome too soon": func(t *queue.Tick) { t.Outcome = queue.RunCompleted },
		} {
			_, _, err := s.schedules().TakeTick(s.ctx, s.tick(of, with), []queue.Entry{s.entry("")})
			s.wantError(err, queue.ErrBadTransition, name)
		}
		s.asItWas(was, "a tick that does not fit")
		taken, _ := s.take(s.tick(of))
		back := s.changed(taken, queue.EditSchedule, func(c *queue.ScheduleChange) { c.NextTick, c.DueAt = of.NextTick, of.DueAt })
		_, _, err := s.schedules().TakeTick(s.ctx, s.tick(back), nil)
		s.wantError(err, queue.ErrBadTransition, "a tick that was taken before")
	}},
	{"B11_MissedTicksAreMadeUpForOnce", "one run stands for all ticks that were missed, and says since when", func(s *site) {
		of := s.ticking()
		s.Advance(40 * between)
		last := of.NextTick.Add(40 * between)
		after, run := s.take(s.tick(of, func(t *queue.Tick) { t.Nominal, t.Next, t.NextDue = last, last.Add(between), time.Time{} }))
		equal(s, []time.Time{run.Since, run.Nominal, after.LastTick, after.NextTick, after.DueAt}, []time.Time{of.NextTick, last, last, last.Add(between), last.Add(between)}, "the times")
		equal(s, len(s.dueSchedules(queue.DueTick)), 0, "the number of ticks that are due")
		equal(s, len(s.runs(of)), 1, "the number of runs")
	}},
	{"B7_BusySlotSkipsTheTick", "a tick whose slot is taken makes no job; its run names the job that held it", func(s *site) {
		busy := s.pending()
		of := s.ticking()
		started, skipped := s.entry(queue.State(queue.RunStarted)), s.entry(queue.State(queue.RunSkipped))
		t := s.tick(of, func(t *queue.Tick) { t.Job.Slot = busy.Slot })
		after, run := s.take(t, started, skipped)
		equal(s, run, queue.Run{
			Tenant: tenant, Schedule: of.ID, Number: 1, Nominal: of.NextTick, Since: of.NextTick, Outcome: queue.RunSkipped, Job: busy.ID, At: run.At, EndedAt: run.At,
		}, "the run")
		equal(s, s.runs(of), []queue.Run{run}, "the list of runs")
		equal(s, []any{after.NextTick, after.Failures}, []any{t.Next, 0}, "the next tick, and the failures")
		equal(s, s.written(), []string{skipped.ID}, "the list of entries")
		_, err := s.Store.Get(s.ctx, tenant, t.Job.ID)
		s.wantError(err, queue.ErrNotFound, "get of the job that was not created")
		s.update(busy, queue.Cancel)
		s.Advance(2 * between)
		_, run = s.take(s.tick(after, func(t *queue.Tick) { t.Job.Slot = busy.Slot }))
		equal(s, run.Outcome, queue.RunStarted, "the outcome when the slot is free")
	}},
	{"B7_SlotOfTwoSchedules", "of two schedules that want one slot at the same time one gets it, and the other names its job", func(s *site) {
		for range 3 * s.Rounds {
			slot := s.id("slot")
			runs := make([]queue.Run, 4)
			ticks := make([]queue.Tick, len(runs))
			for i := range ticks {
				ticks[i] = s.tick(s.ticking(), func(t *queue.Tick) { t.Job.Slot = slot })
			}
			together(len(runs), func(i int) {
				var err error
				if _, runs[i], err = s.schedules().TakeTick(s.ctx, ticks[i], nil); err != nil {
					s.Errorf("take a tick: %v", err)
				}
			})
			i := slices.IndexFunc(runs, func(r queue.Run) bool { return r.Outcome == queue.RunStarted })
			if i < 0 {
				s.Fatalf("nobody got the slot: %+v", runs)
			}
			for k, r := range runs {
				want := queue.RunSkipped
				if k == i {
					want = queue.RunStarted
				}
				equal(s, []string{string(r.Outcome), r.Job}, []string{string(want), runs[i].Job}, "the outcome and the job")
			}
		}
	}},
	{"B11_RunNow", "a run by hand makes its job and leaves the ticks as they are, also of a paused schedule", func(s *site) {
		of := s.ticking()
		at := of.Now
		t := s.tick(of, manual(at))
		after, run := s.take(t)
		equal(s, run, queue.Run{Tenant: tenant, Schedule: of.ID, Number: 1, Nominal: at, Manual: true, Actor: "bob", Outcome: queue.RunStarted, Job: t.Job.ID, At: run.At}, "the run")
		of.Runs, of.Version = 1, 2
		s.sameSchedule(after, of, "the schedule")
		s.get(queue.Job{Tenant: tenant, ID: t.Job.ID})
		paused := s.changed(after, queue.PauseSchedule)
		_, run = s.take(s.tick(paused, manual(at)))
		equal(s, []any{run.Number, run.Outcome, s.schedule(of).State}, []any{int64(2), queue.RunStarted, queue.SchedulePaused}, "the run of a paused schedule")
	}},
	{"B7_RunNowConflicts", "a run by hand whose slot is taken names the job and writes nothing", func(s *site) {
		busy, of := s.pending(), s.ticking()
		was := s.standing(of)
		_, _, err := s.schedules().TakeTick(s.ctx, s.tick(of, manual(of.Now), func(t *queue.Tick) { t.Job.Slot = busy.Slot }), []queue.Entry{s.entry("")})
		var conflict *queue.ConflictError
		if !errors.As(err, &conflict) || conflict.Active.ID != busy.ID {
			s.Fatalf("the error is %v, want a conflict with job %s", err, busy.ID)
		}
		s.asItWas(was, "a conflict")
	}},
	{"R3_TickIsAllOrNothing", "a tick whose job or entry cannot be stored changes nothing", func(s *site) {
		old, of := s.pending(), s.ticking()
		e := s.entry("")
		_, err := s.Store.Update(s.ctx, queue.Update{Tenant: tenant}, []queue.Entry{e})
		s.noError(err, "append an entry")
		was := s.standing(of)
		if _, _, err := s.schedules().TakeTick(s.ctx, s.tick(of, func(t *queue.Tick) { t.Job.ID = old.ID }), []queue.Entry{s.entry("")}); err == nil {
			s.Fatalf("a second job %s was stored", old.ID)
		}
		s.asItWas(was, "a tick without its job")
		for _, outcome := range []queue.RunOutcome{queue.RunStarted, queue.RunRefused} {
			if _, _, err := s.schedules().TakeTick(s.ctx, s.tick(of, func(t *queue.Tick) { t.Outcome = outcome }), []queue.Entry{s.entry(""), e}); err == nil {
				s.Fatalf("a second entry %s was stored", e.ID)
			}
		}
		s.asItWas(was, "a tick without its entry")
	}},
	{"TickNeedsNoKey", "the job of a tick has no idempotency key, and no job with one is in its way", func(s *site) {
		n := s.draft()
		n.IdempotencyKey = "key"
		s.create(n)
		_, run := s.take(s.tick(s.ticking(), func(t *queue.Tick) { t.Job.IdempotencyKey, t.Job.Fingerprint = "key", "g" }))
		equal(s, run.Outcome, queue.RunStarted, "the outcome")
		equal(s, s.get(queue.Job{Tenant: tenant, ID: run.Job}).IdempotencyKey, "", "the idempotency key")
	}},
}

var runRules = []rule{
	{"B11_OutcomeOfAJob", "the end of its job is the outcome of a run, recorded once", func(s *site) {
		of := s.ticking()
		for _, end := range []struct {
			event queue.Event
			want  queue.RunOutcome
		}{{queue.Fail, queue.RunFailed}, {queue.Cancel, queue.RunCanceled}, {queue.Complete, queue.RunCompleted}} {
			taken, run := s.take(s.tick(of, manual(of.Now)))
			was := s.standing(of)
			_, _, err := s.schedules().EndRun(s.ctx, endOf(run), []queue.Entry{s.entry("")})
			s.wantError(err, queue.ErrBadTransition, "end of a run whose job is active")
			s.asItWas(was, "an end too soon")
			j := queue.Job{Tenant: tenant, ID: run.Job}
			if end.event == queue.Complete {
				s.seal(s.claimOf(run.Job))
				j = s.seal(s.claimOf(run.Job))
			} else {
				j = s.update(j, end.event)
			}
			after, got := s.end(run)
			run.Outcome, run.EndedAt = end.want, j.FinishedAt
			equal(s, got, run, "the run")
			equal(s, s.runs(of)[0], run, "the run, asked for again")
			failures := map[queue.Event]int{queue.Fail: 1, queue.Cancel: 1, queue.Complete: 0}[end.event]
			equal(s, after.Failures, failures, "the failures after "+string(end.event))
			s.sameSchedule(s.schedule(of), after, "the schedule")
			equal(s, after.Version, taken.Version+map[queue.Event]int64{queue.Fail: 1, queue.Complete: 1}[end.event], "the version")
			was = s.standing(of)
			_, _, err = s.schedules().EndRun(s.ctx, endOf(run), []queue.Entry{s.entry("")})
			s.wantError(err, queue.ErrBadTransition, "a second end")
			s.asItWas(was, "a second end")
			of = after
		}
	}},
	{"B11_FailuresInARowPause", "so many failures in a row pause the schedule, with an entry for it", func(s *site) {
		of, run := s.failedRun(s.ticking())
		paused := s.entry(queue.State(queue.SchedulePaused))
		of, _ = s.end(run, paused)
		equal(s, []any{of.State, of.Failures}, []any{queue.ScheduleActive, 1}, "the state and the failures")
		equal(s, s.written(), []string{}, "the list of entries")
		s.Advance(2 * between)
		of, run = s.failedRun(of)
		of, _ = s.end(run, paused)
		equal(s, []any{of.State, of.Failures, of.Reason, of.NextTick}, []any{queue.SchedulePaused, 2, text("too often"), time.Time{}}, "the schedule")
		equal(s, s.written(), []string{paused.ID}, "the list of entries")
		s.Advance(2 * between)
		equal(s, len(s.dueSchedules(queue.DueTick)), 0, "the number of ticks that are due")
		equal(s, s.changed(of, queue.ResumeSchedule).Failures, 0, "the failures after it is resumed")
	}},
	{"B11_RefusalsInARowPause", "a refused tick is recorded with its reason, counts as a failure, and makes no job", func(s *site) {
		of := s.ticking()
		paused := s.entry(queue.State(queue.SchedulePaused))
		for failures := 1; failures <= 2; failures++ {
			var run queue.Run
			of, run = s.take(s.tick(of, func(t *queue.Tick) { t.Outcome, t.Reason = queue.RunRefused, text("no destination") }), paused)
			equal(s, []any{run.Outcome, run.Reason, run.Job, run.EndedAt}, []any{queue.RunRefused, text("no destination"), "", run.At}, "the run")
			equal(s, of.Failures, failures, "the failures")
			s.Advance(2 * between)
		}
		equal(s, of.State, queue.SchedulePaused, "the state")
		equal(s, s.written(), []string{paused.ID}, "the list of entries")
		jobs, _ := s.page(queue.ListQuery{Tenant: tenant})
		equal(s, len(jobs), 0, "the number of jobs")
	}},
	{"R12_EndOnce", "of many hosts that end one run at the same time one does", func(s *site) {
		for range 3 * s.Rounds {
			of, run := s.failedRun(s.ticking())
			errs := make([]error, 8)
			together(len(errs), func(i int) { _, _, errs[i] = s.schedules().EndRun(s.ctx, endOf(run), nil) })
			won := 0
			for _, err := range errs {
				if err == nil {
					won++
				} else {
					s.wantError(err, queue.ErrBadTransition, "a second end")
				}
			}
			equal(s, won, 1, "the number of those who ended it")
			equal(s, s.schedule(of).Failures, 1, "the failures")
		}
	}},
	{"RunsAreListed", "runs come newest first, in pages, numbered without gaps", func(s *site) {
		of := s.ticking()
		for range 5 {
			of, _ = s.take(s.tick(of, manual(of.Now)))
		}
		var got []int64
		before := int64(0)
		for range 3 {
			page, err := s.schedules().Runs(s.ctx, tenant, of.ID, before, 2)
			s.noError(err, "runs")
			for _, r := range page {
				got, before = append(got, r.Number), r.Number
			}
		}
		equal(s, got, []int64{5, 4, 3, 2, 1}, "the list of runs")
		none, err := s.schedules().Runs(s.ctx, tenant, of.ID, 0, 0)
		s.noError(err, "runs")
		equal(s, len(none), 0, "the size of a page of none")
	}},
}

var dueScheduleRules = []rule{
	{"TicksLongestDueFirst", "ticks are due by the store's time, the longest due first", func(s *site) {
		var want []string
		for i := range 4 {
			of := s.ticking(func(n *queue.Schedule) { n.NextTick = n.NextTick.Add(time.Duration(4-i) * time.Hour) })
			want = append([]string{of.ID}, want...)
		}
		equal(s, len(s.dueSchedules(queue.DueTick)), 0, "the number of ticks that are due")
		s.Advance(3*time.Hour + time.Minute)
		due := s.dueSchedules(queue.DueTick)
		equal(s, scheduleIDs(due), want[:3], "the list of ticks that are due")
		s.sameSchedule(due[0].Schedule, s.schedule(due[0].Schedule), "the due schedule")
	}},
	{"FollowersAreDue", "who follows a schedule of the platform is due when that was changed, until it is planned anew", func(s *site) {
		platform := s.ticking(func(n *queue.Schedule) { n.Tenant = "" })
		equal(s, platform.NextTick, time.Time{}, "the next tick of the platform's own")
		later := func(n *queue.Schedule) {
			n.Follows, n.Followed, n.NextTick = platform.ID, platform.Version, n.NextTick.Add(between)
		}
		first, second := s.ticking(later), s.ticking(later)
		s.ticking(func(n *queue.Schedule) { n.NextTick = n.NextTick.Add(between) })
		s.changed(s.ticking(later), queue.PauseSchedule)
		equal(s, len(s.dueSchedules(queue.DueFollower)), 0, "the number of followers that are due")
		platform = s.changed(platform, queue.EditSchedule)
		due := scheduleIDs(s.dueSchedules(queue.DueFollower))
		slices.Sort(due)
		want := []string{first.ID, second.ID}
		slices.Sort(want)
		equal(s, due, want, "the list of followers that are due")
		s.changed(first, queue.EditSchedule, func(c *queue.ScheduleChange) { c.Followed = platform.Version })
		equal(s, scheduleIDs(s.dueSchedules(queue.DueFollower)), []string{second.ID}, "the list of followers that are due")
	}},
	{"EndedRunsAreDue", "a run whose job has ended is due until that is recorded, with the job", func(s *site) {
		started, _ := s.take(s.tick(s.ticking()))
		equal(s, len(s.dueSchedules(queue.DueRun)), 0, "the number of runs that are due")
		of, run := s.failedRun(s.ticking())
		due := s.dueSchedules(queue.DueRun)
		equal(s, scheduleIDs(due), []string{of.ID}, "the list of runs that are due")
		equal(s, due[0].Run, run, "the run")
		s.same(due[0].Job, s.get(queue.Job{Tenant: tenant, ID: run.Job}), "the job")
		s.end(run)
		equal(s, len(s.dueSchedules(queue.DueRun)), 0, "the number of runs that are due")
		equal(s, s.runs(started)[0].Outcome, queue.RunStarted, "the outcome of the other")
	}},
	{"DueSchedulesKeepTheirLimit", "at most limit things come at once, and no kind hides another", func(s *site) {
		platform := s.ticking(func(n *queue.Schedule) { n.Tenant = "" })
		for range 3 {
			_, run := s.take(s.tick(s.ticking()))
			s.update(queue.Job{Tenant: tenant, ID: run.Job}, queue.Fail)
		}
		for range 5 {
			s.ticking(func(n *queue.Schedule) { n.Follows = platform.ID })
		}
		for limit, want := range map[int]int{0: 0, 1: 1, 3: 3, 100: 13} {
			due, err := s.schedules().DueSchedules(s.ctx, limit)
			s.noError(err, "due schedules")
			equal(s, len(due), want, "the number of due things")
			kinds := map[queue.DueKind]bool{}
			for _, d := range due {
				kinds[d.Kind] = true
			}
			equal(s, len(kinds), min(limit, 3), "the number of kinds")
		}
	}},
	{"LookingLeavesSchedules", "two schedulers may see the same, and a schedule is as it was", func(s *site) {
		of, _ := s.failedRun(s.ticking())
		was := s.standing(of)
		equal(s, len(s.dueSchedules(queue.DueRun)), 1, "the number of runs that are due")
		equal(s, len(s.dueSchedules(queue.DueRun)), 1, "the number of runs that are due")
		s.asItWas(was, "looking")
	}},
}

// contextOver returns a context that is over.
func contextOver(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	cancel()
	return ctx, cancel
}
