package jsonfmt_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/format/jsonfmt"
	"github.com/exportyard/exportyard/source"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]formattest.Harness{
		"lines":            {Formatter: jsonfmt.Lines{}, Decode: reader{}.lines},
		"lines strings":    {Formatter: jsonfmt.Lines{WideAsStrings: true}, Decode: reader{texts: true}.lines},
		"document":         {Formatter: jsonfmt.Document{}, Decode: reader{}.array, DecodeDocument: reader{}.document},
		"document strings": {Formatter: jsonfmt.Document{WideAsStrings: true}, Decode: reader{texts: true}.array, DecodeDocument: reader{texts: true}.document},
	} {
		h.JSONNullIsNull = true // JSON has one null
		h.JSONSpace = true      // the reader drops space around a value, Lines has no line breaks
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			formattest.Run(t, func(*testing.T) formattest.Harness { return h })
		})
	}
}

// encode makes a file of rows of texts, "NULL" being null.
func encode(t require.TestingT, f format.Formatter, schema source.Schema, rows ...[]string) string {
	b := source.NewBatch(schema, 0, 0)
	for _, row := range rows {
		for c, text := range row {
			if text == "NULL" {
				b.Col(c).AppendNull()
			} else {
				require.NoError(t, source.ParseText(b.Col(c), text))
			}
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

// value returns how one cell stands in a file of lines.
func value(t require.TestingT, f jsonfmt.Lines, kind source.Kind, cell string) string {
	line := encode(t, f, source.Schema{{Name: "c", Kind: kind}}, []string{cell})
	rest, ok := strings.CutPrefix(line, `{"c":`)
	require.True(t, ok, line)
	return strings.TrimSuffix(rest, "}\n")
}

func TestD9_Values(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name       string
		kind       source.Kind
		cell       string
		want, wide string
	}{
		{"int64", source.Int64, "-9223372036854775808", `-9223372036854775808`, `"-9223372036854775808"`},
		{"decimal", source.Decimal(38, 4), "9999999999999999999999999999999999.5000", `9999999999999999999999999999999999.5000`, `"9999999999999999999999999999999999.5000"`},
		{"float", source.Float64, "1e-07", `1e-07`, ""},
		{"minus zero", source.Float64, "-0", `-0.0`, ""},
		{"not a number", source.Float64, "NaN", `"NaN"`, ""},
		{"infinity", source.Float64, "Infinity", `"Infinity"`, ""},
		{"less than all", source.Float64, "-Infinity", `"-Infinity"`, ""},
		{"bool", source.Bool, "true", `true`, ""},
		{"null", source.String, "NULL", `null`, ""},
		{"null number", source.Int64, "NULL", `null`, `null`},
		{"bytes", source.Bytes, "+/8=", `"+/8="`, ""},
		{"date", source.Date, "0001-01-01", `"0001-01-01"`, ""},
		{"timestamp", source.Timestamp, "9999-12-31T23:59:59.999999Z", `"9999-12-31T23:59:59.999999Z"`, ""},
		{"datetime", source.DateTime, "2026-03-29T02:30:00", `"2026-03-29T02:30:00"`, ""},
		{"uuid", source.UUID, "0190163d-8694-739b-aea5-966c26f8ad91", `"0190163d-8694-739b-aea5-966c26f8ad91"`, ""},
		{"JSON verbatim", source.JSON, `{"b":1.10, "b":1E400,"\u0041":"é"}`, `{"b":1.10, "b":1E400,"\u0041":"é"}`, ""},
		{"JSON on one line", source.JSON, "[1,\r\n 2]", `[1,   2]`, ""},
		{"no HTML escapes", source.String, "a < b && c > d 'e'", `"a < b && c > d 'e'"`, ""},
		{"as it is", source.String, "é漢👩🏽‍🚀 \u2028\u2029\ufeff\u007f", "\"é漢👩🏽‍🚀 \u2028\u2029\ufeff\u007f\"", ""},
		{"escapes", source.String, "\"\\/\b\f\n\r\t\x00\x1f", `"\"\\/\b\f\n\r\t\u0000\u001f"`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, value(t, jsonfmt.Lines{}, tc.kind, tc.cell))
			if tc.wide == "" {
				tc.wide = tc.want
			}
			require.Equal(t, tc.wide, value(t, jsonfmt.Lines{WideAsStrings: true}, tc.kind, tc.cell))
		})
	}
}

