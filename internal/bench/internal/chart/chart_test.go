package chart_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/bench/internal/chart"
	"github.com/exportyard/exportyard/internal/bench/internal/contest"
	"github.com/exportyard/exportyard/internal/bench/internal/report"
	"github.com/exportyard/exportyard/internal/bench/internal/runner"
)

// measured has a run of every case: ours in a second, others in one more each.
func measured(t *testing.T) (tables []*report.Table) {
	t.Helper()
	for _, o := range contest.Outputs() {
		table := &report.Table{Output: o, Name: o.Name}
		seconds := 1.0
		for _, c := range o.Cases {
			if c.Group != contest.Ours {
				seconds++
			}
			one := runner.Sample{Wall: seconds, CPU: seconds, Bytes: 1e6, Rows: 1000, Span: seconds}
			table.Series = append(table.Series, &report.Series{Case: c, Name: c.Name, Samples: []runner.Sample{one}})
		}
		tables = append(tables, table)
	}
	return tables
}

func TestSave(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ratios.svg")
	require.NoError(t, chart.Save(measured(t), path))
	picture, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, text := range []string{
		">csv vs naive Go<", ">csv.gz vs psql, pigz -6 -p2<", ">xlsx vs excelize, rows in memory<", ">csv-encoder vs encoding/csv<",
		">2.00 / 2.00<", ">two connections<", ">must be reached<", "Liberation Sans,Arial",
	} {
		require.Contains(t, string(picture), text)
	}
	require.NotContains(t, string(picture), "vs exportyard")
}

func TestSaveSaysWhatItCannotDraw(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.ErrorContains(t, chart.Save(measured(t), filepath.Join(dir, "ratios.docx")), "docx")
	alone := []*report.Table{{Name: "csv", Output: contest.Outputs()[0]}}
	require.ErrorContains(t, chart.Save(alone, filepath.Join(dir, "ratios.svg")), "nobody was run beside exportyard")
}
