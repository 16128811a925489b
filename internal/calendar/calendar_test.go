package calendar_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/calendar"
)

const minute = "2006-01-02T15:04"

// instant reads a moment as a clock in loc shows it, the first where it does twice;
// with an offset it is any of them.
func instant(t require.TestingT, text string, loc *time.Location) time.Time {
	if at, err := time.Parse("2006-01-02T15:04Z07:00", text); err == nil {
		return at
	}
	wall, err := time.Parse(minute, text)
	require.NoError(t, err)
	return calendar.Instant(wall, loc)
}

// lines says of each period its label, its length, and its wall readings.
func lines(periods []calendar.Period) []string {
	var out []string
	for _, p := range periods {
		out = append(out, fmt.Sprintf("%s %v %s %s", p.Label, p.To.Sub(p.From), p.WallFrom.Format(minute), p.WallTo.Format(minute)))
	}
	return out
}

func TestA7_DaysAsTheClockShowsThem(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, zone, from, to string
		want                 []string
	}{
		{"23 hours", "Europe/Berlin", "2026-03-28T00:00", "2026-03-31T00:00", []string{
			"2026-03-28 24h0m0s 2026-03-28T00:00 2026-03-29T00:00",
			"2026-03-29 23h0m0s 2026-03-29T00:00 2026-03-30T00:00",
			"2026-03-30 24h0m0s 2026-03-30T00:00 2026-03-31T00:00",
		}},
		{"25 hours", "America/New_York", "2026-10-31T00:00", "2026-11-03T00:00", []string{
			"2026-10-31 24h0m0s 2026-10-31T00:00 2026-11-01T00:00",
			"2026-11-01 25h0m0s 2026-11-01T00:00 2026-11-02T00:00",
			"2026-11-02 24h0m0s 2026-11-02T00:00 2026-11-03T00:00",
		}},
		{"a range from noon to noon", "Europe/London", "2026-10-24T12:00", "2026-10-26T12:00", []string{
			"2026-10-24 12h0m0s 2026-10-24T12:00 2026-10-25T00:00",
			"2026-10-25 25h0m0s 2026-10-25T00:00 2026-10-26T00:00",
			"2026-10-26 12h0m0s 2026-10-26T00:00 2026-10-26T12:00",
		}},
		{"no midnight", "America/Sao_Paulo", "2018-11-03T00:00", "2018-11-06T00:00", []string{
			"2018-11-03 24h0m0s 2018-11-03T00:00 2018-11-04T00:00",
			"2018-11-04 23h0m0s 2018-11-04T00:00 2018-11-05T00:00",
			"2018-11-05 24h0m0s 2018-11-05T00:00 2018-11-06T00:00",
		}},
		{"no midnight, and the range begins there", "Asia/Beirut", "2026-03-29T00:00", "2026-03-30T00:00", []string{"2026-03-29 23h0m0s 2026-03-29T01:00 2026-03-30T00:00"}},
		{"no midnight, and the range ends there", "Asia/Beirut", "2026-03-28T00:00", "2026-03-29T00:00", []string{"2026-03-28 24h0m0s 2026-03-28T00:00 2026-03-29T01:00"}},
		{"an hour before midnight again", "America/Sao_Paulo", "2018-02-17T00:00", "2018-02-19T00:00", []string{
			"2018-02-17 25h0m0s 2018-02-17T00:00 2018-02-18T00:00",
			"2018-02-18 24h0m0s 2018-02-18T00:00 2018-02-19T00:00",
		}},
		{"no midnight in Chile", "America/Santiago", "2026-09-05T00:00", "2026-09-07T00:00", []string{
			"2026-09-05 24h0m0s 2026-09-05T00:00 2026-09-06T00:00",
			"2026-09-06 23h0m0s 2026-09-06T00:00 2026-09-07T00:00",
		}},
		{"an hour before midnight again in Chile", "America/Santiago", "2026-04-04T00:00", "2026-04-06T00:00", []string{
			"2026-04-04 25h0m0s 2026-04-04T00:00 2026-04-05T00:00",
			"2026-04-05 24h0m0s 2026-04-05T00:00 2026-04-06T00:00",
		}},
		{"midnight twice", "America/Havana", "2026-10-31T00:00", "2026-11-03T00:00", []string{
			"2026-10-31 24h0m0s 2026-10-31T00:00 2026-11-01T00:00",
			"2026-11-01 25h0m0s 2026-11-01T00:00 2026-11-02T00:00",
			"2026-11-02 24h0m0s 2026-11-02T00:00 2026-11-03T00:00",
		}},
		{"the day begun, left, and begun again", "America/St_Johns", "2006-10-28T00:00", "2006-10-31T00:00", []string{
			"2006-10-28 24h0m0s 2006-10-28T00:00 2006-10-29T00:00",
			"2006-10-29 25h0m0s 2006-10-29T00:00 2006-10-30T00:00",
			"2006-10-30 24h0m0s 2006-10-30T00:00 2006-10-31T00:00",
		}},
		{"from within the evening that came again", "America/St_Johns", "2006-10-28T23:30-03:30", "2006-10-31T00:00", []string{
			"2006-10-29 24h30m0s 2006-10-28T23:30 2006-10-30T00:00",
			"2006-10-30 24h0m0s 2006-10-30T00:00 2006-10-31T00:00",
		}},
		{"half an hour more", "Australia/Lord_Howe", "2026-04-05T00:00", "2026-04-06T00:00", []string{"2026-04-05 24h30m0s 2026-04-05T00:00 2026-04-06T00:00"}},
		{"half an hour less", "Australia/Lord_Howe", "2026-10-04T00:00", "2026-10-05T00:00", []string{"2026-10-04 23h30m0s 2026-10-04T00:00 2026-10-05T00:00"}},
		{"a quarter of an hour less", "Asia/Kathmandu", "1985-12-31T00:00", "1986-01-03T00:00", []string{
			"1985-12-31 24h0m0s 1985-12-31T00:00 1986-01-01T00:00",
			"1986-01-01 23h45m0s 1986-01-01T00:00 1986-01-02T00:00",
			"1986-01-02 24h0m0s 1986-01-02T00:00 1986-01-03T00:00",
		}},
		{"a day that was left out", "Pacific/Apia", "2011-12-29T00:00", "2012-01-02T00:00", []string{
			"2011-12-29 24h0m0s 2011-12-29T00:00 2011-12-30T00:00",
			"2011-12-31 24h0m0s 2011-12-30T00:00 2012-01-01T00:00",
			"2012-01-01 24h0m0s 2012-01-01T00:00 2012-01-02T00:00",
		}},
		{"a day almost twice", "Pacific/Kwajalein", "1969-09-29T00:00", "1969-10-02T00:00", []string{
			"1969-09-29 24h0m0s 1969-09-29T00:00 1969-09-30T00:00",
			"1969-09-30 47h0m0s 1969-09-30T00:00 1969-10-01T00:00",
			"1969-10-01 24h0m0s 1969-10-01T00:00 1969-10-02T00:00",
		}},
		{"the end of a leap year", "Europe/Berlin", "2028-12-30T00:00", "2029-01-02T00:00", []string{
			"2028-12-30 24h0m0s 2028-12-30T00:00 2028-12-31T00:00",
			"2028-12-31 24h0m0s 2028-12-31T00:00 2029-01-01T00:00",
			"2029-01-01 24h0m0s 2029-01-01T00:00 2029-01-02T00:00",
		}},
		{"the end of a leap year behind all tables", "Europe/Berlin", "2040-12-30T12:00", "2041-01-01T12:00", []string{
			"2040-12-30 12h0m0s 2040-12-30T12:00 2040-12-31T00:00",
			"2040-12-31 24h0m0s 2040-12-31T00:00 2041-01-01T00:00",
			"2041-01-01 12h0m0s 2041-01-01T00:00 2041-01-01T12:00",
		}},
		{"the last second of 32 bits", "America/New_York", "2038-01-18T00:00", "2038-01-20T00:00", []string{
			"2038-01-18 24h0m0s 2038-01-18T00:00 2038-01-19T00:00",
			"2038-01-19 24h0m0s 2038-01-19T00:00 2038-01-20T00:00",
		}},
		{"a leap day", "UTC", "2028-02-28T00:00", "2028-03-02T00:00", []string{
			"2028-02-28 24h0m0s 2028-02-28T00:00 2028-02-29T00:00",
			"2028-02-29 24h0m0s 2028-02-29T00:00 2028-03-01T00:00",
			"2028-03-01 24h0m0s 2028-03-01T00:00 2028-03-02T00:00",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			checkCut(t, tt.zone, tt.from, tt.to, calendar.Day, tt.want)
		})
	}
}

