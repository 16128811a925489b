package calendar

import "time"

// A Relative is a range that is told from a moment: yesterday, last month.
type Relative string

// The relative ranges. Previous ones are whole, and end where the unit that holds the
// moment begins; weeks begin on Monday. The last 7 or 30 days end with yesterday. Month
// to date begins with the month and ends at the moment; at the very beginning of a month
// it is the month before. Everything, and the empty Relative, have no bounds.
const (
	PreviousHour  Relative = "previous-hour"
	PreviousDay   Relative = "previous-day"
	PreviousWeek  Relative = "previous-week"
	PreviousMonth Relative = "previous-month"
	Last7Days     Relative = "last-7-days"
	Last30Days    Relative = "last-30-days"
	MonthToDate   Relative = "month-to-date"
	Everything    Relative = "everything"
)

// Valid reports whether r is one of the ranges, or empty.
func (r Relative) Valid() bool {
	switch r {
	case "", PreviousHour, PreviousDay, PreviousWeek, PreviousMonth, Last7Days, Last30Days, MonthToDate, Everything:
		return true
	}
	return false
}

// Resolve returns the half-open range that r means at the moment, on the wall clock
// of loc. It is never empty: a day that a clock left out has no range, so that the day
// before yesterday is then yesterday. Without bounds, and for an r that is not valid,
// both are zero.
func (r Relative) Resolve(at time.Time, loc *time.Location) (from, to time.Time) {
	switch r {
	case PreviousHour:
		return previousHour(at, loc)
	case PreviousDay:
		return previous(at, Day, 1, loc)
	case PreviousWeek:
		return previous(at, Week, 1, loc)
	case PreviousMonth:
		return previous(at, Month, 1, loc)
	case Last7Days:
		return previous(at, Day, 7, loc)
	case Last30Days:
		return previous(at, Day, 30, loc)
	case MonthToDate:
		if from = Instant(begun(at, Month, loc), loc); from.Before(at) {
			return from, at.UTC()
		}
		return previous(at, Month, 1, loc)
	default:
		return time.Time{}, time.Time{}
	}
}

// begun returns the reading at which the unit that holds the moment began, as Cut
// cuts them: a day stays begun when its clock is set back over midnight.
func begun(at time.Time, unit Unit, loc *time.Location) time.Time {
	_, next := Next(at, unit, loc)
	return before(next, unit)
}

func before(wall time.Time, unit Unit) time.Time {
	switch unit {
	case Day:
		return wall.AddDate(0, 0, -1)
	case Week:
		return wall.AddDate(0, 0, -7)
	default:
		return wall.AddDate(0, -1, 0)
	}
}

// previous returns the n whole units before the one that holds the moment.
func previous(at time.Time, unit Unit, n int, loc *time.Location) (from, to time.Time) {
	wall := begun(at, unit, loc)
	for to = Instant(wall, loc); n > 0 || !from.Before(to); n-- {
		wall = before(wall, unit)
		from = Instant(wall, loc)
	}
	return from, to
}

// previousHour returns the hour before the one that holds the moment, as Cut cuts
// them: a repeated hour is one of its own.
func previousHour(at time.Time, loc *time.Location) (from, to time.Time) {
	// From two full hours or more before, the hours are the same from wherever
	// they are counted.
	to = nextHour(at.Add(-4*time.Hour), loc)
	for {
		next := nextHour(to, loc)
		if next.After(at) {
			return from, to
		}
		from, to = to, next
	}
}
