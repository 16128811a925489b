package scheduler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/exportyard/exportyard/internal/cron"
	"github.com/exportyard/exportyard/queue"
)

// Paused is the type of the entries that tell that a schedule paused itself.
const Paused = "schedule.paused"

// Config wires a [Scheduler].
type Config struct {
	// Store keeps the schedules.
	Store queue.ScheduleStore
	// Make makes the job of an order, checked, and the entries that go with it. A
	// [*Refusal] is the outcome of the run, with its own entries; every other error is
	// passing trouble, and the tick stays due. It is called by several goroutines at once.
	Make func(ctx context.Context, o Order) (queue.NewJob, []queue.Entry, error)
	// Entry makes an entry about a schedule, with an ID of its own.
	Entry func(kind queue.EntryKind, s queue.Schedule, what, actor string, data queue.Payload) queue.Entry
	// PauseReason says why a schedule pauses itself after so many failures in a row.
	PauseReason func(of queue.Schedule, failures int) queue.Payload
	// Started, if not nil, is called with the job of a run after it was created.
	Started func(ctx context.Context, j queue.Job)
	// Ended, if not nil, is called when the end of a run was recorded.
	Ended func(ctx context.Context, of queue.Schedule, r queue.Run)
	// MaxFailures is how many failures in a row pause a schedule. Default: 5.
	// Negative: never.
	MaxFailures int
	// Now is the host's clock, for the first plan of a new schedule. All else goes by
	// the store's. Default: [time.Now].
	Now func() time.Time
}

// An Order is what a run of a schedule asks for.
type Order struct {
	Schedule queue.Schedule
	// Settings are the schedule's over those that it follows.
	Settings Settings
	// Nominal is the time of the tick; of a manual run, now.
	Nominal time.Time
	// From and To are the range of the run, resolved from its nominal time; zero
	// for none.
	From, To time.Time
	// Actor asked for a manual run; else it is the schedule's owner.
	Actor  string
	Manual bool
}

// A Refusal says that a run cannot be.
type Refusal struct {
	// Skip says that it is not a failure: exports are off for now.
	Skip   bool
	Reason queue.Payload
	Err    error
}

// Error says what the cause says.
func (r *Refusal) Error() string { return "scheduler: refused: " + r.Err.Error() }

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// A Scheduler works on the schedules of a store. It is safe for concurrent use, and
// any number of them share a store.
type Scheduler struct{ config Config }

// New returns a scheduler that does nothing until it is asked.
func New(config Config) *Scheduler {
	config.MaxFailures = max(cmp.Or(config.MaxFailures, 5), 0)
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Scheduler{config: config}
}

// page is how many due things are looked at in one step.
const page = 100

// Sweep does all that is due: it takes ticks, plans followers anew, and records the
// ends of runs. It reports whether jobs were made, and the errors of all that it could
// not do; that stays due.
func (s *Scheduler) Sweep(ctx context.Context) (made bool, err error) {
	var failed []error
	for {
		// What failed stays due and comes first again: look beyond it.
		due, err := s.config.Store.DueSchedules(ctx, page+len(failed))
		if err != nil {
			return made, errors.Join(append(failed, err)...)
		}
		started, now := s.settleAll(ctx, due)
		made = made || started
		stuck := len(now) == len(due) || len(due) < page+len(failed)
		failed = now
		if stuck || ctx.Err() != nil {
			return made, errors.Join(failed...)
		}
	}
}

// hands is how many due things are settled at once: a tick asks the tenant's
// destination, and one that does not answer must not hold up the others.
const hands = 8

func (s *Scheduler) settleAll(ctx context.Context, due []queue.DueSchedule) (made bool, failed []error) {
	followed := platform{store: s.config.Store}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(hands)
	for _, d := range due {
		g.Go(func() error {
			started, err := s.settle(ctx, &followed, d)
			mu.Lock()
			defer mu.Unlock()
			made = made || started
			if err != nil {
				failed = append(failed, fmt.Errorf("%s of schedule %s: %w", d.Kind, d.Schedule.ID, err))
			}
			return nil
		})
	}
	_ = g.Wait() // what failed is in the list
	return made, failed
}

// settle does one due thing. That another host was quicker is no error.
func (s *Scheduler) settle(ctx context.Context, followed *platform, d queue.DueSchedule) (started bool, err error) {
	switch d.Kind {
	case queue.DueTick:
		started, err = s.tick(ctx, followed, d.Schedule)
	case queue.DueFollower:
		err = s.replan(ctx, followed, d.Schedule)
	case queue.DueRun:
		var of queue.Schedule
		var run queue.Run
		of, run, err = s.config.Store.EndRun(ctx, queue.RunEnd{
			Tenant: d.Run.Tenant, Schedule: d.Run.Schedule, Number: d.Run.Number,
			MaxFailures: s.config.MaxFailures, PauseReason: s.config.PauseReason(d.Schedule, s.config.MaxFailures),
		}, s.paused(d.Schedule))
		if err == nil && s.config.Ended != nil {
			s.config.Ended(ctx, of, run)
		}
	}
	if errors.Is(err, queue.ErrStale) || errors.Is(err, queue.ErrBadTransition) || errors.Is(err, queue.ErrNotFound) {
		return false, nil
	}
	return started, err
}

