package queuetest

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/exportyard/exportyard/queue"
)

const between = 24 * time.Hour // two ticks

func scheduleRules() []rule {
	return slices.Concat(standingRules, changeRules, tickRules, runRules, dueScheduleRules, scheduleKeepRules)
}

func (s *site) schedules() queue.ScheduleStore { return as[queue.ScheduleStore](s) }

// order is a schedule whose first tick is now.
func (s *site) order(with ...func(*queue.Schedule)) queue.Schedule {
	n := queue.Schedule{ID: s.id("schedule"), Tenant: tenant, Owner: "ann", Settings: text("settings"), NextTick: s.now()}
	for _, w := range with {
		w(&n)
	}
	return n
}

// now returns the store's time.
func (s *site) now() time.Time {
	s.Helper()
	id := s.id("clock")
	c, _, err := s.schedules().CreateSchedule(s.ctx, queue.Schedule{ID: id, Tenant: "clock"}, nil)
	s.noError(err, "create a schedule")
	return c.CreatedAt
}

func (s *site) stand(n queue.Schedule, entries ...queue.Entry) queue.Schedule {
	s.Helper()
	got, existing, err := s.schedules().CreateSchedule(s.ctx, n, entries)
	s.noError(err, "create a schedule")
	if existing {
		s.Fatalf("create of schedule %s found an existing one", n.ID)
	}
	return got
}

// ticking returns a new schedule with a tick that is due.
func (s *site) ticking(with ...func(*queue.Schedule)) queue.Schedule {
	s.Helper()
	return s.stand(s.order(with...))
}

// tick is the next tick of a schedule, with a job of a slot of its own.
func (s *site) tick(of queue.Schedule, with ...func(*queue.Tick)) queue.Tick {
	n := s.draft()
	n.Tenant = of.Tenant
	t := queue.Tick{
		Tenant: of.Tenant, Schedule: of.ID, Version: of.Version, Nominal: of.NextTick, Next: of.NextTick.Add(between), NextDue: of.NextTick.Add(between + time.Minute),
		Outcome: queue.RunStarted, Job: n, MaxFailures: 2, PauseReason: text("too often"),
	}
	for _, w := range with {
		w(&t)
	}
	return t
}

func (s *site) take(t queue.Tick, entries ...queue.Entry) (queue.Schedule, queue.Run) {
	s.Helper()
	after, run, err := s.schedules().TakeTick(s.ctx, t, entries)
	s.noError(err, "take a tick")
	return after, run
}

// manual makes a tick one that a person asked for at this time.
func manual(at time.Time) func(*queue.Tick) {
	return func(t *queue.Tick) { t.Manual, t.Actor, t.Nominal = true, "bob", at }
}

func (s *site) changed(of queue.Schedule, e queue.ScheduleEvent, with ...func(*queue.ScheduleChange)) queue.Schedule {
	s.Helper()
	got, err := s.schedules().ChangeSchedule(s.ctx, changeOf(of, e, with...), nil)
	s.noError(err, "change a schedule with "+string(e))
	return got
}

func changeOf(of queue.Schedule, e queue.ScheduleEvent, with ...func(*queue.ScheduleChange)) queue.ScheduleChange {
	c := queue.ScheduleChange{
		Tenant: of.Tenant, Schedule: of.ID, Version: of.Version, Event: e, Owner: of.Owner, Follows: of.Follows, Followed: of.Followed, Settings: of.Settings,
		NextTick: of.NextTick, DueAt: of.DueAt, Reason: text("reason"),
	}
	for _, w := range with {
		w(&c)
	}
	return c
}

// failedRun returns a schedule after a run whose job has failed.
func (s *site) failedRun(of queue.Schedule) (queue.Schedule, queue.Run) {
	s.Helper()
	after, run := s.take(s.tick(of))
	s.update(queue.Job{Tenant: run.Tenant, ID: run.Job}, queue.Fail)
	return after, run
}

