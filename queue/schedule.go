package queue

import (
	"fmt"
	"time"
)

// A ScheduleState is where a schedule stands.
type ScheduleState string

// The states of a schedule. ScheduleRemoved is final.
const (
	ScheduleActive  ScheduleState = "active"
	SchedulePaused  ScheduleState = "paused"  // it has no ticks until it is resumed
	ScheduleRemoved ScheduleState = "removed" // it is in no list; its runs stay
)

// A Schedule is a standing order for jobs. When its ticks are and what they ask for is
// the engine's, in Settings; the store knows the next tick alone.
type Schedule struct {
	// ID is unique within the tenant for ever.
	ID string
	// Tenant is empty for a schedule of the platform. That has no ticks: it is there
	// to be followed.
	Tenant string
	// Owner is who is told of it.
	Owner string
	// Follows is the schedule of the platform whose settings this one takes where its
	// own say nothing, and Followed that one's version when this one was last planned.
	// Follows is empty for none.
	Follows  string
	Followed int64
	Settings Payload

	State ScheduleState
	// Reason says why it was paused.
	Reason Payload
	// NextTick is the nominal time of the next tick and DueAt when it is taken, which
	// is not before it. Both are zero when there is none.
	NextTick, DueAt time.Time
	// LastTick is the nominal time of the last tick that was taken.
	LastTick time.Time
	// Failures counts the runs that failed or were refused since one was completed.
	Failures int
	// Runs is how many runs there were: the number of the last one.
	Runs int64
	// Version grows with every change of the schedule.
	Version   int64
	CreatedAt time.Time
	// Now is the store's time when it answered.
	Now time.Time
}

// Make returns the schedule as a store writes it: active, in version 1, without
// runs. It keeps who it is of and what, and the next tick.
func (s Schedule) Make(now time.Time) Schedule {
	made := Schedule{
		ID: s.ID, Tenant: s.Tenant, Owner: s.Owner, Follows: s.Follows, Followed: s.Followed, Settings: s.Settings,
		State: ScheduleActive, Version: 1, CreatedAt: now, Now: now,
	}
	made.plan(s.NextTick, s.DueAt)
	return made
}

// plan sets the next tick, or none.
func (s *Schedule) plan(tick, due time.Time) {
	s.NextTick, s.DueAt = time.Time{}, time.Time{}
	if s.State != ScheduleActive || s.Tenant == "" || tick.IsZero() {
		return
	}
	s.NextTick = tick.UTC().Truncate(time.Microsecond)
	s.DueAt = s.NextTick
	if due.After(tick) {
		s.DueAt = due.UTC().Truncate(time.Microsecond)
	}
}

// pause ends its ticks for now.
func (s *Schedule) pause(reason Payload) {
	s.State, s.Reason = SchedulePaused, reason
	s.plan(time.Time{}, time.Time{})
}

// failed counts a failure; so many in a row pause the schedule, 0 for never.
func (s *Schedule) failed(most int, reason Payload) {
	s.Failures++
	if most > 0 && s.Failures >= most && s.State == ScheduleActive {
		s.pause(reason)
	}
}

// Ticks reports whether a tick is due.
func (s Schedule) Ticks(now time.Time) bool {
	return s.State == ScheduleActive && reached(s.DueAt, now)
}

// PastTick returns the moment up to which ticks are past for good at a time: that of the
// last tick, so that a clock that is set back does not bring it again; zero when there
// was none, or when it lies more than a day ahead, since then a clock that was wrong
// has taken it.
func (s Schedule) PastTick(now time.Time) time.Time {
	if s.LastTick.After(now.Add(24 * time.Hour)) {
		return time.Time{}
	}
	return s.LastTick
}

// Behind reports whether the schedule is to be planned anew because the one that it
// follows was changed. One that is paused is planned when it is resumed.
func (s Schedule) Behind(followed Schedule) bool {
	return s.State == ScheduleActive && s.Tenant != "" && followed.Tenant == "" && s.Follows == followed.ID && s.Followed < followed.Version
}

// A ScheduleEvent is what happens to a schedule, beside its ticks.
type ScheduleEvent string

// The events of a schedule.
const (
	// EditSchedule: it has other settings, another owner, follows another, or was
	// planned anew.
	EditSchedule ScheduleEvent = "edit"
	// PauseSchedule: an active one is paused. Jobs that it started go on.
	PauseSchedule ScheduleEvent = "pause"
	// ResumeSchedule: a paused one is active again, and its failures are forgotten.
	ResumeSchedule ScheduleEvent = "resume"
	// RemoveSchedule: it is gone. Jobs that it started go on.
	RemoveSchedule ScheduleEvent = "remove"
)

// A ScheduleChange is an event for one schedule.
type ScheduleChange struct {
	Tenant, Schedule string
	// Version is the one that the change is made to.
	Version int64
	Event   ScheduleEvent
	// Owner, Follows and Settings go with EditSchedule.
	Owner, Follows string
	Settings       Payload
	// Followed, NextTick and DueAt go with EditSchedule and ResumeSchedule.
	Followed        int64
	NextTick, DueAt time.Time
	// Reason goes with PauseSchedule.
	Reason Payload
}

// Apply returns the schedule after the event. It returns the schedule as it was, and
// an error that wraps [ErrStale] when the schedule has another version, or
// [ErrBadTransition] when its state does not allow the event.
func (c ScheduleChange) Apply(s Schedule) (Schedule, error) {
	if err := s.is(c.Version); err != nil {
		return s, err
	}
	allowed := map[ScheduleEvent]bool{
		EditSchedule:   s.State != ScheduleRemoved,
		PauseSchedule:  s.State == ScheduleActive,
		ResumeSchedule: s.State == SchedulePaused,
		RemoveSchedule: s.State != ScheduleRemoved,
	}
	if !allowed[c.Event] {
		return s, fmt.Errorf("queue: %s of schedule %s, which is %s: %w", c.Event, s.ID, s.State, ErrBadTransition)
	}
	switch c.Event {
	case EditSchedule:
		s.Owner, s.Follows, s.Settings, s.Followed = c.Owner, c.Follows, c.Settings, c.Followed
		s.plan(c.NextTick, c.DueAt)
	case PauseSchedule:
		s.pause(c.Reason)
	case ResumeSchedule:
		s.State, s.Reason, s.Failures, s.Followed = ScheduleActive, Payload{}, 0, c.Followed
		s.plan(c.NextTick, c.DueAt)
	case RemoveSchedule:
		s.State = ScheduleRemoved
		s.plan(time.Time{}, time.Time{})
	}
	s.Version++
	return s, nil
}

// is reports, with [ErrStale], that the schedule is not the version that was seen.
func (s Schedule) is(version int64) error {
	if s.Version != version {
		return fmt.Errorf("queue: schedule %s in version %d: %w", s.ID, version, ErrStale)
	}
	return nil
}
