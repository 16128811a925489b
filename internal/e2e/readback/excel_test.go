package readback_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/internal/e2e/readback"
	"github.com/exportyard/exportyard/internal/e2e/readback/office"
	"github.com/exportyard/exportyard/source"
)

// How LibreOffice reads CSV: the delimiter and the quote by their numbers, UTF-8,
// from the first line on, and everything that looks like a number is one.
const (
	semicolons = "CSV:59,34,76,1,,0,false,true,false"
	commas     = "CSV:44,34,76,1,,0,false,true,false"
)

// taken are texts that a spreadsheet takes for a number, a date or a bool, as the
// format's page says that it does.
var taken = regexp.MustCompile(`(?i)^([$]?[0-9][0-9.,:/e+%-]*|true|false)$`)

// A spreadsheet that opens the Excel profile has no formula to calculate, shows
// every text, which Unguard makes the source's, and has every number.
func TestR34_LibreOfficeRunsNothingOfCSV(t *testing.T) {
	t.Parallel()
	d := readback.Values(t)[0]
	file := readback.Export(t, readback.Datasets{d}, partRows, export.Request{Format: "csv", Profile: "excel"})[d.Name]
	require.Len(t, file, 1)
	rows := office.Open(t, file[0], semicolons)
	require.Len(t, rows, len(d.Rows)+1)
	wrong := 0
	for c, f := range d.Schema {
		require.Equal(t, f.Name, csvfmt.Unguard(rows[0][c].Text))
		require.Empty(t, rows[0][c].Formula)
		for i, row := range d.Rows {
			if got := rows[i+1][c]; got.Formula != "" || !shown(f, row[c], got) {
				t.Errorf("%s: column %q, row %d: LibreOffice has the %s %.200q by the formula %q, the source %v", filepath.Base(file[0]), f.Name, i+1, got.Type, got.Text, got.Formula, row[c])
				wrong++
			}
			require.Less(t, wrong, 20)
		}
	}
}

// shown reports whether a cell is what the page of the profile promises.
func shown(f source.Field, want formattest.Cell, got office.Cell) bool {
	if want.Null {
		return got.Type == "" && got.Text == ""
	}
	text := got.Type == "string" || got.Type == "" && office.AsShown(want.Text) == ""
	same := text && office.AsShown(csvfmt.Unguard(got.Text)) == office.AsShown(want.Text)
	switch f.Kind.Base() {
	case source.Int64, source.AnyDecimal:
		return got.SameNumber(want.Text)
	case source.Float64:
		return same || got.SameNumber(want.Text)
	case source.Bool:
		return got.Type == "boolean" && strings.EqualFold(got.Text, want.Text)
	case source.Date, source.DateTime:
		return got.SameTime(want.Text) || got.Type == "date" && strings.HasPrefix(want.Text, "9999-12-31T23:59:59.999") && strings.HasPrefix(got.Text, "10000-01-01T00:00:00")
	default:
		return same || !text && taken.MatchString(want.Text)
	}
}

// The test above would see a formula: the exact profile, which is not for
// spreadsheets, has many.
func TestR34_LibreOfficeRunsTheExactProfile(t *testing.T) {
	t.Parallel()
	d := readback.Values(t)[0]
	file := readback.Export(t, readback.Datasets{d}, partRows, export.Request{Format: "csv"})[d.Name]
	formulas := 0
	for _, row := range office.Open(t, file[0], commas) {
		for _, cell := range row {
			if cell.Formula != "" {
				formulas++
			}
		}
	}
	require.GreaterOrEqual(t, formulas, 3)
}
