package retention_test

import (
	"fmt"
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // so that the zones are the same on every machine without its own

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/retention"
)

const day = 24 * time.Hour

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func moment(t require.TestingT, text string) time.Time {
	at, err := time.Parse("2006-01-02T15:04Z07:00", text)
	require.NoError(t, err)
	return at
}

// run is a good run of a schedule.
func run(t require.TestingT, at string, with ...func(*retention.Export)) retention.Export {
	m := moment(t, at)
	e := retention.Export{ID: at, At: m, FinishedAt: m.Add(10 * time.Minute), Good: true}
	for _, w := range with {
		w(&e)
	}
	return e
}

func manual(e *retention.Export) { e.Manual = true }
func pinned(e *retention.Export) { e.Pinned = true }
func held(e *retention.Export)   { e.Held = true }
func failed(e *retention.Export) { e.Good = false }

// said returns the verdicts as lines: action and reasons, and whether links are over.
func said(d retention.Decision) []string {
	var lines []string
	for _, v := range d.Verdicts {
		line := fmt.Sprint(v.Action, " ", v.Reasons)
		if !v.Links {
			line += " no links"
		}
		lines = append(lines, line)
	}
	return lines
}

func TestB10_Counts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		policy  retention.Policy
		exports []retention.Export
		want    []string
	}{
		{"nothing", retention.Policy{Daily: 1}, nil, nil},
		{"no counts", retention.Policy{}, []retention.Export{run(t, "2026-11-19T02:00Z"), run(t, "2026-11-20T02:00Z")}, []string{"keep [no-counts]", "keep [newest no-counts]"}},
		{"three days", retention.Policy{Daily: 3}, []retention.Export{
			run(t, "2026-11-17T02:00Z"), run(t, "2026-11-18T02:00Z"), run(t, "2026-11-19T02:00Z"), run(t, "2026-11-20T02:00Z"),
		}, []string{"prune [not-counted] no links", "keep [daily]", "keep [daily]", "keep [newest daily]"}},
		{"days with a run, not days that passed", retention.Policy{Daily: 3}, []retention.Export{
			run(t, "2026-01-01T02:00Z"), run(t, "2026-05-01T02:00Z"), run(t, "2026-11-20T02:00Z"),
		}, []string{"keep [daily]", "keep [daily]", "keep [newest daily]"}},
		{"the last of a day", retention.Policy{Daily: 2}, []retention.Export{
			run(t, "2026-11-19T00:00Z"), run(t, "2026-11-19T12:00Z"), run(t, "2026-11-20T00:00Z"), run(t, "2026-11-20T12:00Z"),
		}, []string{"prune [not-counted] no links", "keep [daily]", "prune [not-counted] no links", "keep [newest daily]"}},
		{"days of a zone", retention.Policy{Daily: 2, Zone: zone(t, "America/New_York")}, []retention.Export{
			run(t, "2026-11-19T12:00Z"), run(t, "2026-11-20T04:59Z"), run(t, "2026-11-20T05:00Z"),
		}, []string{"prune [not-counted] no links", "keep [daily]", "keep [newest daily]"}},
		{"grandfather, father, son", retention.Policy{Daily: 2, Weekly: 2, Monthly: 2}, []retention.Export{
			run(t, "2026-10-30T02:00Z"), run(t, "2026-10-31T02:00Z"), run(t, "2026-11-08T02:00Z"), run(t, "2026-11-14T02:00Z"), run(t, "2026-11-15T02:00Z"),
			run(t, "2026-11-18T02:00Z"), run(t, "2026-11-19T02:00Z"), run(t, "2026-11-20T02:00Z"),
		}, []string{
			"prune [not-counted] no links", "keep [monthly]", "prune [not-counted] no links", "prune [not-counted] no links", "keep [weekly]",
			"prune [not-counted] no links", "keep [daily]", "keep [newest daily weekly monthly]",
		}},
		{"what does not count", retention.Policy{Daily: 1}, []retention.Export{
			run(t, "2026-11-16T02:00Z", held, failed), run(t, "2026-11-17T02:00Z", held), run(t, "2026-11-18T02:00Z", manual), run(t, "2026-11-19T02:00Z"), run(t, "2026-11-20T02:00Z", failed), run(t, "2026-11-20T03:00Z", pinned),
		}, []string{"keep [held not-good] no links", "keep [held]", "keep [manual]", "keep [newest daily]", "keep [not-good] no links", "keep [manual]"}},
		{"in any order", retention.Policy{Daily: 1}, []retention.Export{run(t, "2026-11-20T02:00Z"), run(t, "2026-11-19T02:00Z")}, []string{"keep [newest daily]", "prune [not-counted] no links"}},
		{"only weeks", retention.Policy{Weekly: 1}, []retention.Export{run(t, "2026-11-15T02:00Z"), run(t, "2026-11-16T02:00Z")}, []string{"prune [not-counted] no links", "keep [newest weekly]"}},
		{"a count below zero is none", retention.Policy{Daily: -1, Weekly: 1}, []retention.Export{run(t, "2026-11-15T02:00Z"), run(t, "2026-11-16T02:00Z")}, []string{"prune [not-counted] no links", "keep [newest weekly]"}},
		{"so many in one pass", retention.Policy{Daily: 1, MaxRemovals: 2}, []retention.Export{
			run(t, "2026-11-19T02:00Z"), run(t, "2026-11-18T02:00Z"), run(t, "2026-11-17T02:00Z"), run(t, "2026-11-20T02:00Z"),
		}, []string{"keep [next-pass]", "prune [not-counted] no links", "prune [not-counted] no links", "keep [newest daily]"}},
		{"none in one pass", retention.Policy{Daily: 1, MaxRemovals: -1}, []retention.Export{run(t, "2026-11-19T02:00Z"), run(t, "2026-11-20T02:00Z")}, []string{"keep [next-pass]", "keep [newest daily]"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := tt.policy.Decide(tt.exports, now, time.Time{})
			require.Empty(t, cmp.Diff(tt.want, said(d)))
			require.Zero(t, d.Leap)
			for i, v := range d.Verdicts {
				require.Equal(t, tt.exports[i].ID, v.ID)
			}
		})
	}
}

