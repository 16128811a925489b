// Package calendar cuts ranges of time into hours, days, weeks and months as the
// clock on a wall somewhere shows them: with days of 23 and 25 hours, midnights
// that do not exist or come twice, and hours that are repeated.
package calendar

import (
	"fmt"
	"time"
)

// A Unit is what a range is cut into.
type Unit string

// The units. Whole, and the empty Unit, leave the range as one.
const (
	Whole Unit = "none"
	Hour  Unit = "hour"
	Day   Unit = "day"
	Week  Unit = "week" // ISO: Monday to Sunday
	Month Unit = "month"
)

// Valid reports whether u is one of the units, or empty.
func (u Unit) Valid() bool {
	switch u {
	case "", Whole, Hour, Day, Week, Month:
		return true
	}
	return false
}

// Cuts reports whether u makes more than one of a range.
func (u Unit) Cuts() bool { return u.Valid() && u != "" && u != Whole }

// A Period is one half-open stretch of time. Label names it in keys and file
// names. The wall readings, given in UTC, are the same bounds for columns
// without a zone: they tile wall-clock time as the instants tile time, also
// where a clock is set back.
type Period struct {
	From, To         time.Time
	WallFrom, WallTo time.Time
	Label            string
}

// Cut tiles [from, to) by the unit, on the wall clock of loc. It stops
// with an error once there are more than limit, which is at least 1; ends is
// then where the last of those that fit ends.
func Cut(from, to time.Time, unit Unit, loc *time.Location, limit int) (out []Period, ends time.Time, err error) {
	wall := Reading(from, loc)
	if !unit.Cuts() {
		return []Period{{From: from, To: to, WallFrom: wall, WallTo: later(wall, Reading(to, loc))}}, to, nil
	}
	for from.Before(to) {
		if len(out) == limit {
			return nil, out[limit-1].To, fmt.Errorf("more than %d periods", limit)
		}
		next, nextWall := Next(from, unit, loc)
		name := label(from, nextWall, unit, loc)
		if !next.Before(to) {
			next, nextWall = to, Reading(to, loc)
		}
		nextWall = later(wall, nextWall)
		out = append(out, Period{From: from, To: next, WallFrom: wall, WallTo: nextWall, Label: name})
		from, wall = next, nextWall
	}
	return out, to, nil
}

// later keeps wall readings from running backwards where a clock is set back.
func later(a, b time.Time) time.Time {
	if b.Before(a) {
		return a
	}
	return b
}

// Reading returns what the clock on the wall shows at t, as a time in UTC.
func Reading(t time.Time, loc *time.Location) time.Time {
	_, offset := t.In(loc).Zone()
	return t.Add(time.Duration(offset) * time.Second).UTC()
}

// Instant returns the first instant at which the clock on the wall of loc
// shows wall (a time in UTC) or later: midnight may not exist, or come twice.
func Instant(wall time.Time, loc *time.Location) time.Time {
	t := wall.Add(-16 * time.Hour).In(loc) // no zone is further from UTC
	for {
		end := steadyUntil(t)
		_, offset := t.Zone()
		candidate := wall.Add(-time.Duration(offset) * time.Second)
		if candidate.Before(t) {
			candidate = t
		}
		if end.IsZero() || candidate.Before(end) {
			return candidate.UTC()
		}
		t = end.In(loc)
	}
}

// steadyUntil returns a moment after t until which t's clock is not set, though
// it may not be set then either; zero when it is never set again.
func steadyUntil(t time.Time) time.Time {
	_, end := t.ZoneBounds()
	if end.IsZero() || end.After(t) {
		return end
	}
	// Where the future of a zone is a rule, package time ends every year after
	// 365 days: on the last day of a leap year, the bound lies in the past.
	return time.Date(t.UTC().Year()+1, time.January, 1, 0, 0, 0, 0, time.UTC)
}

// Next returns the first boundary after t, and the wall reading that
// it stands for.
func Next(t time.Time, unit Unit, loc *time.Location) (time.Time, time.Time) {
	if unit == Hour {
		next := nextHour(t, loc)
		return next, Reading(next, loc)
	}
	wall := Floor(Reading(t, loc), unit)
	for {
		switch unit {
		case Day:
			wall = wall.AddDate(0, 0, 1)
		case Week:
			wall = wall.AddDate(0, 0, 7)
		default:
			wall = wall.AddDate(0, 1, 0)
		}
		if next := Instant(wall, loc); next.After(t) {
			return next, wall
		}
	}
}

// nextHour is the next full hour on the wall, or the moment at which the clock
// is changed when that comes first: so that a repeated hour is a period of its own.
func nextHour(t time.Time, loc *time.Location) time.Time {
	local := t.In(loc)
	_, offset := local.Zone()
	shift := time.Duration(offset) * time.Second
	next := t.UTC().Add(shift).Truncate(time.Hour).Add(time.Hour).Add(-shift)
	for {
		end := steadyUntil(local)
		if end.IsZero() || !end.Before(next) {
			return next
		}
		local = end.In(loc)
		if _, after := local.Zone(); after != offset {
			return end.UTC()
		}
	}
}

// Floor floors a wall reading to the start of its period.
func Floor(wall time.Time, unit Unit) time.Time {
	y, m, d := wall.Date()
	switch unit {
	case Hour:
		return wall.Truncate(time.Hour)
	case Week:
		d -= (int(wall.Weekday()) + 6) % 7
	case Month:
		d = 1
	}
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// label names the period that begins at from and whose unit ends with the wall
// reading end: 2026-10, 2026-W43, 2026-10-25, 2026-10-25T02, and with the offset
// behind the hour outside of UTC, since an hour can come twice. It goes by the
// end, since a clock set back over midnight shows the day before once more.
func label(from, end time.Time, unit Unit, loc *time.Location) string {
	switch unit {
	case Hour:
		return from.In(loc).Format(hourLayout(from, loc))
	case Day:
		return end.AddDate(0, 0, -1).Format(time.DateOnly)
	case Week:
		y, w := end.AddDate(0, 0, -7).ISOWeek()
		return fmt.Sprintf("%04d-W%02d", y, w)
	default:
		return end.AddDate(0, -1, 0).Format("2006-01")
	}
}

// hourLayout has the seconds of the offset where local mean time gives it some.
func hourLayout(t time.Time, loc *time.Location) string {
	_, offset := t.In(loc).Zone()
	switch {
	case loc == time.UTC:
		return "2006-01-02T15"
	case offset%60 != 0:
		return "2006-01-02T15-070000"
	default:
		return "2006-01-02T15-0700"
	}
}

// Text says a half-open range as the clock of loc shows it: whole days as dates. A zero
// bound is open.
func Text(from, to time.Time, loc *time.Location) string {
	show := func(t time.Time, open string) string {
		if t.IsZero() {
			return open
		}
		l := t.In(loc)
		if l.Equal(Instant(Floor(Reading(t, loc), Day), loc)) {
			return l.Format(time.DateOnly)
		}
		return l.Format("2006-01-02 15:04:05")
	}
	return show(from, "the beginning") + " until " + show(to, "the end")
}
