package csvfmt_test

import (
	"bytes"
	"encoding/csv"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/source"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]csvfmt.Format{
		"exact":       {},
		"excel":       {Profile: csvfmt.Excel},
		"excel comma": {Profile: csvfmt.Excel, Delimiter: ','},
		"excel tab":   {Profile: csvfmt.Excel, Delimiter: '\t'},
		"excel bar":   {Profile: csvfmt.Excel, Delimiter: '|'},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			formattest.Run(t, func(*testing.T) formattest.Harness {
				return formattest.Harness{Formatter: f, Decode: decoder(f)}
			})
		})
	}
}

// column makes a file of one column called name. A cell "NULL" is null.
func column(t require.TestingT, f csvfmt.Format, name string, kind source.Kind, cells ...string) string {
	schema := source.Schema{{Name: name, Kind: kind}}
	b := source.NewBatch(schema, 0, 0)
	for _, cell := range cells {
		if cell == "NULL" {
			b.Col(0).AppendNull()
		} else {
			require.NoError(t, source.ParseText(b.Col(0), cell))
		}
		b.EndRow()
	}
	var file bytes.Buffer
	w, err := f.NewWriter(&file, schema)
	require.NoError(t, err)
	require.NoError(t, w.Write(b))
	require.NoError(t, w.Close())
	return file.String()
}

// C6: header row, comma, RFC 4180, ISO 8601.
func TestC6_ExactBytes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		kind  source.Kind
		cells []string
		want  string
	}{
		{
			"only what must be is quoted", source.String,
			[]string{"a b", " a ", "a,b", `a"b`, "a\nb", "a\rb", "a;b\tc'd", "é漢"},
			"c\r\na b\r\n a \r\n\"a,b\"\r\n\"a\"\"b\"\r\n\"a\nb\"\r\n\"a\rb\"\r\na;b\tc'd\r\né漢\r\n",
		},
		{"null and empty differ", source.String, []string{"", "NULL", "x"}, "c\r\n\"\"\r\n\r\nx\r\n"},
		{"the end mark of COPY is data", source.String, []string{`\.`, `\.x`}, "c\r\n\"\\.\"\r\n\\.x\r\n"},
		{"no formula is touched", source.String, []string{"=1+1", "'x"}, "c\r\n=1+1\r\n'x\r\n"},
		{"bytes in base64", source.Bytes, []string{"+/8=", ""}, "c\r\n+/8=\r\n\"\"\r\n"},
		{"floats", source.Float64, []string{"1.5", "NaN", "Infinity", "-Infinity"}, "c\r\n1.5\r\nNaN\r\nInfinity\r\n-Infinity\r\n"},
		{"times", source.Timestamp, []string{"2026-10-25T01:30:00.000001Z"}, "c\r\n2026-10-25T01:30:00.000001Z\r\n"},
		{"JSON verbatim", source.JSON, []string{`{"a": 1.10}`, "null"}, "c\r\n\"{\"\"a\"\": 1.10}\"\r\nnull\r\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, column(t, csvfmt.Format{}, "c", tc.kind, tc.cells...))
		})
	}
	require.Equal(t, "\"\ufeffc\"\r\n", column(t, csvfmt.Format{}, "\ufeffc", source.String), "a name that looks like a byte order mark")
}

// triggers are what R34 names: plain and full-width signs, and what some
// readers take away from the beginning.
var triggers = []string{"=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"}

func TestD8_GuardOnTextOnly(t *testing.T) {
	t.Parallel()
	excel := csvfmt.Format{Profile: csvfmt.Excel}
	for _, trigger := range triggers {
		for _, before := range []string{"", " ", "  ", "\u00a0", "\u3000", "\ufeff", "\u200b", "\x00", `"`, `""`, ";", ",", "|", " \"\ufeff;"} {
			cell := before + trigger + "1+1"
			got, err := decoder(excel)([]byte(column(t, excel, "c", source.String, cell)), source.Schema{{Name: "c", Kind: source.String}})
			require.NoError(t, err)
			require.Equal(t, cell, got.Rows[0][0].Text)
			require.Contains(t, column(t, excel, "c", source.String, cell), "'"+firstOf(cell), "%q is not guarded", cell)
		}
	}
	for _, cell := range []string{"a=1", "1+1", "O'Neill", " a", "", "(1)", "é", "#", "漢＝", "\"a\"", "a\n=1"} {
		require.NotContains(t, strings.ReplaceAll(column(t, excel, "c", source.String, cell), "O'", ""), "'", "%q is guarded", cell)
	}
	for _, tc := range []struct {
		kind  source.Kind
		cells []string
		want  string
	}{
		{source.Int64, []string{"-9223372036854775808"}, "-9223372036854775808"},
		{source.Decimal(12, 4), []string{"-12.5000"}, "-12.5000"},
		{source.Float64, []string{"-0.5", "-Infinity"}, "-0.5\r\n'-Infinity"},
		{source.Bytes, []string{"+/8=", "/+8="}, "'+/8=\r\n/+8="},
		{source.JSON, []string{"-1", "\t1", "1"}, "'-1\r\n'\t1\r\n1"},
		{source.Date, []string{"2026-01-31"}, "2026-01-31"},
	} {
		require.Equal(t, "\ufeffc\r\n"+tc.want+"\r\n", column(t, excel, "c", tc.kind, tc.cells...))
	}
	require.Equal(t, "\ufeff'=c\r\n", column(t, excel, "=c", source.String), "a name in the header")
}