func endOf(r queue.Run) queue.RunEnd {
	return queue.RunEnd{Tenant: r.Tenant, Schedule: r.Schedule, Number: r.Number, MaxFailures: 2, PauseReason: text("too often")}
}

func (s *site) end(r queue.Run, entries ...queue.Entry) (queue.Schedule, queue.Run) {
	s.Helper()
	after, run, err := s.schedules().EndRun(s.ctx, endOf(r), entries)
	s.noError(err, "end a run")
	return after, run
}

func (s *site) schedule(of queue.Schedule) queue.Schedule {
	s.Helper()
	got, err := s.schedules().GetSchedule(s.ctx, of.Tenant, of.ID)
	s.noError(err, "get a schedule")
	return got
}

func (s *site) runs(of queue.Schedule) []queue.Run {
	s.Helper()
	runs, err := s.schedules().Runs(s.ctx, of.Tenant, of.ID, 0, 1000)
	s.noError(err, "runs")
	return runs
}

// dueSchedules returns the due things of a kind.
func (s *site) dueSchedules(kind queue.DueKind) []queue.DueSchedule {
	s.Helper()
	due, err := s.schedules().DueSchedules(s.ctx, 1000)
	s.noError(err, "due schedules")
	return slices.DeleteFunc(due, func(d queue.DueSchedule) bool { return d.Kind != kind })
}

func scheduleIDs(due []queue.DueSchedule) []string {
	list := []string{}
	for _, d := range due {
		list = append(list, d.Schedule.ID)
	}
	return list
}

// A standing is all that can be seen of a schedule, without the time of looking.
type standing struct {
	Schedule queue.Schedule
	Runs     []queue.Run
	Jobs     []string
	Entries  []string
}

func (s *site) standing(of queue.Schedule) standing {
	s.Helper()
	st := standing{Schedule: s.schedule(of), Runs: s.runs(of), Entries: s.written()}
	st.Schedule.Now = time.Time{}
	st.Schedule.Settings.Data, st.Schedule.Reason.Data = bytes.Clone(st.Schedule.Settings.Data), bytes.Clone(st.Schedule.Reason.Data)
	for i := range st.Runs {
		st.Runs[i].Reason.Data = bytes.Clone(st.Runs[i].Reason.Data)
	}
	jobs, _, err := s.Store.List(s.ctx, queue.ListQuery{Tenant: tenant, Limit: 1000})
	s.noError(err, "list")
	for _, j := range jobs {
		st.Jobs = append(st.Jobs, j.ID+" "+string(j.State))
	}
	return st
}

// asItWas fails if the schedule can be told from what it was.
func (s *site) asItWas(was standing, after string) {
	s.Helper()
	if now := s.standing(was.Schedule); !reflect.DeepEqual(was, now) {
		s.Fatalf("%s changed the schedule:\nwas %+v\nnow %+v", after, was, now)
	}
}

// sameSchedule compares without the time of looking.
func (s *site) sameSchedule(got, want queue.Schedule, what string) {
	s.Helper()
	got.Now, want.Now = time.Time{}, time.Time{}
	if !reflect.DeepEqual(got, want) {
		s.Fatalf("%s:\ngot  %+v\nwant %+v", what, got, want)
	}
}

