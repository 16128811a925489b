package retention

import (
	"slices"
	"time"

	"github.com/exportyard/exportyard/internal/calendar"
)

// counted returns for each export the reasons to keep it that counts know.
func (p Policy) counted(exports []Export) [][]Reason {
	reasons := make([][]Reason, len(exports))
	var runs []int // the good runs of the schedule, newest first
	for i, e := range exports {
		switch {
		case !e.Good:
		case e.Manual || e.Pinned:
			reasons[i] = append(reasons[i], ByHand)
		default:
			runs = append(runs, i)
		}
	}
	slices.SortFunc(runs, func(a, b int) int { return older(exports[b], exports[a]) })
	if len(runs) > 0 {
		reasons[runs[0]] = append(reasons[runs[0]], Newest)
	}
	if p.Daily <= 0 && p.Weekly <= 0 && p.Monthly <= 0 {
		for _, i := range runs {
			reasons[i] = append(reasons[i], NoCounts)
		}
		return reasons
	}
	for _, count := range []struct {
		places int
		unit   calendar.Unit
		reason Reason
	}{{p.Daily, calendar.Day, OfDay}, {p.Weekly, calendar.Week, OfWeek}, {p.Monthly, calendar.Month, OfMonth}} {
		var period time.Time
		for n, i := range runs {
			its := p.period(exports[i], count.unit)
			if n > 0 && its.Equal(period) {
				continue // a newer run of this period has its place
			}
			if period = its; count.places <= 0 {
				break
			}
			count.places--
			reasons[i] = append(reasons[i], count.reason)
		}
	}
	return reasons
}

// period returns the beginning of the day, week or month that an export is of, as a
// reading of the clock.
func (p Policy) period(e Export, unit calendar.Unit) time.Time {
	zone := p.Zone
	if zone == nil {
		zone = time.UTC
	}
	return calendar.Floor(calendar.Reading(e.At, zone), unit)
}