// firstOf returns how the first character stands in a file.
func firstOf(cell string) string {
	if cell[0] == '"' {
		return `""`
	}
	_, n := utf8.DecodeRuneInString(cell)
	return cell[:n]
}

func TestR34_UnguardGivesTheTextBack(t *testing.T) {
	t.Parallel()
	excel := csvfmt.Format{Profile: csvfmt.Excel}
	alphabet := rapid.SampledFrom([]string{"=", "+", "-", "@", "'", "''", " ", "\"", "\t", "\r", "\n", ";", ",", "\ufeff", "＝", "＠", "a", "1", "é"})
	rapid.Check(t, func(t *rapid.T) {
		cell := strings.Join(rapid.SliceOfN(alphabet, 0, 6).Draw(t, "cell"), "")
		records, err := parse(strings.TrimPrefix(column(t, excel, "c", source.String, cell), "\ufeff"), ';')
		require.NoError(t, err)
		stored := records[1][0].text
		require.Equal(t, cell, csvfmt.Unguard(stored))
		rest := strings.TrimLeft(stored, " \"\ufeff;,")
		for _, trigger := range triggers {
			require.False(t, strings.HasPrefix(rest, trigger), "%q can be run", stored)
		}
	})
}

func TestFormatRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		format csvfmt.Format
		want   string
	}{
		{"exact with a semicolon", csvfmt.Format{Delimiter: ';'}, `csvfmt: the exact profile is RFC 4180, whose delimiter is a comma, not ';'`},
		{"a quote", csvfmt.Format{Profile: csvfmt.Excel, Delimiter: '"'}, `csvfmt: the delimiter '"' is none of comma, semicolon, tab and vertical bar`},
		{"another profile", csvfmt.Format{Profile: 7}, `csvfmt: there is no profile(7)`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			schema := source.Schema{{Name: "c", Kind: source.String}}
			_, err := tc.format.NewWriter(&bytes.Buffer{}, schema)
			require.EqualError(t, err, tc.want)
			_, err = tc.format.Blocks(schema)
			require.EqualError(t, err, tc.want)
		})
	}
}

// FuzzR16_CSVRoundTrip compares with two readers: encoding/csv, which makes LF
// of CR LF and skips empty lines, and our parser of the RFC's grammar.
func FuzzR16_CSVRoundTrip(f *testing.F) {
	for _, cell := range append(triggers, "", "a", `"`, `""`, "a,b", "\r\n", "\x00", "\ufeff", "\ufeff=", `\.`, "abcdefg,", "abcdefgh\"", "'", strings.Repeat(`x"`, 3000)) {
		f.Add(cell, "a"+cell, false)
		f.Add(cell+cell, cell, true)
	}
	f.Fuzz(func(t *testing.T, first, second string, excel bool) {
		format := csvfmt.Format{}
		if excel {
			format.Profile = csvfmt.Excel
		}
		schema := source.Schema{{Name: "first", Kind: source.String}, {Name: "n", Kind: source.Int64}, {Name: "second", Kind: source.String}}
		b := source.NewBatch(schema, 0, 0)
		want := [][]string{schema.Names(), {first, "-1", second}, {second, "2", first}}
		for _, row := range want[1:] {
			require.NoError(t, b.Col(0).AppendString(row[0]))
			require.NoError(t, source.ParseText(b.Col(1), row[1]))
			require.NoError(t, b.Col(2).AppendString(row[2]))
			b.EndRow()
		}
		var file bytes.Buffer
		w, err := format.NewWriter(&file, schema)
		require.NoError(t, err)
		require.NoError(t, w.Write(b))
		require.NoError(t, w.Close())

		table, err := decoder(format)(file.Bytes(), schema)
		require.NoError(t, err)
		for i, row := range want[1:] {
			for c, text := range row {
				require.Equal(t, formattest.Cell{Text: text}, table.Rows[i][c])
			}
		}

		r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(file.Bytes(), []byte("\ufeff"))))
		if excel {
			r.Comma = ';'
		}
		records, err := r.ReadAll()
		require.NoError(t, err)
		for i, record := range records {
			for c, text := range record {
				if excel {
					text = csvfmt.Unguard(text)
				}
				require.Equal(t, strings.ReplaceAll(want[i][c], "\r\n", "\n"), text)
			}
		}
		require.Len(t, records, len(want))
	})
}

// Python's csv module is a third reader, and one that keeps CR LF in fields.
func TestR16_PythonReadsExact(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("python3"); err != nil {
		if os.Getenv("CI") == "true" && runtime.GOOS == "linux" {
			t.Fatal("this test needs python3")
		}
		t.Skip("python3 is not installed")
	}
	cells := []string{"a", "a,b", `"q"`, "\r\n", "\n", "\r", " x ", "é漢👩🏽‍🚀", "\ufeff", `\.`, "'=1", strings.Repeat("\"\r\n,", 2000)}
	path := filepath.Join(t.TempDir(), "cells.csv")
	require.NoError(t, os.WriteFile(path, []byte(column(t, csvfmt.Format{}, "cell", source.String, cells...)), 0o600))
	const script = `import csv, sys
for row in csv.reader(open(sys.argv[1], encoding='utf-8', newline=''), strict=True):
    sys.stdout.buffer.write('|'.join(row).encode() + b'\x00')`
	out, err := exec.CommandContext(t.Context(), "python3", "-c", script, path).Output() //nolint:gosec // a fixed script
	require.NoError(t, err)
	want := append([]string{"cell"}, cells...)
	require.Empty(t, cmp.Diff(want, strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")))
}