var standingRules = []rule{
	{"ScheduleAsMade", "a new schedule is active, in version 1, with the tick that it was given", func(s *site) {
		n := s.order(func(n *queue.Schedule) {
			n.Follows, n.Followed, n.DueAt = "default", 3, n.NextTick.Add(time.Minute)
			n.State, n.Failures, n.Version, n.Runs, n.LastTick = queue.SchedulePaused, 4, 9, 9, n.NextTick
		})
		got := s.stand(n)
		s.sameSchedule(got, n.Make(got.CreatedAt), "the schedule")
		s.sameSchedule(s.schedule(got), got, "the schedule, asked for again")
		equal(s, got.Now, got.CreatedAt, "the store's time")
		equal(s, len(s.runs(got)), 0, "the number of runs")
	}},
	{"ScheduleIsMadeOnce", "an ID that the tenant has had is found, not made again, and nothing is written", func(s *site) {
		first := s.ticking()
		removed := s.changed(s.ticking(), queue.RemoveSchedule)
		for _, of := range []queue.Schedule{first, removed} {
			was := s.standing(of)
			got, existing, err := s.schedules().CreateSchedule(s.ctx, s.order(func(n *queue.Schedule) { n.ID, n.Owner = of.ID, "bob" }), []queue.Entry{s.entry("")})
			s.noError(err, "create a schedule")
			equal(s, existing, true, "existing")
			s.sameSchedule(got, of, "the schedule")
			s.asItWas(was, "a second one")
		}
	}},
	{"ScheduleIsMadeOnceByMany", "of many hosts that make one schedule at the same time one does, and one entry is written", func(s *site) {
		n := s.order()
		entries := make([]queue.Entry, 8)
		made := make([]bool, len(entries))
		for i := range entries {
			entries[i] = s.entry("")
		}
		together(len(entries), func(i int) {
			_, existing, err := s.schedules().CreateSchedule(s.ctx, n, entries[i:i+1])
			if err != nil {
				s.Errorf("create a schedule: %v", err)
			}
			made[i] = err == nil && !existing
		})
		i := slices.Index(made, true)
		if i < 0 || slices.Contains(made[i+1:], true) {
			s.Fatalf("who made it: %v", made)
		}
		equal(s, s.written(), []string{entries[i].ID}, "the list of entries")
	}},
	{"R32_SchedulesOfTenants", "a tenant's schedule is not found by another, whose own may have the same ID", func(s *site) {
		mine := s.ticking()
		theirs := s.ticking(func(n *queue.Schedule) { n.ID, n.Tenant, n.Owner = mine.ID, "other", "eve" })
		s.take(s.tick(mine))
		equal(s, s.schedule(theirs).Owner, "eve", "the owner")
		equal(s, len(s.runs(theirs)), 0, "the number of their runs")
		for _, missing := range []string{"none", ""} {
			_, err := s.schedules().GetSchedule(s.ctx, missing, mine.ID)
			s.wantError(err, queue.ErrNotFound, "get a schedule")
			_, err = s.schedules().Runs(s.ctx, missing, mine.ID, 0, 10)
			s.wantError(err, queue.ErrNotFound, "runs")
			_, err = s.schedules().ChangeSchedule(s.ctx, changeOf(queue.Schedule{ID: mine.ID, Tenant: missing, Version: 2}, queue.PauseSchedule), nil)
			s.wantError(err, queue.ErrNotFound, "change a schedule")
			_, _, err = s.schedules().TakeTick(s.ctx, s.tick(mine, func(t *queue.Tick) { t.Tenant = missing }), nil)
			s.wantError(err, queue.ErrNotFound, "take a tick")
			_, _, err = s.schedules().EndRun(s.ctx, queue.RunEnd{Tenant: missing, Schedule: mine.ID, Number: 1}, nil)
			s.wantError(err, queue.ErrNotFound, "end a run")
		}
		_, _, err := s.schedules().EndRun(s.ctx, queue.RunEnd{Tenant: "other", Schedule: mine.ID, Number: 1}, nil)
		s.wantError(err, queue.ErrNotFound, "end a run that they do not have")
	}},
	{"SchedulesAreListed", "a tenant's schedules come in order of ID, in pages, without those that were removed", func(s *site) {
		made := []string{"b", "a", "Z", "ä", "a2", "gone"}
		for _, id := range made {
			s.ticking(func(n *queue.Schedule) { n.ID = id })
		}
		s.ticking(func(n *queue.Schedule) { n.ID, n.Tenant = "c", "other" })
		s.ticking(func(n *queue.Schedule) { n.ID, n.Tenant = "d", "" })
		s.changed(s.schedule(queue.Schedule{ID: "gone", Tenant: tenant}), queue.RemoveSchedule)
		var got []string
		after := ""
		for range made {
			page, err := s.schedules().Schedules(s.ctx, tenant, after, 2)
			s.noError(err, "schedules")
			for _, one := range page {
				s.sameSchedule(one, s.schedule(one), "a listed schedule")
				got, after = append(got, one.ID), one.ID
			}
		}
		equal(s, got, []string{"Z", "a", "a2", "b", "ä"}, "the list")
		none, err := s.schedules().Schedules(s.ctx, tenant, "", 0)
		s.noError(err, "schedules")
		equal(s, len(none), 0, "the size of a page of none")
	}},
}

