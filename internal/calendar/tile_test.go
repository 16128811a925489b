package calendar_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/exportyard/exportyard/internal/calendar"
	"github.com/exportyard/exportyard/sink"
)

var units = []calendar.Unit{calendar.Whole, "", calendar.Hour, calendar.Day, calendar.Week, calendar.Month}

// cases is how many ranges each of the 100 rounds of rapid draws: 5,000, or the
// 100,000 that a release asks for.
func cases() int {
	if os.Getenv("EXPORTYARD_FULL") != "" {
		return 1000
	}
	return 50
}

// A span is a range to be cut.
type span struct {
	zone     string
	unit     calendar.Unit
	from, to time.Time
}

// drawSpan draws a range that, more often than not, has something to do with a
// change of the clock.
func drawSpan(t *rapid.T) span {
	s := span{zone: rapid.SampledFrom(zones).Draw(t, "zone"), unit: rapid.SampledFrom(units).Draw(t, "unit")}
	s.from = drawMoment(t, load(t, s.zone))
	length := map[calendar.Unit]time.Duration{calendar.Hour: 100 * time.Hour, calendar.Day: 60 * 24 * time.Hour}[s.unit]
	if length == 0 {
		length = 500 * 24 * time.Hour
	}
	switch rapid.IntRange(0, 3).Draw(t, "length") {
	case 0: // a short one
		s.to = s.from.Add(time.Duration(rapid.Int64Range(1, int64(3*time.Hour)).Draw(t, "nanoseconds")))
	case 1: // from one change to about another
		s.to = drawMoment(t, load(t, s.zone))
	}
	if !s.to.After(s.from) || s.to.Sub(s.from) > length {
		s.to = s.from.Add(time.Duration(rapid.Int64Range(1, int64(length/time.Microsecond)).Draw(t, "microseconds")) * time.Microsecond)
	}
	return s
}

func drawMoment(t *rapid.T, loc *time.Location) time.Time {
	all := changes(loc)
	for len(all) > 0 && all[len(all)-1].at > time.Date(lastYear-2, 1, 1, 0, 0, 0, 0, time.UTC).Unix() {
		all = all[:len(all)-1]
	}
	if len(all) == 0 || rapid.IntRange(0, 3).Draw(t, "anywhere") == 0 {
		first := time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
		last := time.Date(lastYear-2, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
		return time.Unix(rapid.Int64Range(first, last).Draw(t, "second"), 0).UTC()
	}
	c := rapid.SampledFrom(all).Draw(t, "change")
	switch at := time.Unix(c.at, 0).UTC(); rapid.IntRange(0, 3).Draw(t, "near") {
	case 0:
		return at
	case 1:
		return at.Add(time.Duration(rapid.IntRange(-180, 180).Draw(t, "minutes")) * time.Minute)
	default:
		return at.Add(time.Duration(rapid.IntRange(-72*3600, 72*3600).Draw(t, "seconds")) * time.Second)
	}
}

func TestR20_PeriodsTile(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		for range cases() {
			s := drawSpan(t)
			checkSpan(t, s)
		}
	})
}

// checkSpan holds all that A7, A8 and R20 say of one range.
func checkSpan(t require.TestingT, s span) {
	loc := load(t, s.zone)
	periods, ends, err := calendar.Cut(s.from, s.to, s.unit, loc, 10_000)
	require.NoError(t, err)
	require.True(t, ends.Equal(s.to))
	require.NotEmpty(t, periods)
	at, wall, labels := s.from, shown(s.from, loc), map[string]bool{}
	for _, p := range periods {
		require.True(t, p.From.Equal(at), "a gap or an overlap at %v in %+v", p.From, s)
		require.True(t, p.From.Before(p.To), "an empty period at %v in %+v", p.From, s)
		require.True(t, p.WallFrom.Equal(wall), "a gap or an overlap of wall readings at %v in %+v", p.From, s)
		require.False(t, p.WallTo.Before(p.WallFrom), "wall readings run backwards at %v in %+v", p.From, s)
		require.False(t, labels[p.Label], "%q twice in %+v", p.Label, s)
		at, wall, labels[p.Label] = p.To, p.WallTo, true
		if s.unit.Cuts() {
			checkPeriod(t, s, p, loc)
		}
	}
	require.True(t, at.Equal(s.to), "it ends at %v in %+v", at, s)
	last := shown(s.to, loc)
	require.False(t, wall.Before(last), "wall readings end at %v in %+v", wall, s)
	for i, p := range periods {
		checkPlace(t, s, periods, i, p.From, loc)
		checkPlace(t, s, periods, i, p.To.Add(-time.Microsecond), loc)
		checkPlace(t, s, periods, i, p.From.Add(p.To.Sub(p.From)/2), loc)
	}
}

