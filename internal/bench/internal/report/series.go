// Package report makes tables, verdicts and a chart of what was measured.
package report

import (
	"slices"

	"github.com/exportyard/exportyard/internal/bench/internal/contest"
	"github.com/exportyard/exportyard/internal/bench/internal/runner"
)

// A Series is all runs of one case, or why there are none.
type Series struct {
	Case    contest.Case    `json:"-"`
	Name    string          `json:"case"`
	Samples []runner.Sample `json:"samples,omitempty"`
	// Skipped says why the case was not run.
	Skipped string `json:"skipped,omitempty"`
}

// A Table is an output with what was measured of it.
type Table struct {
	Output contest.Output `json:"-"`
	Name   string         `json:"output"`
	Series []*Series      `json:"series"`
}

// Busy is how much of a core the rest of the machine may take for a run to be
// clean. Short runs may have as much as the clock of /proc can miss.
const (
	Busy      = 0.10
	clockMiss = 0.05 // seconds
)

// Clean reports whether a run had the machine to itself.
func Clean(s runner.Sample) bool { return s.Others*s.Span <= max(Busy*s.Span, clockMiss) }

// CleanRuns is how many of the runs were clean.
func (s *Series) CleanRuns() int { return len(s.clean()) }

func (s *Series) clean() []runner.Sample {
	return slices.DeleteFunc(slices.Clone(s.Samples), func(x runner.Sample) bool { return !Clean(x) })
}

// A Summary is what counts of a series: that of its clean runs, or of all where
// none was.
type Summary struct {
	Clean, Runs   int
	Wall, Least   float64 // seconds: median and minimum
	CPU, Server   float64 // seconds, medians
	Peak, Bytes   float64 // MB: the most, and the median
	RowsPerSecond float64
	Mallocs       float64 // a row; negative when unknown
	Rows          float64
	Before, After float64 // seconds, medians
	Others        float64 // of a core, the most of the runs that count
}

// Summary sums the series up; ok is false when it was never run.
func (s *Series) Summary() (sum Summary, ok bool) {
	runs := s.clean()
	if len(runs) == 0 {
		runs = s.Samples
	}
	if len(runs) == 0 {
		return sum, false
	}
	of := func(f func(runner.Sample) float64) []float64 {
		all := make([]float64, len(runs))
		for i, r := range runs {
			all[i] = f(r)
		}
		return all
	}
	walls := of(func(r runner.Sample) float64 { return r.Wall })
	sum = Summary{
		Clean: s.CleanRuns(), Runs: len(s.Samples), Wall: Median(walls), Least: slices.Min(walls),
		CPU:    Median(of(func(r runner.Sample) float64 { return r.CPU })),
		Server: Median(of(func(r runner.Sample) float64 { return r.Server })),
		Peak:   slices.Max(of(func(r runner.Sample) float64 { return float64(r.Peak) / 1e6 })),
		Bytes:  Median(of(func(r runner.Sample) float64 { return float64(r.Bytes) / 1e6 })),
		Before: Median(of(func(r runner.Sample) float64 { return r.Before })),
		After:  Median(of(func(r runner.Sample) float64 { return r.After })),
		Others: slices.Max(of(func(r runner.Sample) float64 { return r.Others })),
		Rows:   float64(runs[0].Rows),
	}
	sum.Mallocs = Median(of(func(r runner.Sample) float64 { return r.Mallocs })) / max(1, sum.Rows)
	if sum.Wall > 0 {
		sum.RowsPerSecond = sum.Rows / sum.Wall
	}
	return sum, true
}

// Median returns the middle of the values, or half way between the middle two;
// 0 of none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	v := slices.Sorted(slices.Values(values))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// First is the case of ours that is compared unless a rule says otherwise: the one
// that a target names, or the first.
func (t *Table) First() string {
	if len(t.Output.Targets) > 0 {
		return t.Output.Targets[0].Ours
	}
	return t.Output.Cases[0].Name
}

// FirstInParallel is the same export over several connections, empty for none.
func (t *Table) FirstInParallel() string {
	first := slices.IndexFunc(t.Output.Cases, func(c contest.Case) bool { return c.Name == t.First() })
	for _, s := range t.Series {
		if s.Case.Parallel() && first >= 0 && t.Output.Cases[first].FromServer() {
			return s.Name
		}
	}
	return ""
}

// find returns the sums of a case by its name.
func (t *Table) find(name string) (Summary, bool) {
	for _, s := range t.Series {
		if s.Name == name {
			return s.Summary()
		}
	}
	return Summary{}, false
}

// Ratio is the peer's time for a row divided by ours; ok is false when one was not run.
func (t *Table) Ratio(ours, peer string) (ratio float64, ok bool) {
	a, okA := t.find(ours)
	b, okB := t.find(peer)
	if !okA || !okB || t.cost(a) == 0 {
		return 0, false
	}
	return t.cost(b) / t.cost(a), true
}

// cost is what an output is compared by: the time that a row takes.
func (t *Table) cost(s Summary) float64 {
	if t.Output.ByCPU {
		return s.CPU / s.Rows
	}
	return s.Wall / s.Rows
}