func TestA8_MonthsAndWeeks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, zone, from, to string
		unit                 calendar.Unit
		want                 []string
	}{
		{"from mid-month to mid-month", "Europe/Berlin", "2026-09-15T10:30", "2026-11-02T00:00", calendar.Month, []string{
			"2026-09 373h30m0s 2026-09-15T10:30 2026-10-01T00:00",
			"2026-10 745h0m0s 2026-10-01T00:00 2026-11-01T00:00",
			"2026-11 24h0m0s 2026-11-01T00:00 2026-11-02T00:00",
		}},
		{"within one month", "UTC", "2026-02-10T00:00", "2026-02-11T00:00", calendar.Month, []string{"2026-02 24h0m0s 2026-02-10T00:00 2026-02-11T00:00"}},
		{"from a 31st", "UTC", "2026-01-31T00:00", "2026-04-01T00:00", calendar.Month, []string{
			"2026-01 24h0m0s 2026-01-31T00:00 2026-02-01T00:00",
			"2026-02 672h0m0s 2026-02-01T00:00 2026-03-01T00:00",
			"2026-03 744h0m0s 2026-03-01T00:00 2026-04-01T00:00",
		}},
		{"the month begun, left, and begun again", "America/St_Johns", "2009-10-01T00:00", "2009-12-01T00:00", calendar.Month, []string{
			"2009-10 744h0m0s 2009-10-01T00:00 2009-11-01T00:00",
			"2009-11 721h0m0s 2009-11-01T00:00 2009-12-01T00:00",
		}},
		{"from within the evening that came again", "America/St_Johns", "2009-10-31T23:30-03:30", "2010-01-01T00:00", calendar.Month, []string{
			"2009-11 720h30m0s 2009-10-31T23:30 2009-12-01T00:00",
			"2009-12 744h0m0s 2009-12-01T00:00 2010-01-01T00:00",
		}},
		{"a month of 30 days in December", "Pacific/Apia", "2011-12-01T00:00", "2012-02-01T00:00", calendar.Month, []string{
			"2011-12 720h0m0s 2011-12-01T00:00 2012-01-01T00:00",
			"2012-01 744h0m0s 2012-01-01T00:00 2012-02-01T00:00",
		}},
		{"weeks around a change", "America/New_York", "2026-03-02T00:00", "2026-03-16T00:00", calendar.Week, []string{
			"2026-W10 167h0m0s 2026-03-02T00:00 2026-03-09T00:00",
			"2026-W11 168h0m0s 2026-03-09T00:00 2026-03-16T00:00",
		}},
		{"the week that belongs to the year before", "UTC", "2026-12-28T00:00", "2027-01-11T00:00", calendar.Week, []string{
			"2026-W53 168h0m0s 2026-12-28T00:00 2027-01-04T00:00",
			"2027-W01 168h0m0s 2027-01-04T00:00 2027-01-11T00:00",
		}},
		{"the week that belongs to the year after", "UTC", "2024-12-29T00:00", "2025-01-06T00:00", calendar.Week, []string{
			"2024-W52 24h0m0s 2024-12-29T00:00 2024-12-30T00:00",
			"2025-W01 168h0m0s 2024-12-30T00:00 2025-01-06T00:00",
		}},
		{"a week of six days", "Pacific/Apia", "2011-12-26T00:00", "2012-01-09T00:00", calendar.Week, []string{
			"2011-W52 144h0m0s 2011-12-26T00:00 2012-01-02T00:00",
			"2012-W01 168h0m0s 2012-01-02T00:00 2012-01-09T00:00",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			checkCut(t, tt.zone, tt.from, tt.to, tt.unit, tt.want)
		})
	}
}