// checkPeriod asks for the unit that a period is in at its first and at its last moment,
// and that the next moment is in another.
func checkPeriod(t require.TestingT, s span, p calendar.Period, loc *time.Location) {
	require.NoError(t, sink.ValidKey("acme/job/runs_"+p.Label+".1.1.csv.gz"))
	require.Equal(t, p.Label, sink.CleanSegment(p.Label), "a label that keys spell in another way")
	require.Equal(t, p.Label, nameAt(p.From, s.unit, loc), "%+v begins in another period", p)
	require.Equal(t, p.Label, nameAt(p.To.Add(-1), s.unit, loc), "%+v ends in another period", p)
	if p.To.Before(s.to) {
		require.NotEqual(t, p.Label, nameAt(p.To, s.unit, loc), "%+v ends within a period", p)
	}
}

// nameAt names the period that t is in. A day, once begun, is not over because
// a clock is set back across midnight; an hour is another hour at each offset.
func nameAt(t time.Time, unit calendar.Unit, loc *time.Location) string {
	latest := furthest(t, loc)
	switch unit {
	case calendar.Hour:
		_, offset := t.In(loc).Zone()
		name := shown(t, loc).Format("2006-01-02T15")
		if loc == time.UTC {
			return name
		}
		sign := "+"
		if offset < 0 {
			sign, offset = "-", -offset
		}
		name += fmt.Sprintf("%s%02d%02d", sign, offset/3600, offset/60%60)
		if offset%60 != 0 {
			name += fmt.Sprintf("%02d", offset%60)
		}
		return name
	case calendar.Day:
		return latest.Format("2006-01-02")
	case calendar.Week:
		thursday := latest.AddDate(0, 0, 3-(int(latest.Weekday())+6)%7)
		return fmt.Sprintf("%04d-W%02d", thursday.Year(), (thursday.YearDay()-1)/7+1)
	default:
		return latest.Format("2006-01")
	}
}

// checkPlace asks that a row without a zone is put where the same moment with a
// zone is put, when only that moment shows its reading.
func checkPlace(t require.TestingT, s span, periods []calendar.Period, i int, at time.Time, loc *time.Location) {
	if at.Before(s.from) || !once(at, loc) {
		return
	}
	reading := shown(at, loc)
	for k, p := range periods {
		if in := !reading.Before(p.WallFrom) && reading.Before(p.WallTo); in != (k == i) {
			require.Fail(t, "wrong place", "the reading %v of %v lies in period %d of %+v, want %d", reading, at, k, s, i)
		}
	}
}

func TestR20_InstantIsTheFirstToShowAReading(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		for range cases() {
			loc := load(t, rapid.SampledFrom(zones).Draw(t, "zone"))
			wall := shown(drawMoment(t, loc), loc).Add(time.Duration(rapid.IntRange(-90, 90).Draw(t, "minutes")) * time.Minute)
			got := calendar.Instant(wall, loc)
			require.Equal(t, time.UTC, got.Location())
			require.False(t, shown(got, loc).Before(wall), "%v shows less than %v", got, wall)
			require.True(t, furthest(got.Add(-1), loc).Before(wall), "%v has been shown before %v", wall, got)
			require.True(t, calendar.Reading(got, loc).Equal(shown(got, loc)))
		}
	})
}
