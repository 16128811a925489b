package cron_test

import (
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // so that the zones are the same on every machine without its own

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/cron"
)

func parse(t require.TestingT, expression, zone string) cron.Timetable {
	table, err := cron.Parse(expression, zone)
	require.NoError(t, err)
	return table
}

func load(t require.TestingT, zone string) *time.Location {
	loc, err := time.LoadLocation(zone)
	require.NoError(t, err)
	return loc
}

func moment(t require.TestingT, text string) time.Time {
	at, err := time.Parse("2006-01-02T15:04Z07:00", text)
	require.NoError(t, err)
	return at
}

// ticks returns the next n ticks as the clock of the zone shows them.
func ticks(t require.TestingT, table cron.Timetable, after time.Time, n int) []string {
	var shown []string
	for range n {
		next, ok := table.Next(after)
		require.True(t, ok)
		require.Equal(t, time.UTC, next.Location())
		shown = append(shown, next.In(table.Location()).Format("01-02 15:04 -0700"))
		after = next
	}
	return shown
}

func TestR44_TicksWhereClocksAreSet(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, expression, zone, after string
		want                          []string
	}{
		{"a missing time runs at the first instant after", "30 2 * * *", "Europe/Berlin", "2026-03-28T00:00Z", []string{"03-28 02:30 +0100", "03-29 03:00 +0200", "03-30 02:30 +0200"}},
		{"a doubled time runs once", "30 2 * * *", "Europe/Berlin", "2026-10-24T00:00Z", []string{"10-24 02:30 +0200", "10-25 02:30 +0200", "10-26 02:30 +0100"}},
		{"from between the two", "30 2 * * *", "Europe/Berlin", "2026-10-25T00:45Z", []string{"10-26 02:30 +0100"}},
		{"from within the second", "30 2 * * *", "Europe/Berlin", "2026-10-25T01:15Z", []string{"10-26 02:30 +0100"}},
		{"each hour, one is missing", "30 * * * *", "America/New_York", "2026-03-08T06:00Z", []string{"03-08 01:30 -0500", "03-08 03:00 -0400", "03-08 03:30 -0400"}},
		{"missing times that are one instant are one tick", "*/20 * * * *", "America/New_York", "2026-03-08T06:30Z", []string{"03-08 01:40 -0500", "03-08 03:00 -0400", "03-08 03:20 -0400"}},
		{"each hour, one is doubled", "30 * * * *", "America/New_York", "2026-11-01T04:00Z", []string{"11-01 00:30 -0400", "11-01 01:30 -0400", "11-01 02:30 -0500"}},
		{"half an hour is missing", "15 2 * * *", "Australia/Lord_Howe", "2026-10-02T20:00Z", []string{"10-04 02:30 +1100", "10-05 02:15 +1100"}},
		{"half an hour is doubled", "45 1 * * *", "Australia/Lord_Howe", "2026-04-03T20:00Z", []string{"04-05 01:45 +1100", "04-06 01:45 +1030"}},
		{"half an hour is missing, at its end", "30 2 * * *", "Australia/Lord_Howe", "2026-10-02T20:00Z", []string{"10-04 02:30 +1100", "10-05 02:30 +1100"}},
		{"midnight is missing", "0 0 * * *", "America/Santiago", "2026-09-05T00:00Z", []string{"09-05 00:00 -0400", "09-06 01:00 -0300", "09-07 00:00 -0300"}},
		{"the hour before midnight is doubled", "30 23 * * *", "America/Santiago", "2026-04-04T00:00Z", []string{"04-03 23:30 -0300", "04-04 23:30 -0300", "04-05 23:30 -0400"}},
		{"midnight is doubled", "0 0 * * *", "America/Havana", "2026-10-31T12:00Z", []string{"11-01 00:00 -0400", "11-02 00:00 -0500"}},
		{"a day is missing", "0 2 * * *", "Pacific/Apia", "2011-12-29T00:00Z", []string{"12-29 02:00 -1000", "12-31 00:00 +1400", "12-31 02:00 +1400", "01-01 02:00 +1400"}},
		{"only on the day that is missing", "0 2 30 12 *", "Pacific/Apia", "2011-01-01T00:00Z", []string{"12-31 00:00 +1400", "12-30 02:00 +1400"}},
		{"a quarter of an hour from others", cron.Daily3, "Asia/Kathmandu", "2026-01-01T00:00Z", []string{"01-02 03:00 +0545", "01-03 03:00 +0545"}},
		{"weekly", cron.Sunday2, "America/Sao_Paulo", "2026-11-20T00:00Z", []string{"11-22 02:00 -0300", "11-29 02:00 -0300"}},
		{"twice a day", cron.HalfDaily, "", "2026-11-20T00:00Z", []string{"11-20 12:00 +0000", "11-21 00:00 +0000", "11-21 12:00 +0000"}},
		{"monthly on the 31st", "0 2 31 * *", "Europe/London", "2026-01-01T00:00Z", []string{"01-31 02:00 +0000", "03-31 02:00 +0100", "05-31 02:00 +0100", "07-31 02:00 +0100"}},
		{"a leap day on a Monday", "0 0 29 2 */3,1", "UTC", "2026-01-01T00:00Z", []string{"02-29 00:00 +0000"}},
		{"over a year without a leap day", "0 0 29 2 *", "UTC", "2096-03-01T00:00Z", []string{"02-29 00:00 +0000"}},
		{"either the day or the weekday", "0 0 13 * 5", "UTC", "2026-11-01T00:00Z", []string{"11-06 00:00 +0000", "11-13 00:00 +0000", "11-20 00:00 +0000", "11-27 00:00 +0000", "12-04 00:00 +0000", "12-11 00:00 +0000", "12-13 00:00 +0000"}},
		{"both, where one begins with a star", "0 0 */2 * 1", "UTC", "2026-11-01T00:00Z", []string{"11-09 00:00 +0000", "11-23 00:00 +0000", "12-07 00:00 +0000"}},
		{"Sunday is 0 and 7", "0 0 * * 7", "UTC", "2026-11-01T00:00Z", []string{"11-08 00:00 +0000"}},
		{"names, lists, ranges and steps", "5,50-59/5 9-17/4 * JAN,feb MON-fri", "UTC", "2026-11-01T00:00Z", []string{"01-01 09:05 +0000", "01-01 09:50 +0000", "01-01 09:55 +0000", "01-01 13:05 +0000"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, ticks(t, parse(t, tt.expression, tt.zone), moment(t, tt.after), len(tt.want)))
		})
	}
}

