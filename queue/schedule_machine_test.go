package queue_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore"
)

// A planner is the simplest store of one schedule, made of the rules alone, with two
// slots for its jobs. A memstore goes beside it and must agree with it at every step.
type planner struct {
	now      time.Time
	schedule queue.Schedule
	runs     []queue.Run
	jobs     map[string]queue.Job
	store    *memstore.Store
	ids      int
}

func newPlanner(t *rapid.T) *planner {
	p := &planner{now: now, jobs: map[string]queue.Job{}}
	p.store = memstore.New(&memstore.Options{Now: func() time.Time { return p.now }})
	n := queue.Schedule{ID: "nightly", Tenant: "acme", NextTick: now.Add(time.Hour)}
	p.schedule = n.Make(p.now)
	_, _, err := p.store.CreateSchedule(t.Context(), n, nil)
	p.agree(t, nil, err)
	return p
}

// agree compares what the rules say with what the store answered and keeps.
func (p *planner) agree(t *rapid.T, want, got error) {
	t.Helper()
	for _, sentinel := range []error{queue.ErrStale, queue.ErrBadTransition, queue.ErrConflict} {
		if errors.Is(want, sentinel) != errors.Is(got, sentinel) {
			t.Fatalf("the store says %v, the rules %v", got, want)
		}
	}
	if (want == nil) != (got == nil) {
		t.Fatalf("the store says %v, the rules %v", got, want)
	}
	s, err := p.store.GetSchedule(t.Context(), "acme", "nightly")
	if err != nil {
		t.Fatal(err)
	}
	p.schedule.Now = p.now
	if diff := differ(p.schedule, s); diff != "" {
		t.Fatalf("schedule: %s", diff)
	}
	runs, err := p.store.Runs(t.Context(), "acme", "nightly", 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range runs {
		if diff := differ(p.runs[len(p.runs)-1-i], r); diff != "" {
			t.Fatalf("run: %s", diff)
		}
	}
	if len(runs) != len(p.runs) {
		t.Fatalf("%d runs, want %d", len(runs), len(p.runs))
	}
}

// version is mostly the present one.
func (p *planner) version(t *rapid.T) int64 {
	return p.schedule.Version + rapid.SampledFrom([]int64{0, 0, 0, 0, 0, -1, 1}).Draw(t, "off")
}

func (p *planner) change(t *rapid.T) {
	next := rapid.SampledFrom([]time.Time{{}, p.now.Add(time.Hour), p.now.Add(-time.Hour)}).Draw(t, "next")
	c := queue.ScheduleChange{
		Tenant: "acme", Schedule: "nightly", Version: p.version(t), NextTick: next, DueAt: next.Add(time.Minute), Reason: text("reason"),
		Event: rapid.SampledFrom([]queue.ScheduleEvent{queue.EditSchedule, queue.EditSchedule, queue.PauseSchedule, queue.ResumeSchedule, queue.ResumeSchedule, queue.RemoveSchedule}).Draw(t, "event"),
	}
	if c.Event == queue.RemoveSchedule && rapid.IntRange(0, 9).Draw(t, "rare") > 0 {
		return
	}
	after, want := c.Apply(p.schedule)
	if want == nil {
		p.schedule = after
	}
	_, got := p.store.ChangeSchedule(t.Context(), c, nil)
	p.agree(t, want, got)
}

func (p *planner) tick(t *rapid.T) {
	p.ids++
	n := queue.NewJob{Job: queue.Job{ID: fmt.Sprint("job-", p.ids), Tenant: "acme", Slot: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "slot")}, First: []queue.Part{{Kind: queue.PlanPart}}}
	k := queue.Tick{
		Tenant: "acme", Schedule: "nightly", Version: p.version(t), Job: n, MaxFailures: 3, PauseReason: text("too often"),
		Nominal: rapid.SampledFrom([]time.Time{p.schedule.NextTick, p.schedule.NextTick, p.now}).Draw(t, "nominal"),
		Manual:  rapid.IntRange(0, 4).Draw(t, "manual") == 0, Actor: "ann", Reason: text("reason"),
		Outcome: rapid.SampledFrom([]queue.RunOutcome{queue.RunStarted, queue.RunStarted, queue.RunStarted, queue.RunSkipped, queue.RunRefused, queue.RunFailed}).Draw(t, "outcome"),
	}
	k.Next = k.Nominal.Add(rapid.SampledFrom([]time.Duration{time.Hour, time.Hour, time.Hour, 0}).Draw(t, "step"))
	k.NextDue = k.Next.Add(time.Minute)
	var active *queue.Job
	for _, j := range p.jobs {
		if j.Slot == n.Slot && j.State.Active() && k.Outcome == queue.RunStarted {
			active = &j
		}
	}
	after, run, want := k.Apply(p.schedule, active, p.now)
	if want == nil {
		p.schedule = after
		p.runs = append(p.runs, run)
		if run.Outcome == queue.RunStarted {
			p.jobs[n.ID], _ = n.Make(p.now)
		}
	}
	_, _, got := p.store.TakeTick(t.Context(), k, nil)
	p.agree(t, want, got)
}

