package cron

import (
	"time"

	"github.com/exportyard/exportyard/internal/calendar"
)

const (
	// searchYears is how far a tick is looked for. The calendar's rarest day, a
	// 29th of February on a given weekday, comes after 40 years at the latest.
	searchYears = 41
	// lastYear is the last that every form of a time can hold.
	lastYear = 9999
)

// Never reports whether the timetable has no ticks: it is disabled.
func (t Timetable) Never() bool { return t.minute == 0 }

// Location returns the zone; UTC for the zero value.
func (t Timetable) Location() *time.Location {
	if t.zone == nil {
		return time.UTC
	}
	return t.zone
}

// Next returns the first tick after a moment, in UTC, and false when there is none:
// the timetable is disabled, or time ends (with the year 9999).
func (t Timetable) Next(after time.Time) (time.Time, bool) {
	if t.Never() || after.Year() > lastYear {
		return time.Time{}, false
	}
	loc := t.Location()
	// What the clock showed before it came to show this is past for good. Where it
	// was set back, readings ahead of it may be past too.
	wall := calendar.Reading(after, loc)
	for {
		next, ok := t.next(wall)
		if !ok {
			return time.Time{}, false
		}
		if tick := calendar.Instant(next, loc); tick.After(after) {
			return tick, tick.Year() <= lastYear
		}
		wall = next
	}
}

// Last returns the last tick that is after a moment and not after another, and
// false when there is none. It costs about as much as a few ticks, however many
// there are between the two.
func (t Timetable) Last(after, upTo time.Time) (last time.Time, ok bool) {
	for back := time.Minute; ; back *= 2 {
		from := upTo.Add(-back)
		// The second condition holds when back has become too long to be one.
		if from.Before(after) || back <= 0 {
			from = after
		}
		tick, found := t.Next(from)
		for found && !tick.After(upTo) {
			last, ok = tick, true
			tick, found = t.Next(tick)
		}
		if ok || !from.After(after) {
			return last, ok
		}
	}
}

// next returns the first reading after wall that the expression asks for.
func (t Timetable) next(wall time.Time) (time.Time, bool) {
	wall = wall.Truncate(time.Minute).Add(time.Minute)
	for end := min(wall.Year()+searchYears, lastYear); wall.Year() <= end; {
		y, m, d := wall.Date()
		switch {
		case !has(t.month, int(m)):
			wall = time.Date(y, m+1, 1, 0, 0, 0, 0, time.UTC)
		case !t.meets(wall):
			wall = time.Date(y, m, d+1, 0, 0, 0, 0, time.UTC)
		case !has(t.hour, wall.Hour()):
			wall = time.Date(y, m, d, wall.Hour()+1, 0, 0, 0, time.UTC)
		case !has(t.minute, wall.Minute()):
			wall = wall.Add(time.Minute)
		default:
			return wall, true
		}
	}
	return time.Time{}, false
}

// meets reports whether the expression asks for a day.
func (t Timetable) meets(day time.Time) bool {
	byNumber, byName := has(t.day, day.Day()), has(t.weekday, int(day.Weekday()))
	if t.both {
		return byNumber && byName
	}
	return byNumber || byName
}

func has(field uint64, value int) bool { return field&(1<<value) != 0 }