func TestB11_WhatIsRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, expression, zone, want string }{
		{"nothing", "", "", "0 fields"},
		{"a field too few", "* * * *", "", "4 fields"},
		{"seconds", "0 * * * * *", "", "6 fields"},
		{"a zone in the expression", "TZ=UTC * * * * *", "", "setting of its own"},
		{"another spelling of it", "CRON_TZ=Europe/Berlin 0 2 * * *", "", "setting of its own"},
		{"a descriptor", "@daily", "", "1 fields"},
		{"an interval", "@every 1h * * *", "", "no meaning here"},
		{"a day that no month has", "0 0 30 2 *", "", "no day"},
		{"a day that no named month has", "0 0 31 4,6,9,11 *", "", "no day"},
		{"a minute too high", "60 * * * *", "", "60"},
		{"a minute below", "-1 * * * *", "", "-1"},
		{"an empty item", "1,,2 * * * *", "", "empty item"},
		{"only a comma", ", * * * *", "", "empty item"},
		{"a sign", "+5 * * * *", "", "no meaning here"},
		{"no step", "*/0 * * * *", "", "step"},
		{"a step without a number", "*/ * * * *", "", "cron expression"},
		{"the last day, of another dialect", "0 0 L * *", "", "cron expression"},
		{"a hash, of another dialect", "H 0 * * *", "", "cron expression"},
		{"an unknown name", "0 0 * foo *", "", "foo"},
		{"an unknown preset", "daily-04:00", "", "1 fields"},
		{"an unknown zone", "0 0 * * *", "Europe/Atlantis", "unknown time zone"},
		{"the zone of the host", "0 0 * * *", "Local", "zone of the host"},
		{"a path for a zone", "0 0 * * *", "../../etc/passwd", "unknown time zone"},
		{"a disabled schedule in an unknown zone", cron.Disabled, "Mars", "unknown time zone"},
		{"far too long", strings.Repeat("1,", 5000) + "1 * * * *", "", "..."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			table, err := cron.Parse(tt.expression, tt.zone)
			require.ErrorContains(t, err, tt.want)
			require.Less(t, len(err.Error()), 500)
			require.Zero(t, table)
		})
	}
}

