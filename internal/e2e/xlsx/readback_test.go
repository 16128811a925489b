package xlsx_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/internal/e2e/readback"
	"github.com/exportyard/exportyard/internal/e2e/readback/office"
	"github.com/exportyard/exportyard/source"
)

func TestMain(m *testing.M) { os.Exit(readback.Main(m)) }

// partRows makes several parts of the values, which become one sheet.
const partRows = 200

// Every kind, its extremes, nulls and the naughty strings, through the engine: what
// excelize reads of each sheet is the source. Times beyond what a cell's number
// holds, long numbers and floats that are no numbers are texts.
func TestR16_ExcelizeReadsTheEnginesSheets(t *testing.T) {
	t.Parallel()
	values := readback.Values(t)
	files := readback.Export(t, values, partRows, export.Request{Format: "xlsx"})[""]
	require.Len(t, files, 1)
	book, err := os.ReadFile(files[0])
	require.NoError(t, err)
	var schemas []source.Schema
	for _, d := range values {
		schemas = append(schemas, d.Schema)
	}
	got, err := decodeArchive(book, schemas)
	require.NoError(t, err)
	require.Len(t, got, len(values))
	for i, d := range values {
		require.Equal(t, d.Name, got[i].Name)
		require.Equal(t, d.Schema.Names(), got[i].Table.Names)
		readback.Compare(t, filepath.Base(files[0])+", "+d.Name, d, got[i].Table.Rows, readback.Equal)
	}
}

// R34: what people see of the same file in LibreOffice is the text, whatever it
// looks like, and nothing is calculated; numbers and times are cells of their types,
// or texts as they are.
func TestR34_LibreOfficeShowsTheEnginesSheet(t *testing.T) {
	t.Parallel()
	d := readback.Values(t)[0]
	files := readback.Export(t, readback.Datasets{d}, partRows, export.Request{Format: "xlsx"})[""]
	require.Len(t, files, 1)
	rows := office.Open(t, files[0], "")
	require.Len(t, rows, len(d.Rows)+1)
	wrong := 0
	for c, f := range d.Schema {
		require.Equal(t, f.Name, rows[0][c].Text)
		for i, row := range d.Rows {
			if got := rows[i+1][c]; !shown(f, row[c], got) {
				t.Errorf("%s: column %q, row %d: LibreOffice has the %s %.200q by the formula %q, the source %v", filepath.Base(files[0]), f.Name, i+1, got.Type, got.Text, got.Formula, row[c])
				wrong++
			}
			require.Less(t, wrong, 20)
		}
	}
}

func shown(f source.Field, want formattest.Cell, got office.Cell) bool {
	if f.Kind == source.Bool && !want.Null {
		return strings.EqualFold(got.Text, want.Text) && strings.EqualFold(got.Formula, "of:="+want.Text+"()") // LibreOffice's own
	}
	empty := want.Null || office.AsShown(want.Text) == ""
	same := (got.Type == "string" || empty && got.Type == "") && office.AsShown(got.Text) == office.AsShown(want.Text)
	switch f.Kind.Base() {
	case source.Int64, source.AnyDecimal, source.Float64:
		return got.Formula == "" && (same || got.SameNumber(want.Text))
	case source.Date, source.Timestamp, source.DateTime:
		return got.Formula == "" && (same || got.SameTime(want.Text))
	default:
		return got.Formula == "" && same
	}
}