func zone(t require.TestingT, name string) *time.Location {
	loc, err := time.LoadLocation(name)
	require.NoError(t, err)
	return loc
}

func TestB9_TwoClocks(t *testing.T) {
	t.Parallel()
	old, newer := run(t, "2026-11-01T02:00Z"), run(t, "2026-11-10T02:00Z")
	linkEnd, fileEnd := old.FinishedAt.Add(7*day), old.FinishedAt.Add(14*day)
	policy := retention.Policy{Links: 7 * day, Files: 14 * day}
	last := newer.FinishedAt.Add(100 * day)
	for _, tt := range []struct {
		name    string
		change  func(*retention.Policy)
		exports []retention.Export
		now     time.Time
		want    []string
	}{
		{"R31: just before the links end", nil, []retention.Export{old, newer}, linkEnd.Add(-1), []string{"keep [no-counts]", "keep [newest no-counts]"}},
		{"R31: when the links end", nil, []retention.Export{old, newer}, linkEnd, []string{"keep [no-counts] no links", "keep [newest no-counts]"}},
		{"R31: just before the files end", nil, []retention.Export{old, newer}, fileEnd.Add(-1), []string{"keep [no-counts] no links", "keep [newest no-counts]"}},
		{"R31: when the files end", nil, []retention.Export{old, newer}, fileEnd, []string{"expire [file-clock] no links", "keep [newest no-counts]"}},
		{"the newest outlives its clock", nil, []retention.Export{old, newer}, last, []string{"expire [file-clock] no links", "keep [newest no-counts] no links"}},
		{"unless the policy says no", func(p *retention.Policy) { p.ExpireNewest = true }, []retention.Export{newer}, last, []string{"expire [file-clock] no links"}},
		{"a manual one does not", nil, []retention.Export{run(t, "2026-11-01T02:00Z", manual)}, last, []string{"expire [file-clock] no links"}},
		{"a held one is not touched", nil, []retention.Export{run(t, "2026-11-01T02:00Z", held, manual), run(t, "2026-11-02T02:00Z", held)}, last, []string{"keep [held manual]", "keep [held newest no-counts]"}},
		{"a clock goes before counts", func(p *retention.Policy) { p.Monthly = 12 }, []retention.Export{old, newer, run(t, "2026-10-01T02:00Z")}, fileEnd, []string{
			"expire [file-clock] no links", "keep [newest monthly]", "expire [file-clock] no links",
		}},
		{"no clocks", func(p *retention.Policy) { p.Links, p.Files = 0, 0 }, []retention.Export{old, newer}, last, []string{"keep [no-counts]", "keep [newest no-counts]"}},
		{"a clock set back", nil, []retention.Export{old, newer}, old.At.AddDate(-10, 0, 0), []string{"keep [no-counts]", "keep [newest no-counts]"}},
		{"the next pass keeps it, the link clock ends its links", func(p *retention.Policy) { p.Daily, p.Files, p.MaxRemovals = 1, 0, -1 }, []retention.Export{old, newer}, linkEnd, []string{
			"keep [next-pass] no links", "keep [newest daily]",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := policy
			if tt.change != nil {
				tt.change(&p)
			}
			require.Empty(t, cmp.Diff(tt.want, said(p.Decide(tt.exports, tt.now, tt.now))))
		})
	}
}

