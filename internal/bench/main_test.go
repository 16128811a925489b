package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/exportyard/exportyard/internal/bench/internal/contest"
	"github.com/exportyard/exportyard/internal/bench/internal/report"
	"github.com/exportyard/exportyard/internal/bench/internal/runner"
	"github.com/exportyard/exportyard/internal/bench/internal/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Everything is run once, with few rows.
func TestRun(t *testing.T) {
	if !server.Installed() {
		if os.Getenv("CI") == "true" {
			t.Fatal(server.ErrMissing)
		}
		t.Skip(server.ErrMissing)
	}
	dir := t.TempDir()
	name := func(base string) string { return filepath.Join(dir, base) }
	place := "# Figures\n\n<!-- begin of what go run ./internal/bench -md writes -->\nold\n<!-- end of what go run ./internal/bench -md writes -->\n\nProse.\n"
	require.NoError(t, os.WriteFile(name("figures.md"), []byte(place), 0o600))
	files := name("files")
	var stdout, stderr bytes.Buffer
	err := run(t.Context(), []string{
		"-rows", "3000", "-rounds", "1", "-repeat", "0", "-dir", files,
		"-json", name("figures.json"), "-svg", name("ratios.svg"), "-md", name("figures.md"),
	}, &stdout, &stderr)
	require.NoError(t, err, "%s", &stderr)

	left, err := os.ReadDir(files)
	require.NoError(t, err)
	require.Empty(t, left, "files are left behind")
	requireFigures(t, name("figures.json"))
	text, err := os.ReadFile(name("figures.md"))
	require.NoError(t, err)
	require.Contains(t, string(text), stdout.String())
	require.NotContains(t, string(text), "old")
	require.Contains(t, string(text), "Prose.")
	picture, err := os.ReadFile(name("ratios.svg"))
	require.NoError(t, err)
	require.Contains(t, string(picture), "csv vs naive Go")
}

// requireFigures wants what is plausible of every case.
func requireFigures(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var r record
	require.NoError(t, json.Unmarshal(data, &r))
	require.Len(t, r.Tables, len(contest.Outputs()))
	require.NotEmpty(t, r.Verdicts)
	for _, table := range r.Tables {
		for _, s := range table.Series {
			name := table.Name + ": " + s.Name
			if s.Skipped != "" {
				require.NotEqual(t, "true", os.Getenv("CI"), "%s: %s", name, s.Skipped)
				continue
			}
			require.Len(t, s.Samples, 1, name)
			one := s.Samples[0]
			require.Positive(t, one.Wall, name)
			require.Positive(t, one.CPU, name)
			require.Positive(t, one.Peak, name)
			require.GreaterOrEqual(t, one.Bytes, int64(3000*40), name)
			require.Zero(t, one.Rows%3000, name)
			require.GreaterOrEqual(t, one.Span, one.Wall, name)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args []string
		want string // of the error
	}{
		{name: "defaults"},
		{name: "outputs and groups", args: []string{"-only", "csv,csv.gz,ours"}},
		{name: "unknown word", args: []string{"-only", "csv,vsc"}, want: `nothing is called "vsc"`},
		{name: "no rows", args: []string{"-rows", "0"}, want: "at least one row"},
		{name: "no rounds", args: []string{"-rounds", "0"}, want: "and one round"},
		{name: "a word too many", args: []string{"csv"}, want: "flags alone"},
		{name: "unknown flag", args: []string{"-fast"}, want: "not defined"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o, err := parse(append([]string{"-dir", t.TempDir()}, tt.args...), new(bytes.Buffer))
			if tt.want != "" {
				require.ErrorContains(t, err, tt.want)
				return
			}
			require.NoError(t, err)
			require.NotEmpty(t, o.outputs)
			require.Positive(t, o.rounds)
		})
	}
}

func TestDueRepeatsWhatWasDisturbed(t *testing.T) {
	t.Parallel()
	clean, disturbed := runner.Sample{Span: 1}, runner.Sample{Span: 1, Others: 0.5}
	series := func(name, skipped string, samples ...runner.Sample) *report.Series {
		return &report.Series{Name: name, Skipped: skipped, Samples: samples}
	}
	tables := []*report.Table{
		{Series: []*report.Series{series("new", ""), series("done", "", clean, clean)}},
		{Series: []*report.Series{series("disturbed", "", clean, disturbed), series("missing", "is not installed")}},
	}
	o := &options{rounds: 2}
	names := func(round int) (names []string) {
		for _, s := range o.due(tables, round) {
			names = append(names, s.series.Name)
		}
		return names
	}
	require.Equal(t, []string{"new", "disturbed"}, names(0))
	require.Equal(t, []string{"disturbed", "new"}, names(1), "every other round goes backwards")
}