func TestA7_HoursAsTheClockShowsThem(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, zone, from, to string
		want                 []string
	}{
		{"no offset in UTC", "UTC", "2026-06-30T22:30", "2026-07-01T00:30", []string{
			"2026-06-30T22 30m0s 2026-06-30T22:30 2026-06-30T23:00",
			"2026-06-30T23 1h0m0s 2026-06-30T23:00 2026-07-01T00:00",
			"2026-07-01T00 30m0s 2026-07-01T00:00 2026-07-01T00:30",
		}},
		{"an hour left out", "America/New_York", "2026-03-08T01:00", "2026-03-08T04:00", []string{
			"2026-03-08T01-0500 1h0m0s 2026-03-08T01:00 2026-03-08T03:00",
			"2026-03-08T03-0400 1h0m0s 2026-03-08T03:00 2026-03-08T04:00",
		}},
		{"an hour twice", "Europe/Berlin", "2026-10-25T01:30", "2026-10-25T03:30", []string{
			"2026-10-25T01+0200 30m0s 2026-10-25T01:30 2026-10-25T02:00",
			"2026-10-25T02+0200 1h0m0s 2026-10-25T02:00 2026-10-25T02:00",
			"2026-10-25T02+0100 1h0m0s 2026-10-25T02:00 2026-10-25T03:00",
			"2026-10-25T03+0100 30m0s 2026-10-25T03:00 2026-10-25T03:30",
		}},
		{"until within the second time", "Europe/Berlin", "2026-10-25T02:45", "2026-10-25T02:15+01:00", []string{
			"2026-10-25T02+0200 15m0s 2026-10-25T02:45 2026-10-25T02:45",
			"2026-10-25T02+0100 15m0s 2026-10-25T02:45 2026-10-25T02:45",
		}},
		{"half an hour again", "Australia/Lord_Howe", "2026-04-05T01:00", "2026-04-05T03:00", []string{
			"2026-04-05T01+1100 1h0m0s 2026-04-05T01:00 2026-04-05T01:30",
			"2026-04-05T01+1030 30m0s 2026-04-05T01:30 2026-04-05T02:00",
			"2026-04-05T02+1030 1h0m0s 2026-04-05T02:00 2026-04-05T03:00",
		}},
		{"half an hour left out", "Australia/Lord_Howe", "2026-10-04T01:00", "2026-10-04T04:00", []string{
			"2026-10-04T01+1030 1h0m0s 2026-10-04T01:00 2026-10-04T02:30",
			"2026-10-04T02+1100 30m0s 2026-10-04T02:30 2026-10-04T03:00",
			"2026-10-04T03+1100 1h0m0s 2026-10-04T03:00 2026-10-04T04:00",
		}},
		{"a minute of the next day", "America/St_Johns", "2006-10-28T23:00", "2006-10-29T01:00", []string{
			"2006-10-28T23-0230 1h0m0s 2006-10-28T23:00 2006-10-29T00:00",
			"2006-10-29T00-0230 1m0s 2006-10-29T00:00 2006-10-29T00:00",
			"2006-10-28T23-0330 59m0s 2006-10-29T00:00 2006-10-29T00:00",
			"2006-10-29T00-0330 1h0m0s 2006-10-29T00:00 2006-10-29T01:00",
		}},
		{"a quarter of an hour left out", "Asia/Kathmandu", "1985-12-31T23:00", "1986-01-01T02:00", []string{
			"1985-12-31T23+0530 1h0m0s 1985-12-31T23:00 1986-01-01T00:15",
			"1986-01-01T00+0545 45m0s 1986-01-01T00:15 1986-01-01T01:00",
			"1986-01-01T01+0545 1h0m0s 1986-01-01T01:00 1986-01-01T02:00",
		}},
		{"eight seconds again", "Asia/Kolkata", "1854-06-27T23:00", "1854-06-28T01:00", []string{
			"1854-06-27T23+055328 1h0m0s 1854-06-27T23:00 1854-06-27T23:59",
			"1854-06-27T23+055320 8s 1854-06-27T23:59 1854-06-28T00:00",
			"1854-06-28T00+055320 1h0m0s 1854-06-28T00:00 1854-06-28T01:00",
		}},
		{"the turn of the year in UTC is no change", "Australia/Adelaide", "2040-01-01T10:00", "2040-01-01T12:00", []string{
			"2040-01-01T10+1030 1h0m0s 2040-01-01T10:00 2040-01-01T11:00",
			"2040-01-01T11+1030 1h0m0s 2040-01-01T11:00 2040-01-01T12:00",
		}},
		{"nor is the end of a leap year", "Australia/Adelaide", "2040-12-31T10:00", "2040-12-31T12:00", []string{
			"2040-12-31T10+1030 1h0m0s 2040-12-31T10:00 2040-12-31T11:00",
			"2040-12-31T11+1030 1h0m0s 2040-12-31T11:00 2040-12-31T12:00",
		}},
		{"nor is the last second of 32 bits", "America/New_York", "2038-01-18T22:00", "2038-01-19T00:00", []string{
			"2038-01-18T22-0500 1h0m0s 2038-01-18T22:00 2038-01-18T23:00",
			"2038-01-18T23-0500 1h0m0s 2038-01-18T23:00 2038-01-19T00:00",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			checkCut(t, tt.zone, tt.from, tt.to, calendar.Hour, tt.want)
		})
	}
}

