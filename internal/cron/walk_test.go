package cron_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/exportyard/exportyard/internal/cron"
)

// zones have between them every trick that clocks have been seen to play since 1980.
var zones = []string{
	"America/New_York", "Europe/Berlin", "Europe/London", "America/Sao_Paulo", "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC",
	"Pacific/Apia", "Pacific/Kwajalein", "America/St_Johns", "America/Havana", "Asia/Beirut", "Africa/Casablanca", "Antarctica/Troll", "Asia/Pyongyang",
}

// shown returns what the clock shows at t, put together from its fields.
func shown(t time.Time, loc *time.Location) time.Time {
	l := t.In(loc)
	return time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), 0, time.UTC)
}

// A wish is an expression together with the values that it stands for.
type wish struct {
	minutes, hours, days, months, weekdays []int // nil: all
}

func drawWish(t *rapid.T) wish {
	field := func(name string, from, to int) []int {
		if rapid.Bool().Draw(t, "any "+name) {
			return nil
		}
		return rapid.SliceOfNDistinct(rapid.IntRange(from, to), 1, 6, rapid.ID[int]).Draw(t, name)
	}
	w := wish{
		minutes: field("minutes", 0, 59), hours: field("hours", 0, 23), days: field("days", 1, 31), months: field("months", 1, 12), weekdays: field("weekdays", 0, 6),
	}
	if w.months != nil && w.days != nil && slices.Min(w.days) > 28 {
		w.days = append(w.days, 28) // so that it has a day
	}
	return w
}

func (w wish) String() string {
	var fields []string
	for _, values := range [][]int{w.minutes, w.hours, w.days, w.months, w.weekdays} {
		texts := []string{"*"}
		if values != nil {
			texts = nil
		}
		for _, v := range values {
			texts = append(texts, strconv.Itoa(v))
		}
		fields = append(fields, strings.Join(texts, ","))
	}
	return strings.Join(fields, " ")
}

// asks reports whether the wish is for a reading of the clock.
func (w wish) asks(wall time.Time) bool {
	in := func(values []int, v int) bool { return values == nil || slices.Contains(values, v) }
	day, weekday := in(w.days, wall.Day()), in(w.weekdays, int(wall.Weekday()))
	either := day && weekday
	if w.days != nil && w.weekdays != nil {
		either = day || weekday
	}
	return either && in(w.months, int(wall.Month())) && in(w.hours, wall.Hour()) && in(w.minutes, wall.Minute())
}

// walk goes from minute to minute and returns the ticks after from and before to: the
// minutes at which the clock shows, or has just jumped over, a reading that it has
// not shown before and that is asked for.
func walk(w wish, from, to time.Time, loc *time.Location) []time.Time {
	var found []time.Time
	at := from.Truncate(time.Minute).Add(-72 * time.Hour)
	furthest := shown(at, loc)
	for ; at.Before(to); at = at.Add(time.Minute) {
		asked := false
		for now := shown(at, loc); furthest.Before(now); {
			furthest = furthest.Add(time.Minute)
			asked = asked || w.asks(furthest)
		}
		if asked && at.After(from) {
			found = append(found, at)
		}
	}
	return found
}

// changes returns the moments since 1980 at which the clock of a zone is set.
func changes(loc *time.Location) []time.Time {
	var found []time.Time
	for at := time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2035; {
		_, end := at.In(loc).ZoneBounds()
		switch {
		case end.IsZero():
			return found
		case end.After(at):
			found = append(found, end)
			at = end
		default: // package time gives a bound in the past on some last days of a year
			at = at.Add(24 * time.Hour)
		}
	}
	return found
}

func TestR44_NextIsWhatAWalkOverMinutesFinds(t *testing.T) {
	t.Parallel()
	seen := 0
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		loc := load(t, zone)
		from := time.Unix(rapid.Int64Range(315532800, 2051222400).Draw(t, "from"), 0).UTC()
		if all := changes(loc); len(all) > 0 && rapid.IntRange(0, 4).Draw(t, "near a change") > 0 {
			from = rapid.SampledFrom(all).Draw(t, "change").Add(-time.Duration(rapid.IntRange(0, 3*24*3600).Draw(t, "before")) * time.Second).UTC()
		}
		to := from.Add(time.Duration(rapid.IntRange(1, 8).Draw(t, "days")) * 24 * time.Hour)
		w := drawWish(t)
		table := parse(t, w.String(), zone)
		want := walk(w, from, to, loc)
		var got []time.Time
		for tick, ok := table.Next(from); ok && tick.Before(to); tick, ok = table.Next(tick) {
			got = append(got, tick)
		}
		require.Equal(t, want, got, "%s in %s", w, zone)
		seen += len(got)

		last, ok := table.Last(from, to.Add(-1))
		require.Equal(t, len(want) > 0, ok)
		if ok {
			require.Equal(t, want[len(want)-1], last, "the last one")
		}
	})
	require.NotZero(t, seen)
}

