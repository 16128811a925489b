package queue

import "context"

// A ScheduleStore is a [JobStore] that also keeps schedules. Every method that
// changes something does it in one transaction together with its entries, by the
// rules of this package: all or nothing. Entries may be for an outcome or a state of the
// schedule, see [Schedule.EntriesAfter].
type ScheduleStore interface {
	// CreateSchedule stores a schedule, by [Schedule.Make]. If the tenant has or had one
	// with this ID, it returns that one with existing true, and nothing is stored.
	CreateSchedule(ctx context.Context, s Schedule, entries []Entry) (created Schedule, existing bool, err error)

	// ChangeSchedule applies an event to a schedule, by [ScheduleChange.Apply].
	ChangeSchedule(ctx context.Context, c ScheduleChange, entries []Entry) (Schedule, error)

	// GetSchedule returns the tenant's schedule, also a removed one, or an error that
	// wraps ErrNotFound.
	GetSchedule(ctx context.Context, tenant, id string) (Schedule, error)

	// Schedules returns a page of the tenant's schedules that are not removed, in
	// ascending order of the bytes of their IDs, those above after, at most limit. The
	// first page is after the empty ID.
	Schedules(ctx context.Context, tenant, after string, limit int) ([]Schedule, error)

	// DueSchedules returns at most limit things that the scheduler must look at now.
	// Looking changes nothing: two schedulers may see the same. No kind hides another,
	// see [TakeTurns]; of ticks the longest due comes first.
	DueSchedules(ctx context.Context, limit int) ([]DueSchedule, error)

	// TakeTick takes a tick, by [Tick.Apply], and creates its job if it is started: of
	// any number of hosts that see a tick one takes it, and the others get an error that
	// wraps ErrStale.
	TakeTick(ctx context.Context, t Tick, entries []Entry) (Schedule, Run, error)

	// EndRun records how the job of a run has ended, by [RunEnd.Apply].
	EndRun(ctx context.Context, e RunEnd, entries []Entry) (Schedule, Run, error)

	// Runs returns a page of the runs of the tenant's schedule, newest first, those
	// numbered below before, at most limit. The first page is before 0.
	Runs(ctx context.Context, tenant, schedule string, before int64, limit int) ([]Run, error)
}

// Why the scheduler must look at a schedule.
const (
	DueTick     DueKind = "tick"     // a tick is due: TakeTick
	DueFollower DueKind = "follower" // it is [Schedule.Behind]: plan it anew with EditSchedule
	DueRun      DueKind = "run"      // the job of a run has ended: EndRun
)

// DueSchedule is one thing that the scheduler must look at.
type DueSchedule struct {
	Kind     DueKind
	Schedule Schedule
	// Run and Job are set for DueRun.
	Run Run
	Job Job
}