// started draws a run, mostly one whose job was started; false when there is none.
func (p *planner) started(t *rapid.T) (queue.Run, bool) {
	if len(p.runs) == 0 {
		return queue.Run{}, false
	}
	r := p.runs[rapid.IntRange(max(0, len(p.runs)-3), len(p.runs)-1).Draw(t, "run")]
	return r, r.Job != ""
}

func (p *planner) endJob(t *rapid.T) {
	r, ok := p.started(t)
	if !ok {
		return
	}
	u := queue.Update{Tenant: "acme", Job: r.Job, Event: rapid.SampledFrom([]queue.Event{queue.Fail, queue.Cancel}).Draw(t, "event")}
	j, want := u.Apply(p.jobs[r.Job], p.now)
	if want == nil {
		p.jobs[r.Job] = j
	}
	_, got := p.store.Update(t.Context(), u, nil)
	p.agree(t, want, got)
}

func (p *planner) endRun(t *rapid.T) {
	r, ok := p.started(t)
	if !ok {
		return
	}
	e := queue.RunEnd{Tenant: "acme", Schedule: "nightly", Number: r.Number, MaxFailures: 3, PauseReason: text("too often")}
	after, run, want := e.Apply(p.schedule, r, p.jobs[r.Job])
	if want == nil {
		p.schedule, p.runs[r.Number-1] = after, run
	}
	_, _, got := p.store.EndRun(t.Context(), e, nil)
	p.agree(t, want, got)
}

// sound holds of every schedule at every time.
func (p *planner) sound(t *rapid.T) {
	s := p.schedule
	switch {
	case s.Runs != int64(len(p.runs)):
		t.Fatalf("%d runs are counted of %d", s.Runs, len(p.runs))
	case s.NextTick.IsZero() != s.DueAt.IsZero(), s.DueAt.Before(s.NextTick):
		t.Fatalf("the tick of %v is due at %v", s.NextTick, s.DueAt)
	case s.State != queue.ScheduleActive && !s.NextTick.IsZero():
		t.Fatalf("%s with a tick at %v", s.State, s.NextTick)
	}
	jobs, slots := map[string]bool{}, map[string]int{}
	for i, r := range p.runs {
		started := r.Outcome != queue.RunSkipped && r.Outcome != queue.RunRefused
		switch {
		case r.Number != int64(i+1):
			t.Fatalf("run %d is at %d", r.Number, i+1)
		case started && (r.Job == "" || jobs[r.Job]):
			t.Fatalf("the job %q of run %d is no other's", r.Job, r.Number)
		case (r.Outcome == queue.RunStarted) != r.EndedAt.IsZero():
			t.Fatalf("a run that is %s ended at %v", r.Outcome, r.EndedAt)
		}
		if started {
			jobs[r.Job] = true
		}
	}
	if len(jobs) != len(p.jobs) {
		t.Fatalf("%d jobs, and %d runs that started one", len(p.jobs), len(jobs))
	}
	for _, j := range p.jobs {
		if j.State.Active() {
			slots[j.Slot]++
		}
	}
	if slots["a"] > 1 || slots["b"] > 1 {
		t.Fatalf("the slots are held by %v", slots)
	}
	due, err := p.store.DueSchedules(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	if s.Ticks(p.now) {
		want++
	}
	for _, r := range p.runs {
		if r.Over(p.jobs[r.Job]) {
			want++
		}
	}
	if len(due) != want {
		t.Fatalf("%d things are due, the rules say %d", len(due), want)
	}
}

func TestR4_ScheduleMachine(t *testing.T) {
	t.Parallel()
	outcomes, states := map[queue.RunOutcome]int{}, map[queue.ScheduleState]int{}
	rapid.Check(t, func(t *rapid.T) {
		p := newPlanner(t)
		version, last := p.schedule.Version, time.Time{}
		t.Repeat(map[string]func(*rapid.T){
			"change": p.change, "tick": p.tick, "tick again": p.tick, "job ends": p.endJob, "run ends": p.endRun,
			"wait": func(t *rapid.T) {
				p.now = p.now.Add(rapid.SampledFrom([]time.Duration{time.Minute, time.Hour, 3 * time.Hour}).Draw(t, "time"))
			},
			"": func(t *rapid.T) {
				p.sound(t)
				if p.schedule.Version < version {
					t.Fatalf("version %d after %d", p.schedule.Version, version)
				}
				version = p.schedule.Version
				if p.schedule.LastTick.After(p.now) || p.schedule.LastTick.Before(last) {
					t.Fatalf("the last tick is %v, it was %v", p.schedule.LastTick, last)
				}
				last = p.schedule.LastTick
			},
		})
		for _, r := range p.runs {
			outcomes[r.Outcome]++
		}
		states[p.schedule.State]++
	})
	for _, o := range []queue.RunOutcome{queue.RunStarted, queue.RunSkipped, queue.RunRefused, queue.RunFailed, queue.RunCanceled} {
		require.NotZero(t, outcomes[o], "no run was %s", o)
	}
	for _, s := range scheduleStates {
		require.NotZero(t, states[s], "no schedule was %s in the end", s)
	}
	t.Log("runs by their outcome:", outcomes, "schedules by their state:", states)
}