// Ten years in the eight zones of the rule. Each local day, each Sunday, and each 31st
// has one tick, at the time that was asked for or, where the clock left that out, at
// the first moment behind it.
func TestR44_TenYearsInEightZones(t *testing.T) {
	t.Parallel()
	for _, zone := range zones[:8] {
		for name, c := range map[string]struct {
			expression string
			is         func(day time.Time) bool
		}{
			"daily":          {"0 2 * * *", func(time.Time) bool { return true }},
			"at midnight":    {"0 0 * * *", func(time.Time) bool { return true }},
			"half past two":  {"30 2 * * *", func(time.Time) bool { return true }},
			"half past one":  {"30 1 * * *", func(time.Time) bool { return true }},
			"before the day": {"59 23 * * *", func(time.Time) bool { return true }},
			"weekly":         {cron.Sunday2, func(day time.Time) bool { return day.Weekday() == time.Sunday }},
			"monthly":        {"0 2 31 * *", func(day time.Time) bool { return day.Day() == 31 }},
		} {
			t.Run(fmt.Sprint(zone, "/", name), func(t *testing.T) {
				t.Parallel()
				loc := load(t, zone)
				table := parse(t, c.expression, zone)
				var minute, hour int
				_, err := fmt.Sscan(c.expression, &minute, &hour)
				if err != nil {
					minute, hour = 0, 2
				}
				// Eight of the years have summer time in Brazil.
				day := time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC)
				tick := time.Date(2009, 12, 31, 23, 59, 30, 0, loc)
				for ; day.Year() < 2020; day = day.AddDate(0, 0, 1) {
					if !c.is(day) {
						continue
					}
					var ok bool
					tick, ok = table.Next(tick)
					require.True(t, ok)
					wall, want := shown(tick, loc), day.Add(time.Duration(hour)*time.Hour+time.Duration(minute)*time.Minute)
					if wall.Equal(want) {
						continue
					}
					// Just before, the clock had not yet come to the time that was asked for.
					require.True(t, wall.After(want), "%v for %v", wall, want)
					require.True(t, shown(tick.Add(-time.Second), loc).Before(want), "%v is not the first moment after %v", wall, want)
					require.Less(t, wall.Sub(want), 2*time.Hour)
				}
			})
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"0 2 * * *", "*/5 8-18 * * 1-5", "0 0 29 2 *", "0 0 30 2 *", "5/20 22-2 1,15 jan-mar SUN", "0 0 */2 * 1", "* * * * 7", "TZ=UTC * * * * *", "@daily",
		"1,,2 * * * *", ", , , , ,", "99999999999999999999 * * * *", "0-59/59 0 1 1 *", cron.Disabled, cron.Daily3, "\x00 * * * *", "* * * * FRI-MON",
	} {
		f.Add(seed, int64(1_790_000_000))
	}
	f.Fuzz(func(t *testing.T, expression string, at int64) {
		table, err := cron.Parse(expression, "America/Santiago")
		if err != nil {
			require.Zero(t, table)
			return
		}
		if table.Never() {
			require.Equal(t, cron.Disabled, expression)
			return
		}
		after := time.Unix(max(at%4_000_000_000, -1_500_000_000), 0).UTC() // since then offsets are whole minutes
		for range 3 {
			next, ok := table.Next(after)
			require.True(t, ok, "%q has no tick after %v", expression, after)
			require.True(t, next.After(after), "%q after %v is at %v", expression, after, next)
			require.Equal(t, next, next.Truncate(time.Minute).UTC())
			between := after.Add(next.Sub(after) / 2)
			again, _ := table.Next(between)
			require.Equal(t, next, again, "%q has no tick between %v and %v, and one after %v", expression, after, next, between)
			after = next
		}
	})
}