func TestTimetablesThatNeverTick(t *testing.T) {
	t.Parallel()
	for name, table := range map[string]cron.Timetable{"disabled": parse(t, cron.Disabled, "Europe/Berlin"), "zero": {}} {
		require.True(t, table.Never(), name)
		_, ok := table.Next(time.Now())
		require.False(t, ok, name)
		_, ok = table.Last(time.Time{}, time.Now())
		require.False(t, ok, name)
		require.Equal(t, time.Unix(0, 0), table.Spread(time.Unix(0, 0), 0, "a", "b"), name)
	}
	require.Equal(t, time.UTC, cron.Timetable{}.Location())
}

func TestNextAtTheEndsOfTime(t *testing.T) {
	t.Parallel()
	table := parse(t, "59 23 31 12 *", "Pacific/Kiritimati")
	next, ok := table.Next(time.Time{})
	require.True(t, ok)
	require.Equal(t, 1, next.Year())
	next, ok = table.Next(moment(t, "9999-12-01T00:00Z"))
	require.True(t, ok)
	require.Equal(t, moment(t, "9999-12-31T09:59Z"), next)
	for _, after := range []time.Time{next, next.AddDate(1, 0, 0), next.AddDate(100_000, 0, 0)} {
		_, ok = table.Next(after)
		require.False(t, ok, after)
	}
	// A tick beyond the last year as UTC counts it is none either.
	_, ok = parse(t, "0 23 31 12 *", "America/Los_Angeles").Next(moment(t, "9999-12-30T00:00Z"))
	require.False(t, ok)
}

func TestB11_SpreadIsEvenAndStable(t *testing.T) {
	t.Parallel()
	const tenants, buckets, window = 10_000, 60, time.Hour
	table := parse(t, cron.Daily2, "Europe/Berlin")
	tick, _ := table.Next(moment(t, "2026-11-21T00:00Z"))
	following, _ := table.Next(tick)
	counts := make([]int, buckets)
	seconds := map[int64]int{}
	for i := range tenants {
		tenant := "tenant-" + time.Duration(i).String()
		due := table.Spread(tick, window, tenant, "snapshot")
		require.False(t, due.Before(tick))
		require.Less(t, due.Sub(tick), window)
		require.Equal(t, due, table.Spread(tick, window, tenant, "snapshot"))
		require.Equal(t, due.Sub(tick), table.Spread(following, window, tenant, "snapshot").Sub(following), "another offset on another day")
		counts[due.Sub(tick)/(window/buckets)]++
		seconds[due.Unix()]++
	}
	// Evenly: of 167 in each minute on average, a fair throw is within 4.5 deviations.
	require.Greater(t, slices.Min(counts), 107)
	require.Less(t, slices.Max(counts), 227)
	most := 0
	for _, n := range seconds {
		most = max(most, n)
	}
	require.LessOrEqual(t, most, 14, "so many start in one second")

	require.NotEqual(t, table.Spread(tick, window, "a", "bc"), table.Spread(tick, window, "ab", "c"), "two pairs are one text")
	require.Equal(t, tick, table.Spread(tick, 0, "a", "b"))
	require.Equal(t, tick, table.Spread(tick, -time.Hour, "a", "b"))
}

// A window that is longer than the time between two ticks is cut to it, also where a
// clock is set.
func TestB11_SpreadEndsBeforeTheNextTick(t *testing.T) {
	t.Parallel()
	table := parse(t, "*/15 * * * *", "Europe/Berlin")
	late := 0
	for tick, ok := table.Next(moment(t, "2026-03-29T00:00Z")); ok && tick.Before(moment(t, "2026-03-29T03:00Z")); {
		following, _ := table.Next(tick)
		for i := range 500 {
			due := table.Spread(tick, 24*time.Hour, "tenant", time.Duration(i).String())
			require.False(t, due.Before(tick))
			require.True(t, due.Before(following))
			if following.Sub(due) < time.Minute {
				late++
			}
		}
		tick = following
	}
	require.NotZero(t, late, "the window is not used to its end")
}
