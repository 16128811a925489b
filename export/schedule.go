package export

import (
	"encoding/json"
	"time"

	"github.com/exportyard/exportyard/internal/calendar"
	"github.com/exportyard/exportyard/internal/cron"
	"github.com/exportyard/exportyard/internal/scheduler"
	"github.com/exportyard/exportyard/queue"
)

// A Timing says when a schedule runs: one of the names below, or a cron expression of
// five fields (minute, hour, day of the month, month, day of the week). It is read on
// the clock of the schedule's zone: a time that the clock leaves out runs at the first
// instant after it, one that comes twice runs once.
type Timing string

// The timings that go by a name.
const (
	DailyAt2     Timing = cron.Daily2
	DailyAt3     Timing = cron.Daily3
	Every12Hours Timing = cron.HalfDaily // at midnight and at noon
	SundayAt2    Timing = cron.Sunday2
	Disabled     Timing = cron.Disabled // never
)

// A Range is the range of a schedule's rows, told from the nominal time of the run.
type Range string

// The ranges. Previous ones are whole and end where the unit that holds the moment
// begins, on the clock of the schedule's zone; weeks begin on Monday. Everything has
// no bounds.
const (
	PreviousHour  Range = Range(calendar.PreviousHour)
	PreviousDay   Range = Range(calendar.PreviousDay)
	PreviousWeek  Range = Range(calendar.PreviousWeek)
	PreviousMonth Range = Range(calendar.PreviousMonth)
	Last7Days     Range = Range(calendar.Last7Days)
	Last30Days    Range = Range(calendar.Last30Days)
	MonthToDate   Range = Range(calendar.MonthToDate)
	Everything    Range = Range(calendar.Everything)
)

// A Schedule is a standing order for exports. What is empty down to Request, the
// schedule of the platform that it follows says; what that leaves empty too has the
// default.
type Schedule struct {
	// ID is unique within the tenant for ever. Default: made by the engine.
	ID string
	// Tenant is whose data it is. Empty for a schedule of the platform, which makes
	// no exports: it is there to be followed.
	Tenant string
	// Owner is who is told of its exports, and when it pauses itself.
	Owner string
	// Follows is the ID of a schedule of the platform, empty for none. While that is
	// paused or removed, this one does not run.
	Follows string

	// Timing says when. Default: Disabled.
	Timing Timing
	// Zone is the IANA zone of timing, range and retention, and of the days and months
	// of the request. Default: UTC.
	Zone string
	// Spread is the window after each tick over which the tenants are spread, at most
	// 24 hours. Each has its own place in it that never changes. Default: 0, none;
	// negative: none, whatever the platform says.
	Spread time.Duration
	// Range of the rows. Default: Everything.
	Range Range
	// Retention of the exports. Default: they are kept as other exports are.
	Retention *Retention
	// Request is what is asked for: without Tenant, Actor, From, To, Zone and
	// IdempotencyKey, which the schedule knows. Required, here or at the platform.
	Request *Request

	// State, and why it is paused. These and all below are the store's.
	State  ScheduleState
	Reason *Error
	// NextRun is when it runs next, LastRun the nominal time of its last tick; zero
	// for none.
	NextRun, LastRun time.Time
	// Failures counts the runs that failed since one was completed, Runs all runs.
	Failures int
	Runs     int64
	// Version grows with every change.
	Version   int64
	CreatedAt time.Time
}

// Retention says how long the exports of a schedule are kept. Those that a person asked
// for by hand are kept as other exports are.
type Retention struct {
	// Files is how long an export is kept at most, from its end on. Default: 0, for ever.
	Files time.Duration `json:"files,omitempty"`
	// Daily, Weekly and Monthly are of how many days, weeks and months with an export
	// the last one is kept; all others go. Default: 0; when all three are 0, none goes.
	// The newest good export never goes for a count.
	Daily   int `json:"daily,omitempty"`
	Weekly  int `json:"weekly,omitempty"`
	Monthly int `json:"monthly,omitempty"`
}

// ScheduleState is where a schedule stands.
type ScheduleState = queue.ScheduleState

// The states of a schedule.
const (
	ScheduleActive  = queue.ScheduleActive
	SchedulePaused  = queue.SchedulePaused
	ScheduleRemoved = queue.ScheduleRemoved
)

// A RunOutcome is what became of a run of a schedule.
type RunOutcome = queue.RunOutcome

// The outcomes of a run.
const (
	RunStarted   = queue.RunStarted   // Job is active
	RunSkipped   = queue.RunSkipped   // the slot was taken, by Job
	RunRefused   = queue.RunRefused   // Reason says why
	RunCompleted = queue.RunCompleted // as Job ended
	RunFailed    = queue.RunFailed
	RunCanceled  = queue.RunCanceled
)

// A Run is a tick of a schedule, or a run that a person asked for.
type Run struct {
	Tenant, Schedule string
	// Number counts the schedule's runs from 1.
	Number int64
	// Nominal is the time that relative ranges go by. Since is before it when ticks
	// were missed that this run stands for.
	Nominal, Since time.Time
	// Manual says that Actor asked for it.
	Manual  bool
	Actor   string
	Outcome RunOutcome
	// Job is the export that was made or, when the run was skipped, the one that held
	// the slot.
	Job    string
	Reason *Error
	// At is when it was taken, EndedAt when its export ended.
	At, EndedAt time.Time
}

// settings returns what the schedule itself says, as the store keeps it.
func (s *Schedule) settings() (scheduler.Settings, error) {
	out := scheduler.Settings{
		Timing: string(s.Timing), Zone: s.Zone, Spread: s.Spread, Range: calendar.Relative(s.Range),
		Retention: (*scheduler.Retention)(s.Retention),
	}
	if s.Request == nil {
		return out, nil
	}
	var err error
	out.Request, err = json.Marshal(s.Request)
	return out, err
}

// scheduleOf makes the host's view of a stored schedule.
func scheduleOf(q queue.Schedule) (*Schedule, error) {
	own, err := scheduler.Read(q.Settings)
	s := &Schedule{
		ID: q.ID, Tenant: q.Tenant, Owner: q.Owner, Follows: q.Follows,
		Timing: Timing(own.Timing), Zone: own.Zone, Spread: own.Spread, Range: Range(own.Range), Retention: (*Retention)(own.Retention),
		State: q.State, Reason: errorFrom(q.Reason), NextRun: q.DueAt, LastRun: q.LastTick,
		Failures: q.Failures, Runs: q.Runs, Version: q.Version, CreatedAt: q.CreatedAt,
	}
	if err == nil && len(own.Request) > 0 {
		s.Request = new(Request)
		err = json.Unmarshal(own.Request, s.Request)
	}
	if err != nil {
		return nil, &Error{Code: CodeInternal, Schedule: q.ID, Message: "the stored schedule cannot be read", Err: err}
	}
	return s, nil
}

func runOf(q queue.Run) Run {
	return Run{
		Tenant: q.Tenant, Schedule: q.Schedule, Number: q.Number, Nominal: q.Nominal, Since: q.Since,
		Manual: q.Manual, Actor: q.Actor, Outcome: q.Outcome, Job: q.Job, Reason: errorFrom(q.Reason), At: q.At, EndedAt: q.EndedAt,
	}
}
