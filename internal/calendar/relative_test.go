package calendar_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/exportyard/exportyard/internal/calendar"
)

func TestB11_RelativeRanges(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, zone, at string
		relative       calendar.Relative
		from, to       string
	}{
		{"the hour before", "UTC", "2026-11-21T14:05", calendar.PreviousHour, "2026-11-21T13:00", "2026-11-21T14:00"},
		{"the hour before, at the full hour", "UTC", "2026-11-21T14:00", calendar.PreviousHour, "2026-11-21T13:00", "2026-11-21T14:00"},
		{"in the hour that is repeated", "Europe/Berlin", "2026-10-25T02:10+01:00", calendar.PreviousHour, "2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"},
		{"behind it", "Europe/Berlin", "2026-10-25T03:10", calendar.PreviousHour, "2026-10-25T02:00+01:00", "2026-10-25T03:00"},
		{"behind the hour that is left out", "Europe/Berlin", "2026-03-29T03:10", calendar.PreviousHour, "2026-03-29T01:00", "2026-03-29T03:00"},
		{"half an hour is repeated", "Australia/Lord_Howe", "2026-04-05T02:10", calendar.PreviousHour, "2026-04-05T01:30+10:30", "2026-04-05T02:00"},
		{"yesterday", "America/New_York", "2026-11-21T02:00", calendar.PreviousDay, "2026-11-20T00:00", "2026-11-21T00:00"},
		{"yesterday, 25 hours", "America/New_York", "2026-11-02T02:00", calendar.PreviousDay, "2026-11-01T00:00", "2026-11-02T00:00"},
		{"yesterday, 23 hours, without midnight", "America/Santiago", "2026-09-07T02:00", calendar.PreviousDay, "2026-09-06T01:00", "2026-09-07T00:00"},
		{"behind a day that was left out", "Pacific/Apia", "2011-12-31T02:00", calendar.PreviousDay, "2011-12-29T00:00", "2011-12-31T00:00"},
		{"at the first moment behind it", "Pacific/Apia", "2011-12-31T00:00", calendar.PreviousDay, "2011-12-29T00:00", "2011-12-31T00:00"},
		{"last week, on a Sunday", "Asia/Kathmandu", "2026-11-22T02:00", calendar.PreviousWeek, "2026-11-09T00:00", "2026-11-16T00:00"},
		{"last week, on a Monday", "Asia/Kathmandu", "2026-11-23T00:00", calendar.PreviousWeek, "2026-11-16T00:00", "2026-11-23T00:00"},
		{"last month", "Europe/London", "2026-03-31T02:00", calendar.PreviousMonth, "2026-02-01T00:00", "2026-03-01T00:00"},
		{"last month, over the year", "Europe/London", "2027-01-01T00:00", calendar.PreviousMonth, "2026-12-01T00:00", "2027-01-01T00:00"},
		{"seven days", "America/Sao_Paulo", "2018-11-05T02:00", calendar.Last7Days, "2018-10-29T00:00", "2018-11-05T00:00"},
		{"thirty days", "UTC", "2026-03-02T00:00", calendar.Last30Days, "2026-01-31T00:00", "2026-03-02T00:00"},
		{"this month so far", "UTC", "2026-11-21T02:00", calendar.MonthToDate, "2026-11-01T00:00", "2026-11-21T02:00"},
		{"this month, before it has any of it", "UTC", "2026-11-01T00:00", calendar.MonthToDate, "2026-10-01T00:00", "2026-11-01T00:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			loc := load(t, tt.zone)
			require.True(t, tt.relative.Valid())
			from, to := tt.relative.Resolve(instant(t, tt.at, loc), loc)
			require.Equal(t, instant(t, tt.from, loc).UTC(), from)
			require.Equal(t, instant(t, tt.to, loc).UTC(), to)
		})
	}
	for _, unbounded := range []calendar.Relative{"", calendar.Everything} {
		require.True(t, unbounded.Valid())
		from, to := unbounded.Resolve(time.Now(), time.UTC)
		require.Zero(t, from)
		require.Zero(t, to)
	}
	require.False(t, calendar.Relative("previous-year").Valid())
}

// Whatever the moment and the zone: a range lies before its moment, is not empty,
// and what is previous ends where the present begins, so that a run in each unit
// leaves nothing out.
func TestB11_PreviousRangesTile(t *testing.T) {
	t.Parallel()
	units := map[calendar.Relative]calendar.Unit{
		calendar.PreviousHour: calendar.Hour, calendar.PreviousDay: calendar.Day, calendar.PreviousWeek: calendar.Week, calendar.PreviousMonth: calendar.Month,
	}
	rapid.Check(t, func(t *rapid.T) {
		loc := load(t, rapid.SampledFrom(zones).Draw(t, "zone"))
		at := drawMoment(t, loc)
		for relative, unit := range units {
			from, to := relative.Resolve(at, loc)
			require.True(t, from.Before(to), "%s is empty", relative)
			require.False(t, to.After(at), "%s ends at %v", relative, to)
			// The run one unit later goes on where this one ends.
			next, _ := calendar.Next(at, unit, loc)
			nextFrom, _ := relative.Resolve(next, loc)
			require.False(t, nextFrom.After(to), "between %v and %v nothing is exported", to, nextFrom)
		}
		from, to := calendar.MonthToDate.Resolve(at, loc)
		require.True(t, from.Before(to) && !to.After(at))
	})
}