func checkCut(t *testing.T, zone, from, to string, unit calendar.Unit, want []string) {
	t.Helper()
	loc := load(t, zone)
	s := span{zone, unit, instant(t, from, loc), instant(t, to, loc)}
	got, _, err := calendar.Cut(s.from, s.to, unit, loc, 100)
	require.NoError(t, err)
	if diff := cmp.Diff(want, lines(got)); diff != "" {
		t.Errorf("Cut (-want +got):\n%s", diff)
	}
	if s.to.Year() < lastYear {
		checkSpan(t, s)
	}
}

func TestA7_WholeRangeIsOnePeriod(t *testing.T) {
	t.Parallel()
	berlin := load(t, "Europe/Berlin")
	from, to := time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC), time.Date(2026, 10, 25, 1, 15, 0, 0, time.UTC)
	for _, unit := range []calendar.Unit{"", calendar.Whole} {
		require.False(t, unit.Cuts())
		got, ends, err := calendar.Cut(from, to, unit, berlin, 1)
		require.NoError(t, err)
		require.Equal(t, to, ends)
		// From 02:30 in summer until 02:15 in winter: no reading, but not a negative range.
		require.Equal(t, []string{" 45m0s 2026-10-25T02:30 2026-10-25T02:30"}, lines(got))
	}
}