var changeRules = []rule{
	{"ScheduleIsEdited", "an edit replaces owner, settings, what is followed, and the next tick", func(s *site) {
		was := s.ticking()
		got := s.changed(was, queue.EditSchedule, func(c *queue.ScheduleChange) {
			c.Owner, c.Settings, c.Follows, c.Followed = "bob", text("others"), "default", 7
			c.NextTick, c.DueAt = was.NextTick.Add(between), was.NextTick.Add(between+time.Hour)
		})
		was.Owner, was.Settings, was.Follows, was.Followed, was.Version = "bob", text("others"), "default", 7, 2
		was.DueAt, was.NextTick = was.NextTick.Add(between+time.Hour), was.NextTick.Add(between)
		s.sameSchedule(got, was, "the schedule")
		s.sameSchedule(s.schedule(got), was, "the schedule, asked for again")
	}},
	{"SchedulePausesAndResumes", "a paused schedule has no ticks, a resumed one has, and neither can be twice", func(s *site) {
		first := s.ticking()
		paused := s.changed(first, queue.PauseSchedule)
		equal(s, paused.State, queue.SchedulePaused, "the state")
		equal(s, paused.Reason, text("reason"), "the reason")
		equal(s, len(s.dueSchedules(queue.DueTick)), 0, "the number of ticks that are due")
		_, _, err := s.schedules().TakeTick(s.ctx, s.tick(first, func(t *queue.Tick) { t.Version = paused.Version }), nil)
		s.wantError(err, queue.ErrBadTransition, "tick of a paused schedule")
		_, err = s.schedules().ChangeSchedule(s.ctx, changeOf(paused, queue.PauseSchedule), nil)
		s.wantError(err, queue.ErrBadTransition, "a second pause")
		resumed := s.changed(paused, queue.ResumeSchedule, func(c *queue.ScheduleChange) { c.NextTick = first.NextTick })
		first.Version = 3
		s.sameSchedule(resumed, first, "the resumed schedule")
		equal(s, scheduleIDs(s.dueSchedules(queue.DueTick)), []string{first.ID}, "the list of ticks that are due")
		_, err = s.schedules().ChangeSchedule(s.ctx, changeOf(resumed, queue.ResumeSchedule), nil)
		s.wantError(err, queue.ErrBadTransition, "a second resumption")
	}},
	{"RemovedScheduleIsGone", "a removed schedule does nothing any more; it and its runs can be looked up", func(s *site) {
		of, run := s.take(s.tick(s.ticking()))
		gone := s.changed(of, queue.RemoveSchedule)
		equal(s, gone.State, queue.ScheduleRemoved, "the state")
		equal(s, s.schedule(gone).State, queue.ScheduleRemoved, "the state, asked for again")
		equal(s, s.runs(gone), []queue.Run{run}, "the list of runs")
		s.Advance(2 * between)
		equal(s, len(s.dueSchedules(queue.DueTick)), 0, "the number of ticks that are due")
		for _, e := range []queue.ScheduleEvent{queue.EditSchedule, queue.PauseSchedule, queue.ResumeSchedule, queue.RemoveSchedule} {
			_, err := s.schedules().ChangeSchedule(s.ctx, changeOf(gone, e), nil)
			s.wantError(err, queue.ErrBadTransition, string(e)+" of a removed schedule")
		}
		_, _, err := s.schedules().TakeTick(s.ctx, s.tick(gone, manual(of.Now)), nil)
		s.wantError(err, queue.ErrBadTransition, "run of a removed schedule")
		// The job goes on, and its end is recorded.
		s.update(queue.Job{Tenant: tenant, ID: run.Job}, queue.Fail)
		_, run = s.end(run)
		equal(s, run.Outcome, queue.RunFailed, "the outcome")
	}},
	{"StaleChangesAreRefused", "a change of another version than the present one changes nothing", func(s *site) {
		old := s.ticking()
		s.changed(old, queue.EditSchedule, func(c *queue.ScheduleChange) { c.Owner = "bob" })
		was := s.standing(old)
		for _, e := range []queue.ScheduleEvent{queue.EditSchedule, queue.PauseSchedule, queue.RemoveSchedule} {
			_, err := s.schedules().ChangeSchedule(s.ctx, changeOf(old, e), []queue.Entry{s.entry("")})
			s.wantError(err, queue.ErrStale, string(e))
		}
		for _, with := range []func(*queue.Tick){func(*queue.Tick) {}, manual(old.Now)} {
			_, _, err := s.schedules().TakeTick(s.ctx, s.tick(old, with), []queue.Entry{s.entry("")})
			s.wantError(err, queue.ErrStale, "tick")
		}
		s.asItWas(was, "a stale change")
	}},
	{"OneOfManyChangesWins", "of changes to one version at the same time exactly one is made", func(s *site) {
		for range s.Rounds {
			of := s.ticking()
			entries := make([]queue.Entry, 8)
			errs := make([]error, len(entries))
			for i := range entries {
				entries[i] = s.entry("")
			}
			before := len(s.written())
			together(len(entries), func(i int) {
				_, errs[i] = s.schedules().ChangeSchedule(s.ctx, changeOf(of, queue.EditSchedule, func(c *queue.ScheduleChange) { c.Owner = entries[i].ID }), entries[i:i+1])
			})
			winner := s.onlyWinner(errs)
			equal(s, s.schedule(of).Owner, entries[winner].ID, "the owner")
			equal(s, s.schedule(of).Version, 2, "the version")
			equal(s, s.written()[before:], []string{entries[winner].ID}, "the list of entries")
		}
	}},
	{"ScheduleEntriesGoByWhatHappened", "entries for an outcome or a state come when it is met, in one transaction with the change", func(s *site) {
		var want []string
		entry := func(when string, met bool) queue.Entry {
			e := s.entry(queue.State(when))
			if met {
				want = append(want, e.ID)
			}
			return e
		}
		of := s.order()
		of = s.stand(of, entry("", true), entry(string(queue.SchedulePaused), false))
		of, err := s.schedules().ChangeSchedule(s.ctx, changeOf(of, queue.PauseSchedule), []queue.Entry{entry(string(queue.SchedulePaused), true), entry(string(queue.RunStarted), false)})
		s.noError(err, "pause")
		of, run := s.take(s.tick(of, manual(of.Now)), entry(string(queue.SchedulePaused), false), entry(string(queue.RunSkipped), false), entry(string(queue.RunStarted), true), entry("", true))
		s.update(queue.Job{Tenant: tenant, ID: run.Job}, queue.Cancel)
		s.end(run, entry(string(queue.RunCanceled), true), entry(string(queue.RunFailed), false))
		equal(s, s.written(), want, "the list of entries")
	}},
}

