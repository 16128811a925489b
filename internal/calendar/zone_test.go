package calendar_test

import (
	"slices"
	"sort"
	"sync"
	"testing"
	"time"
	_ "time/tzdata" // so that the zones are the same on every machine without its own

	"github.com/stretchr/testify/require"
)

// zones have between them every trick that clocks have been seen to play.
var zones = []string{
	"UTC",
	"America/New_York",
	"Europe/Berlin",
	"Europe/London",
	"America/Sao_Paulo",   // set forward, and back, at midnight
	"America/Santiago",    // the same, an hour earlier in UTC's day
	"Australia/Lord_Howe", // by half an hour
	"Asia/Kathmandu",      // a quarter of an hour from its neighbors
	"Pacific/Apia",        // without 2011-12-30
	"Pacific/Kwajalein",   // with 1969-09-30 almost twice, without 1993-08-21
	"America/St_Johns",    // at one minute past midnight: a day begins, ends, and begins
	"America/Havana",      // midnight comes twice
	"Asia/Beirut",         // a day without midnight
	"Australia/Adelaide",  // half an hour, and summer at the turn of the year
	"Asia/Kolkata",        // set back by eight seconds within one minute of offset
}

func load(t require.TestingT, name string) *time.Location {
	loc, err := time.LoadLocation(name)
	require.NoError(t, err)
	return loc
}

// A change is one setting of a clock, found by asking for the offset again and
// again: package time's own list of bounds is not to be trusted.
type change struct {
	at            int64 // Unix seconds
	before, after int   // offsets in seconds
}

const (
	firstYear = 1850
	lastYear  = 2060
)

var (
	changesMu sync.Mutex
	changesOf = map[string][]change{}
)

// changes returns the changes of a zone's clock in ascending order.
func changes(loc *time.Location) []change {
	changesMu.Lock()
	defer changesMu.Unlock()
	if found, ok := changesOf[loc.String()]; ok {
		return found
	}
	offset := func(at int64) int {
		_, o := time.Unix(at, 0).In(loc).Zone()
		return o
	}
	const step = 12 * 60 * 60
	found := []change{}
	at := time.Date(firstYear-1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	for end := time.Date(lastYear+1, 1, 1, 0, 0, 0, 0, time.UTC).Unix(); at < end; at += step {
		before, after := offset(at), offset(at+step)
		if before != after {
			moment := at + 1 + int64(sort.Search(step, func(i int) bool { return offset(at+1+int64(i)) != before }))
			found = append(found, change{moment, before, after})
		}
	}
	changesOf[loc.String()] = found
	return found
}

// around returns the changes within two days before t, up to t.
func around(t time.Time, loc *time.Location) []change {
	all := changes(loc)
	from := sort.Search(len(all), func(i int) bool { return all[i].at > t.Add(-48*time.Hour).Unix() })
	to := sort.Search(len(all), func(i int) bool { return all[i].at > t.Unix() })
	return all[from:to]
}

// shown returns what the clock shows at t, put together from its fields.
func shown(t time.Time, loc *time.Location) time.Time {
	l := t.In(loc)
	return time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), l.Nanosecond(), time.UTC)
}

// furthest returns the latest reading that the clock has shown up to t.
func furthest(t time.Time, loc *time.Location) time.Time {
	latest := shown(t, loc)
	for _, c := range around(t, loc) {
		if last := shown(time.Unix(c.at, 0).Add(-1), loc); last.After(latest) {
			latest = last
		}
	}
	return latest
}

// once reports whether the clock shows what it shows at t at no other time.
func once(t time.Time, loc *time.Location) bool {
	want := shown(t, loc)
	_, own := t.In(loc).Zone()
	for _, c := range slices.Concat(around(t.Add(24*time.Hour), loc), around(t.Add(48*time.Hour), loc)) {
		for _, o := range []int{c.before, c.after} {
			other := want.Add(-time.Duration(o) * time.Second)
			if o != own && shown(other, loc).Equal(want) {
				return false
			}
		}
	}
	return true
}

func TestChangesAreWhatIsKnown(t *testing.T) {
	t.Parallel()
	require.Empty(t, changes(time.UTC))
	apia := changes(load(t, "Pacific/Apia"))
	skip := time.Date(2011, 12, 30, 10, 0, 0, 0, time.UTC).Unix()
	require.Contains(t, apia, change{at: skip, before: -10 * 3600, after: 14 * 3600})
	berlin := load(t, "Europe/Berlin")
	twice := time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC)
	require.False(t, once(twice, berlin))
	require.False(t, once(twice.Add(time.Hour), berlin))
	require.True(t, once(twice.Add(-time.Hour), berlin))
	require.True(t, once(twice.Add(2*time.Hour), berlin))
	require.Equal(t, "02:59:59.999999999", furthest(twice.Add(time.Hour), berlin).Format("15:04:05.999999999"))
}
