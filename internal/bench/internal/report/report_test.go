package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/bench/internal/contest"
	"github.com/exportyard/exportyard/internal/bench/internal/runner"
	"github.com/exportyard/exportyard/internal/bench/internal/task"
)

func TestMedian(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		values []float64
		want   float64
	}{
		{name: "none"},
		{name: "one", values: []float64{3}, want: 3},
		{name: "odd", values: []float64{9, 1, 2}, want: 2},
		{name: "even", values: []float64{4, 1, 2, 9}, want: 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			before := append([]float64(nil), tt.values...)
			require.InDelta(t, tt.want, Median(tt.values), 0)
			require.Equal(t, before, tt.values, "the values are not sorted in place")
		})
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		sample runner.Sample
		want   bool
	}{
		{name: "alone", sample: runner.Sample{Span: 3}, want: true},
		{name: "a tenth of a core", sample: runner.Sample{Span: 3, Others: 0.1}, want: true},
		{name: "more", sample: runner.Sample{Span: 3, Others: 0.11}},
		{name: "what the clock misses in a short run", sample: runner.Sample{Span: 0.1, Others: 0.4}, want: true},
		{name: "more in a short run", sample: runner.Sample{Span: 0.1, Others: 0.6}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, Clean(tt.sample))
		})
	}
}

func run(wall float64, bytes int64, others float64) runner.Sample {
	return runner.Sample{Wall: wall, CPU: 2 * wall, Peak: 50e6, Bytes: bytes, Rows: 1000, Mallocs: 20, Span: wall, Others: others}
}

// sample is an output that two programs made: ours in 2 seconds, over two
// connections in 1, and the other one in 3.
func sample() *Table {
	server := func(n int) *task.Task {
		return &task.Task{Kind: task.Ours, Source: task.PostgreSQL, Connections: n}
	}
	o := contest.Output{
		Name: "csv",
		Cases: []contest.Case{
			{Name: "ours", Group: contest.Ours, Task: server(1)},
			{Name: "ours, 2", Group: contest.Ours, Task: server(2)},
			{Name: "peer", Group: contest.Psql},
			{Name: "absent", Group: contest.Psql},
		},
		Targets: []contest.Target{{Ours: "ours", Peer: "peer", Must: 1.6, Aim: 2.5}, {Ours: "ours", Peer: "absent", Must: 1, Aim: 2}},
		Sizes:   []contest.Size{{Ours: "ours", Peer: "peer", Must: 1.02}},
		Memory:  contest.Limit{Must: 64, Aim: 40},
		Mallocs: contest.Limit{Must: 0.05, Aim: 0.01},
	}
	t := &Table{Output: o, Name: o.Name}
	for i, samples := range [][]runner.Sample{
		{run(2, 100e6, 0), run(9, 100e6, 0.9), run(2.2, 100e6, 0), run(1.9, 100e6, 0)},
		{run(1, 100e6, 0)},
		{run(3, 99e6, 0)},
		nil,
	} {
		t.Series = append(t.Series, &Series{Case: o.Cases[i], Name: o.Cases[i].Name, Samples: samples})
	}
	t.Series[3].Skipped = "it is not installed: apt-get install it"
	return t
}

func TestSummaryIsOfCleanRuns(t *testing.T) {
	t.Parallel()
	table := sample()
	sum, ok := table.Series[0].Summary()
	require.True(t, ok)
	require.Equal(t, 3, sum.Clean)
	require.Equal(t, 4, sum.Runs)
	require.InDelta(t, 2, sum.Wall, 1e-9)
	require.InDelta(t, 1.9, sum.Least, 1e-9)
	require.InDelta(t, 500, sum.RowsPerSecond, 1e-9)
	require.InDelta(t, 0.02, sum.Mallocs, 1e-9)
	_, ok = table.Series[3].Summary()
	require.False(t, ok)

	only := Series{Samples: []runner.Sample{run(9, 1, 0.9)}}
	sum, ok = only.Summary()
	require.True(t, ok, "what was disturbed counts where nothing was clean")
	require.Zero(t, sum.Clean)
	require.InDelta(t, 9, sum.Wall, 1e-9)
}

func TestRatio(t *testing.T) {
	t.Parallel()
	table := sample()
	ratio, ok := table.Ratio("ours", "peer")
	require.True(t, ok)
	require.InDelta(t, 1.5, ratio, 1e-9)
	_, ok = table.Ratio("ours", "absent")
	require.False(t, ok)
	table.Series[2].Samples[0].Rows = 500 // as fast as before with half of the rows
	ratio, _ = table.Ratio("ours", "peer")
	require.InDelta(t, 3, ratio, 1e-9)
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	verdicts := sample().Verdicts()
	type short struct {
		figure    string
		must, aim bool
		noAim     bool
	}
	var got []short
	for _, v := range verdicts {
		s := short{figure: v.Figure, must: v.Must, noAim: v.Aim == nil}
		s.aim = v.Aim != nil && *v.Aim
		got = append(got, s)
	}
	require.Equal(t, []short{
		{figure: "1.5x", aim: true}, // not by one connection, but by two
		{figure: "1.010x", must: true, noAim: true},
		{figure: "50.0 MB", must: true},
		{figure: "0.0200", must: true},
		{figure: "50.0 MB", must: true},
		{figure: "0.0200", must: true},
	}, got)
}

func TestWriteAll(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	require.NoError(t, WriteAll(&b, []*Table{sample()}))
	text := b.String()
	require.Contains(t, text, "5 of 6 gates are met, and 1 of 5 aims.")
	require.Contains(t, text, "- GATE not met: csv, ours: at least 1.6x as fast as peer: 1.5x\n")
	require.Contains(t, text, "absent was skipped: it is not installed: apt-get install it.\n")
	require.Regexp(t, `\| ours +\| +3/4 \| +2\.00 \(1\.90\) \|`, text)
	require.Regexp(t, `\| peer +\|.*\| +1\.50x \| +3\.00x \|`, text)
	for line := range strings.Lines(text) {
		require.NotContains(t, line, "NaN")
	}
}

func TestFill(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		document string
		want     string
		err      error
	}{
		{name: "filled again", document: "a\n" + begin + "\nold\n" + end + "\nb\n", want: "a\n" + begin + "\n\nnew\n\n" + end + "\nb\n"},
		{name: "no place", document: "a\n", err: ErrNoPlace},
		{name: "no end", document: begin + "\n", err: ErrNoPlace},
		{name: "turned round", document: end + "\n" + begin + "\n", err: ErrNoPlace},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "x.md")
			require.NoError(t, os.WriteFile(path, []byte(tt.document), 0o600))
			err := Fill(path, []byte("new\n"))
			require.ErrorIs(t, err, tt.err)
			got, readErr := os.ReadFile(path)
			require.NoError(t, readErr)
			if tt.err != nil {
				tt.want = tt.document
			}
			require.Equal(t, tt.want, string(got))
		})
	}
}
