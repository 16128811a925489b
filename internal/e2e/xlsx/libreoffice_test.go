package xlsx_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/e2e/readback/office"
	"github.com/exportyard/exportyard/source"
)

// open lets LibreOffice open a workbook and say what it found.
func open(t *testing.T, file []byte) [][]office.Cell {
	t.Helper()
	path := filepath.Join(t.TempDir(), "book.xlsx")
	require.NoError(t, os.WriteFile(path, file, 0o600))
	return office.Open(t, path, "")
}

// R34: LibreOffice opens the file clean, shows what was exported, and has no
// formula to calculate. It makes formulas of its own of bool cells, =TRUE() and
// =FALSE(), whoever wrote them, since it has no such values.
func TestR34_LibreOfficeShowsValues(t *testing.T) {
	t.Parallel()
	schema, row := people()
	rows := open(t, encode(t, schema, row))
	want := map[string]string{
		"time": "2026-10-25 01:30:00Z", "exact time": "2026-10-25 01:30:00.250Z", "local time": "2026-10-25 01:30:00", "bool": "TRUE",
	}
	for c, field := range schema {
		require.Equal(t, field.Name, rows[0][c].Text)
		cell, shown := rows[1][c], row[c]
		if w, ok := want[field.Name]; ok {
			shown = w
		}
		require.Equal(t, shown, cell.Text, field.Name)
		if field.Kind == source.Bool {
			require.Equal(t, "of:=TRUE()", cell.Formula)
		} else {
			require.Empty(t, cell.Formula, field.Name)
		}
	}
	for column, kind := range map[int]string{0: "float", 1: "string", 2: "float", 3: "string", 4: "float", 6: "date", 7: "string", 8: "date", 11: "string"} {
		require.Equal(t, kind, rows[1][column].Type, schema[column].Name)
	}
}

// R34: the corpus of texts that spreadsheets run, and others that break files.
func TestR34_LibreOfficeRunsNothing(t *testing.T) {
	t.Parallel()
	var texts []string
	for _, start := range []string{"=", "+", "-", "@", "＝", "＋", "－", "＠", "\t=", "\n=", " =", "\ufeff=", `"=`, "'=", ";=", ",=", "=cmd|' /C calc'!", "=HYPERLINK(", "=WEBSERVICE("} {
		texts = append(texts, start+"1+1", "a"+start+"1+1")
	}
	texts = append(texts,
		"", "007", "1e5", "1-2", "TRUE", "#N/A", "2026-10-25", "<b>&amp;</b>", "]]>", "{=1+1}", "_x0041_", "_x005F_", "_x0041_x0042_",
		"漢字 👩🏽‍🚀 é", "\u202eright to left", " spaces  at   all ends ", "a\ttab", "a\nline\n\nanother", "a\r\nb", strings.Repeat("long ", 6000),
	)
	schema := source.Schema{{Name: "n", Kind: source.Int64}, {Name: "text", Kind: source.String}, {Name: "negative", Kind: source.Decimal(9, 2)}}
	var all [][]string
	for i, text := range texts {
		all = append(all, []string{strconv.Itoa(i), text, "-1.25"})
	}
	rows := open(t, encode(t, schema, all...))
	for i, text := range texts {
		row := rows[i+1]
		for _, cell := range row {
			require.Empty(t, cell.Formula)
		}
		require.Equal(t, strconv.Itoa(i), row[0].Value)
		require.Equal(t, strings.ReplaceAll(text, "\r\n", "\n"), strings.ReplaceAll(row[1].Text, "\r\n", "\n"), "row %d", i)
		if text != "" {
			require.Equal(t, "string", row[1].Type, "row %d", i)
		}
		require.Equal(t, "float", row[2].Type, "typed numbers stay numbers")
		require.Equal(t, "-1.25", row[2].Value)
	}
}
