package queue

import (
	"fmt"
	"time"
)

// A RunOutcome is what became of a run.
type RunOutcome string

// The outcomes of a run. RunStarted becomes one of the last three with the end of
// its job; all others are final.
const (
	RunStarted   RunOutcome = "started"
	RunSkipped   RunOutcome = "skipped" // it was not its time: the slot was taken, or Reason says why
	RunRefused   RunOutcome = "refused" // what it asks for is not possible; Reason says why
	RunCompleted RunOutcome = "completed"
	RunFailed    RunOutcome = "failed"
	RunCanceled  RunOutcome = "canceled"
)

// A Run is a tick that was taken, or a run that a person asked for.
type Run struct {
	Tenant, Schedule string
	// Number counts the schedule's runs from 1.
	Number int64
	// Nominal is the time of the tick, by which relative ranges go; of a manual run,
	// when it was asked for.
	Nominal time.Time
	// Since is the first of the ticks that this run stands for: it is before Nominal
	// when ticks were missed. Zero for a manual run.
	Since   time.Time
	Manual  bool
	Actor   string // who asked for a manual run
	Outcome RunOutcome
	// Job is the job that was started or, when the run was skipped for it, the one
	// that held the slot.
	Job     string
	Reason  Payload
	At      time.Time // when it was taken
	EndedAt time.Time // when its job ended; At when there was none
}

// A Tick takes a tick of a schedule, or runs it by hand.
type Tick struct {
	Tenant, Schedule string
	// Version is the one in which the schedule was found.
	Version int64
	// Nominal is the time of the tick: that of NextTick or, when more were missed, of
	// the last of them. Only that one is made up for.
	Nominal time.Time
	// Next and NextDue are the NextTick and DueAt after it; zero for none.
	Next, NextDue time.Time
	// Manual runs the schedule now, in whatever state it is but removed, for Actor.
	// Its ticks stay as they are; Next and NextDue are not used.
	Manual bool
	Actor  string
	// Outcome is RunStarted, with the Job to create; or RunSkipped or RunRefused, with
	// the Reason.
	Outcome RunOutcome
	Reason  Payload
	// Job is created in the transaction of the tick. Its idempotency key is not used: a
	// tick is taken once.
	Job NewJob
	// MaxFailures pauses the schedule, for PauseReason, when so many runs in a row were
	// refused or have failed; 0 for never.
	MaxFailures int
	PauseReason Payload
}

// NewJob returns the job as it is to be made, without an idempotency key.
func (t Tick) NewJob() NewJob {
	n := t.Job
	n.IdempotencyKey, n.Fingerprint = "", ""
	return n
}

// Apply returns the schedule after the tick, and the run. Active is the job that holds the
// slot of the tick's job; nil when none does. If there is one, a tick is skipped, and a
// manual run returns a [*ConflictError]. The job is created when the run's outcome is
// RunStarted.
//
// Apply returns an error that wraps [ErrStale] when the schedule has another version,
// and one that wraps [ErrBadTransition] when the tick is not due or does not fit.
func (t Tick) Apply(s Schedule, active *Job, now time.Time) (Schedule, Run, error) {
	if err := s.is(t.Version); err != nil {
		return s, Run{}, err
	}
	if why := t.misfit(s, now); why != "" {
		return s, Run{}, fmt.Errorf("queue: tick of schedule %s: %s: %w", s.ID, why, ErrBadTransition)
	}
	r := Run{
		Tenant: s.Tenant, Schedule: s.ID, Number: s.Runs + 1, Nominal: t.Nominal.UTC().Truncate(time.Microsecond), Manual: t.Manual,
		Outcome: t.Outcome, Reason: t.Reason, At: now, EndedAt: now,
	}
	switch {
	case t.Outcome != RunStarted:
	case active == nil:
		r.Job, r.EndedAt, r.Reason = t.Job.ID, time.Time{}, Payload{}
	case t.Manual:
		return s, Run{}, &ConflictError{Active: *active}
	default:
		r.Outcome, r.Job, r.Reason = RunSkipped, active.ID, Payload{}
	}
	if t.Manual {
		r.Actor = t.Actor
	} else {
		r.Since, s.LastTick = s.NextTick, r.Nominal
		s.plan(t.Next, t.NextDue)
	}
	if r.Outcome == RunRefused {
		s.failed(t.MaxFailures, t.PauseReason)
	}
	s.Runs++
	s.Version++
	return s, r, nil
}

// misfit says why a tick cannot be taken, or nothing.
func (t Tick) misfit(s Schedule, now time.Time) string {
	switch {
	case s.State == ScheduleRemoved, s.Tenant == "":
		return "it does not run"
	case t.Outcome == RunStarted && t.Job.Tenant != s.Tenant:
		return "its job is another tenant's"
	case t.Manual && t.Outcome != RunStarted:
		return "a manual run is started"
	case t.Manual:
		return ""
	case !s.Ticks(now):
		return "it is not due"
	case t.Nominal.Before(s.NextTick), t.Nominal.After(now):
		return "its time is not that of a tick that was missed"
	case !t.Nominal.After(s.PastTick(now)):
		return "it was taken before"
	case !t.Next.IsZero() && !t.Next.After(t.Nominal):
		return "the next one would not be after it"
	}
	switch t.Outcome {
	case RunStarted, RunSkipped, RunRefused:
		return ""
	}
	return "it cannot have the outcome " + string(t.Outcome)
}

// A RunEnd records how the job of a run has ended.
type RunEnd struct {
	Tenant, Schedule string
	Number           int64
	// MaxFailures pauses the schedule, for PauseReason, when so many runs in a row have
	// failed or were refused; 0 for never.
	MaxFailures int
	PauseReason Payload
}

// Apply returns the schedule and the run after the job has ended, or an error that wraps
// [ErrBadTransition] when that was recorded already, or the job is still active. A
// completed job makes up for all failures before; a canceled one says nothing about
// them. The schedule has a new version if it was changed.
func (e RunEnd) Apply(s Schedule, r Run, j Job) (Schedule, Run, error) {
	if !r.Over(j) {
		return s, r, fmt.Errorf("queue: end of run %d of schedule %s, which is %s with a job that is %s: %w", r.Number, s.ID, r.Outcome, j.State, ErrBadTransition)
	}
	failures := s.Failures
	switch j.State {
	case Failed:
		r.Outcome = RunFailed
		s.failed(e.MaxFailures, e.PauseReason)
	case Canceled:
		r.Outcome = RunCanceled
	default: // an expired job was completed before
		r.Outcome, s.Failures = RunCompleted, 0
	}
	r.EndedAt = j.FinishedAt
	if s.Failures != failures {
		s.Version++
	}
	return s, r, nil
}

// Over reports whether the end of the run's job is to be recorded.
func (r Run) Over(j Job) bool {
	return r.Outcome == RunStarted && r.Job == j.ID && !j.State.Active()
}

// EntriesAfter returns those of the entries that a change of a schedule appends: the
// unconditional ones, those for the outcome of the run, if there was one, and those for
// a state that the schedule was not in before. Their condition is met and not kept.
func (s Schedule) EntriesAfter(was Schedule, outcome RunOutcome, entries []Entry) []Entry {
	kept := EntriesIn(State(outcome), entries)
	if s.State == was.State {
		return kept
	}
	for _, e := range entries {
		if e.When != "" && e.When == State(s.State) {
			e.When = ""
			kept = append(kept, e)
		}
	}
	return kept
}