func TestB1_Layouts(t *testing.T) {
	t.Parallel()
	schema := source.Schema{{Name: "n", Kind: source.Int64}, {Name: `a "b"`, Kind: source.JSON}}
	rows := [][]string{{"1", "[\n]"}, {"2", "NULL"}}
	require.Equal(t, "{\"n\":1,\"a \\\"b\\\"\":[ ]}\n{\"n\":2,\"a \\\"b\\\"\":null}\n", encode(t, jsonfmt.Lines{}, schema, rows...))
	require.Equal(t, "[\n{\"n\":1,\"a \\\"b\\\"\":[\n]},\n{\"n\":2,\"a \\\"b\\\"\":null}\n]\n", encode(t, jsonfmt.Document{}, schema, rows...))
	require.Empty(t, encode(t, jsonfmt.Lines{}, schema))
	require.Equal(t, "[\n]\n", encode(t, jsonfmt.Document{}, schema))

	f := jsonfmt.Document{}
	document := f.AppendDocumentStart(nil)
	for i, name := range []string{"runs", "none"} {
		document = append(f.AppendDatasetStart(document, i, name), encode(t, f, schema, rows[:1-i]...)...)
	}
	document = f.AppendDocumentEnd(document)
	require.Equal(t, "{\n\"runs\":[\n{\"n\":1,\"a \\\"b\\\"\":[\n]}\n]\n,\"none\":[\n]\n}\n", string(document))
}

func TestInvalidUTF8IsADataError(t *testing.T) {
	t.Parallel()
	schema := source.Schema{{Name: "id", Kind: source.Int64}, {Name: "note", Kind: source.String}}
	for _, cell := range []string{"\xff", "secret \xc3", "secret and long \xed\xa0\x80 enough", "\xf4\x90\x80\x80"} {
		b := source.NewBatch(schema, 0, 0)
		b.Col(0).AppendInt64(1)
		require.NoError(t, b.Col(1).AppendString(cell))
		b.EndRow()
		for _, f := range []format.Formatter{jsonfmt.Lines{}, jsonfmt.Document{}} {
			var file bytes.Buffer
			w, err := f.NewWriter(&file, schema)
			require.NoError(t, err)
			err = w.Write(b)
			var data *source.DataError
			require.ErrorAs(t, err, &data)
			require.Empty(t, cmp.Diff(&source.DataError{Column: "note", Rule: "not valid UTF-8"}, data))
			require.NotContains(t, err.Error(), "secret")
		}
	}
}

// FuzzR16_JSONRoundTrip reads both layouts with encoding/json.
func FuzzR16_JSONRoundTrip(f *testing.F) {
	for _, text := range []string{"", "a", `"`, `\`, "\x00", "abcdefg\"", "abcdefgh\"", "\u2028", "\ufeff", "é漢👩🏽‍🚀", "\x7f\u0080", "1234567\n89012345\t", strings.Repeat("\x01", 100), "\xff"} {
		f.Add(text, "x"+text, int64(-1<<63))
		f.Add(text+text, text, int64(1<<53+1))
	}
	schema := source.Schema{{Name: "text", Kind: source.String}, {Name: "n", Kind: source.Int64}, {Name: "raw", Kind: source.JSON}}
	f.Fuzz(func(t *testing.T, text, raw string, n int64) {
		if !utf8.ValidString(raw) || !json.Valid([]byte(raw)) {
			raw = "[" + plainJSON(t, strings.ToValidUTF8(raw, "?")) + "]"
		}
		b := source.NewBatch(schema, 0, 0)
		for range 2 {
			b.Col(1).AppendInt64(n)
			require.NoError(t, errors.Join(b.Col(0).AppendString(text), b.Col(2).AppendString(raw)))
			b.EndRow()
		}
		blocks, err := jsonfmt.Lines{}.Blocks(schema)
		require.NoError(t, err)
		lines, err := blocks.AppendRows(nil, b)
		if !utf8.ValidString(text) {
			var data *source.DataError
			require.ErrorAs(t, err, &data)
			return
		}
		require.NoError(t, err)
		require.Equal(t, 2, bytes.Count(lines, []byte("\n")))
		require.Zero(t, bytes.Count(lines, []byte("\r")))
		table, err := reader{}.lines(lines, schema)
		require.NoError(t, err)
		checkRows(t, table, text, n, raw)

		blocks, err = jsonfmt.Document{}.Blocks(schema)
		require.NoError(t, err)
		file, err := blocks.AppendRows(blocks.AppendHeader(nil), b)
		require.NoError(t, err)
		table, err = reader{}.array(blocks.AppendFooter(file), schema)
		require.NoError(t, err)
		checkRows(t, table, text, n, raw)
	})
}

func checkRows(t *testing.T, table formattest.Table, text string, n int64, raw string) {
	t.Helper()
	require.Len(t, table.Rows, 2)
	for _, row := range table.Rows {
		require.Equal(t, formattest.Cell{Text: text}, row[0])
		var got json.Number
		require.NoError(t, json.Unmarshal([]byte(row[1].Text), &got))
		whole, err := got.Int64()
		require.NoError(t, err)
		require.Equal(t, n, whole)
		if strings.TrimSpace(raw) == "null" {
			require.True(t, row[2].Null)
			continue
		}
		require.Equal(t, compact(t, raw), compact(t, row[2].Text))
	}
}

func compact(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, json.Compact(&b, []byte(text)))
	return b.String()
}

// plainJSON is a text as encoding/json writes it without its HTML escapes.
func plainJSON(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	require.NoError(t, enc.Encode(text))
	return strings.TrimSuffix(b.String(), "\n")
}