// paused returns the entries for a schedule that pauses itself.
func (s *Scheduler) paused(of queue.Schedule) []queue.Entry {
	reason := s.config.PauseReason(of, s.config.MaxFailures)
	entries := []queue.Entry{
		s.config.Entry(queue.Audit, of, Paused, of.Owner, reason),
		s.config.Entry(queue.Outbox, of, Paused, of.Owner, reason),
	}
	for i := range entries {
		entries[i].When = queue.State(queue.SchedulePaused)
	}
	return entries
}

// tick takes the tick that is due. Of several that were missed it takes the last.
func (s *Scheduler) tick(ctx context.Context, followed *platform, of queue.Schedule) (started bool, err error) {
	settings, _, err := followed.settings(ctx, of)
	if err != nil {
		return false, err
	}
	table, err := settings.timetable()
	if err != nil {
		return false, err
	}
	nominal, ok := table.Last(of.NextTick.Add(-1), of.Now)
	if ok && nominal.After(of.NextTick) && table.Spread(nominal, settings.Spread, of.Tenant, of.ID).After(of.Now) {
		// The last one has its own time to come; it must not swallow the one before.
		nominal, ok = table.Last(of.NextTick.Add(-1), nominal.Add(-1))
	}
	if !ok || !nominal.After(of.PastTick(of.Now)) {
		// It was planned by settings that are no longer those.
		return false, s.replan(ctx, followed, of)
	}
	t := queue.Tick{
		Tenant: of.Tenant, Schedule: of.ID, Version: of.Version, Nominal: nominal, Outcome: queue.RunStarted,
		MaxFailures: s.config.MaxFailures, PauseReason: s.config.PauseReason(of, s.config.MaxFailures),
	}
	if t.Next, t.NextDue, err = settings.plan(of.Tenant, of.ID, nominal); err != nil {
		return false, err
	}
	o := Order{Schedule: of, Settings: settings, Actor: of.Owner, Nominal: nominal}
	o.From, o.To = settings.Range.Resolve(nominal, table.Location())
	var refusal *Refusal
	var entries []queue.Entry
	switch t.Job, entries, err = s.config.Make(ctx, o); {
	case errors.As(err, &refusal):
		t.Outcome, t.Reason = queue.RunRefused, refusal.Reason
		if refusal.Skip {
			t.Outcome = queue.RunSkipped
		}
	case err != nil:
		return false, err
	}
	_, run, err := s.config.Store.TakeTick(ctx, t, append(when(t.Outcome, entries), s.paused(of)...))
	if started = err == nil && run.Outcome == queue.RunStarted; started {
		s.started(ctx, t.Job.Job)
	}
	return started, err
}

func (s *Scheduler) started(ctx context.Context, j queue.Job) {
	if s.config.Started != nil {
		s.config.Started(ctx, j)
	}
}

// when makes entries conditional on the outcome of the run: one that was to start
// may find its slot taken.
func when(outcome queue.RunOutcome, entries []queue.Entry) []queue.Entry {
	conditional := make([]queue.Entry, len(entries))
	for i, e := range entries {
		e.When = queue.State(outcome)
		conditional[i] = e
	}
	return conditional
}

// replan plans the next tick anew, by what the schedule follows now.
func (s *Scheduler) replan(ctx context.Context, followed *platform, of queue.Schedule) error {
	settings, version, err := followed.settings(ctx, of)
	if err != nil {
		return err
	}
	c := queue.ScheduleChange{
		Tenant: of.Tenant, Schedule: of.ID, Version: of.Version, Event: queue.EditSchedule,
		Owner: of.Owner, Follows: of.Follows, Followed: version, Settings: of.Settings,
	}
	if c.NextTick, c.DueAt, err = settings.plan(of.Tenant, of.ID, seekFrom(of)); err != nil {
		return err
	}
	_, err = s.config.Store.ChangeSchedule(ctx, c, nil)
	return err
}

// A platform knows the schedules that others follow, each asked for once. It is safe
// for concurrent use.
type platform struct {
	store queue.ScheduleStore
	mu    sync.Mutex
	known map[string]queue.Schedule
}

// settings returns the settings of a schedule over those that it follows, and the
// version of these. One that is paused or gone gives no ticks.
func (p *platform) settings(ctx context.Context, of queue.Schedule) (Settings, int64, error) {
	own, err := Read(of.Settings)
	if err != nil || of.Follows == "" {
		return own, 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	followed, ok := p.known[of.Follows]
	if !ok {
		followed, err = p.store.GetSchedule(ctx, "", of.Follows)
		if errors.Is(err, queue.ErrNotFound) {
			followed, err = queue.Schedule{State: queue.ScheduleRemoved}, nil
		}
		if err != nil {
			return own, 0, err
		}
		if p.known == nil {
			p.known = make(map[string]queue.Schedule)
		}
		p.known[of.Follows] = followed
	}
	others, err := Read(followed.Settings)
	if followed.State != queue.ScheduleActive {
		others.Timing = cron.Disabled
	}
	return own.Over(others), followed.Version, err
}