// onlyWinner returns the one whose change was made; all others were too late.
func (s *site) onlyWinner(errs []error) int {
	s.Helper()
	winner := -1
	for i, err := range errs {
		switch {
		case err != nil:
			s.wantError(err, queue.ErrStale, "a change that came too late")
		case winner >= 0:
			s.Fatalf("%d and %d both won", winner, i)
		default:
			winner = i
		}
	}
	if winner < 0 {
		s.Fatalf("nobody won: %v", errs)
	}
	return winner
}

var scheduleKeepRules = []rule{
	{"ScheduleIsVerbatim", "names, settings and reasons come back byte for byte", func(s *site) {
		all := make([]byte, 256)
		for i := range all {
			all[i] = byte(i)
		}
		p := queue.Payload{Version: 1<<31 - 1, Data: all}
		of := s.ticking(func(n *queue.Schedule) {
			n.ID, n.Tenant, n.Owner, n.Follows, n.Settings = `i'd "x"`+"\n", "tenant\n1", "ann%_\\ ünï 日本", strings.Repeat("f", 300), p
		})
		s.sameSchedule(s.schedule(of), of, "the schedule")
		s.samePayload(of.Settings, p)
		of, run := s.take(s.tick(of, func(t *queue.Tick) { t.Outcome, t.Reason = queue.RunRefused, p }))
		s.samePayload(run.Reason, p)
		s.samePayload(s.runs(of)[0].Reason, p)
		of = s.changed(of, queue.PauseSchedule, func(c *queue.ScheduleChange) { c.Reason = p })
		s.samePayload(s.schedule(of).Reason, p)
	}},
	{"ScheduleSlicesAreTheCallers", "a caller may change what it gave or got; the store keeps its own", func(s *site) {
		n := s.order()
		of := s.stand(n)
		was := s.standing(of)
		for _, data := range [][]byte{n.Settings.Data, of.Settings.Data, s.schedule(of).Settings.Data, s.dueSchedules(queue.DueTick)[0].Schedule.Settings.Data} {
			data[0] = 'X'
		}
		s.asItWas(was, "a change of the caller's slices")
		t := s.tick(of, func(t *queue.Tick) { t.Outcome, t.Reason = queue.RunRefused, text("reason") })
		of, run := s.take(t)
		was = s.standing(of)
		t.Reason.Data[0], run.Reason.Data[0], s.runs(of)[0].Reason.Data[0] = 'X', 'X', 'X'
		s.asItWas(was, "a change of the caller's slices")
	}},
	{"CanceledContextLeavesSchedules", "a method whose context is over changes nothing and says so", func(s *site) {
		of, run := s.failedRun(s.ticking())
		was := s.standing(of)
		over, cancel := contextOver(s.ctx)
		defer cancel()
		n := s.order()
		errs := map[string]error{}
		_, _, errs["create"] = s.schedules().CreateSchedule(over, n, []queue.Entry{s.entry("")})
		_, errs["change"] = s.schedules().ChangeSchedule(over, changeOf(of, queue.PauseSchedule), []queue.Entry{s.entry("")})
		_, errs["get"] = s.schedules().GetSchedule(over, tenant, of.ID)
		_, errs["list"] = s.schedules().Schedules(over, tenant, "", 10)
		_, errs["due"] = s.schedules().DueSchedules(over, 10)
		_, _, errs["take"] = s.schedules().TakeTick(over, s.tick(of, manual(of.Now)), []queue.Entry{s.entry("")})
		_, _, errs["end"] = s.schedules().EndRun(over, endOf(run), []queue.Entry{s.entry("")})
		_, errs["runs"] = s.schedules().Runs(over, tenant, of.ID, 0, 10)
		for method, err := range errs {
			s.wantError(err, over.Err(), method)
		}
		s.asItWas(was, "a canceled method")
		_, err := s.schedules().GetSchedule(s.ctx, tenant, n.ID)
		s.wantError(err, queue.ErrNotFound, "get of the schedule that was not created")
	}},
	{"ReopenedSchedulesAreTheSame", "what was answered is there after the process ended: schedules and runs", func(s *site) {
		if s.Reopen == nil {
			return // a store that keeps nothing promises nothing
		}
		of, run := s.failedRun(s.ticking())
		was := s.standing(of)
		s.Store, s.Entries = s.Reopen(s.TB)
		s.asItWas(was, "a restart")
		s.end(run)
		s.Advance(2 * between)
		s.take(s.tick(s.schedule(of)))
	}},
}