func TestR30_ClockLeap(t *testing.T) {
	t.Parallel()
	exports := []retention.Export{
		run(t, "2026-11-01T02:00Z"), run(t, "2026-11-19T02:00Z", manual), run(t, "2026-11-20T02:00Z"), run(t, "2026-11-21T02:00Z", failed),
	}
	newest := exports[3].FinishedAt
	policy := retention.Policy{Files: 7 * day, Daily: 1}
	leap := newest.AddDate(10, 0, 0)
	for _, tt := range []struct {
		name       string
		now, known time.Time
		maxLeap    time.Duration
		leap       time.Duration
		want       []string
	}{
		{"now", now, time.Time{}, 0, 0, []string{"expire [file-clock] no links", "keep [manual]", "keep [newest daily]", "keep [not-good] no links"}},
		{"as far as it may be", newest.Add(40 * day), time.Time{}, 0, 0, []string{"expire [file-clock] no links", "expire [file-clock] no links", "keep [newest daily]", "keep [not-good] no links"}},
		{"further", newest.Add(40*day + 1), time.Time{}, 0, 40*day + 1, []string{"keep [clock-leap] no links", "keep [clock-leap] no links", "keep [newest daily]", "keep [not-good] no links"}},
		{"ten years", leap, time.Time{}, 0, leap.Sub(newest), []string{"keep [clock-leap] no links", "keep [clock-leap] no links", "keep [newest daily]", "keep [not-good] no links"}},
		{"ten years that did pass", leap, leap.Add(-day), 0, 0, []string{"expire [file-clock] no links", "expire [file-clock] no links", "keep [newest daily]", "keep [not-good] no links"}},
		{"a shorter leap", newest.Add(2 * day), time.Time{}, day, 2 * day, []string{"keep [clock-leap] no links", "keep [manual]", "keep [newest daily]", "keep [not-good] no links"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := policy
			p.MaxLeap = tt.maxLeap
			d := p.Decide(exports, tt.now, tt.known)
			require.Equal(t, tt.leap, d.Leap)
			require.Empty(t, cmp.Diff(tt.want, said(d)))
		})
	}
	require.Zero(t, policy.Decide(nil, now, time.Time{}).Leap)
}

func TestDecideChangesNothing(t *testing.T) {
	t.Parallel()
	exports := []retention.Export{run(t, "2026-11-20T02:00Z"), run(t, "2026-11-01T02:00Z"), run(t, "2026-11-10T02:00Z", held)}
	before := slices.Clone(exports)
	policy := retention.Policy{Daily: 1}
	first := policy.Decide(exports, now, time.Time{})
	require.Equal(t, before, exports)
	require.Equal(t, first, policy.Decide(exports, now, time.Time{}), "a dry run and a pass differ")
}