func TestA15_CutSaysWhatFits(t *testing.T) {
	t.Parallel()
	berlin := load(t, "Europe/Berlin")
	from, to := instant(t, "2026-10-24T00:00", berlin), instant(t, "2026-10-27T00:00", berlin)
	got, ends, err := calendar.Cut(from, to, calendar.Day, berlin, 2)
	require.EqualError(t, err, "more than 2 periods")
	require.Empty(t, got)
	require.Equal(t, instant(t, "2026-10-26T00:00", berlin), ends)

	got, ends, err = calendar.Cut(from, ends, calendar.Day, berlin, 2)
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.True(t, ends.Equal(got[1].To))

	got, _, err = calendar.Cut(from, from, calendar.Day, berlin, 2)
	require.NoError(t, err)
	require.Empty(t, got, "nothing lies in an empty range")
}

func TestUnitValid(t *testing.T) {
	t.Parallel()
	for _, unit := range units {
		require.True(t, unit.Valid(), unit)
	}
	for _, unit := range []calendar.Unit{"year", "Day", "whole"} {
		require.False(t, unit.Valid(), unit)
	}
}

func TestA7_InstantOfReadingsThatDoNotExistOrComeTwice(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, zone, wall, want string }{
		{"plain", "Asia/Kathmandu", "2026-06-01T12:00", "2026-06-01T06:15Z"},
		{"missing: when the clock is set", "Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:00Z"},
		{"twice: the first", "Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30Z"},
		{"a missing day", "Pacific/Apia", "2011-12-30T15:00", "2011-12-30T10:00Z"},
		{"before the first change", "America/New_York", "1850-01-01T00:00", "1850-01-01T04:56Z"},
		{"the first day", "UTC", "0001-01-01T00:00", "0001-01-01T00:00Z"},
		{"the last day", "Europe/Berlin", "9999-12-31T23:59", "9999-12-31T22:59Z"},
		{"the last day of a leap year", "America/New_York", "2028-12-31T06:00", "2028-12-31T11:00Z"},
		{"behind the last day of a leap year", "America/New_York", "2041-01-01T01:00", "2041-01-01T06:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wall, err := time.Parse(minute, tt.wall)
			require.NoError(t, err)
			require.Equal(t, tt.want, calendar.Instant(wall, load(t, tt.zone)).Format("2006-01-02T15:04Z07:00"))
		})
	}
}
