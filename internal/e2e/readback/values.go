package readback

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/source"
)

// HostileName is the name of a column that every format has to quote.
const HostileName = `=1+1, "a";'b` + "\tc"

// Values are datasets that hold every kind at its extremes, with nulls, the
// naughty strings and more hostile ones in every column of text. The second one has
// the texts with U+0000, which PostgreSQL cannot hold.
func Values(t testing.TB) Datasets {
	t.Helper()
	texts := append(Naughty(t), hostile()...)
	columns := []column{
		{source.Field{Name: "flag", Kind: source.Bool}, []string{"true", "false"}},
		{source.Field{Name: "whole", Kind: source.Int64}, []string{
			"0", "-1", "9007199254740992", "-9007199254740992", "9007199254740993", "-9007199254740993", "9223372036854775807", "-9223372036854775808",
		}},
		{source.Field{Name: "float", Kind: source.Float64}, []string{
			"0", "-0", "1", "-1.5", "0.1", "100000000000000000000", "1e+21", "0.000001", "1e-07", "123456789.12345679",
			"1.7976931348623157e+308", "-1.7976931348623157e+308", "2.2250738585072014e-308", "5e-324", "-5e-324", "NaN", "Infinity", "-Infinity",
		}},
	}
	for _, k := range [][2]int{{1, 0}, {4, 4}, {9, 0}, {9, 2}, {10, 10}, {18, 0}, {18, 4}, {19, 0}, {28, 6}, {38, 0}, {38, 10}, {38, 38}} {
		columns = append(columns, column{source.Field{Name: fmt.Sprintf("d%d_%d", k[0], k[1]), Kind: source.Decimal(k[0], k[1])}, decimals(k[0], k[1])})
	}
	columns = append(columns,
		column{source.Field{Name: "text", Kind: source.String}, texts},
		column{source.Field{Name: HostileName, Kind: source.String, Required: true}, texts[1:]},
		column{source.Field{Name: "json", Kind: source.JSON}, append(jsonStrings(texts), `"\u0000"`, `{"b":1,"a":[1, 2.50,null],"b":2}`, " [ 1 ,\r\n\t{ \"k\" : \"v, w\" } ] ",
			"null", "true", "{}", "[]", "-0", "0.10", "1E400", "123456789012345678901234567890.00", `"\ud83d\ude00\/"`)},
		column{source.Field{Name: "bytes", Kind: source.Bytes}, bytesOf(texts)},
		column{source.Field{Name: "day", Kind: source.Date}, []string{"0001-01-01", "1582-10-15", "1900-02-28", "1900-03-01", "1969-12-31", "1970-01-01", "2000-02-29", "9999-12-31"}},
		column{source.Field{Name: "at", Kind: source.Timestamp}, []string{
			"0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00Z", "2026-10-25T01:30:00.000001Z", "2100-01-01T00:00:00.250000Z", "9999-12-31T23:59:59.999999Z",
		}},
		column{source.Field{Name: "clock", Kind: source.DateTime}, []string{
			"0001-01-01T00:00:00", "1969-12-31T23:59:59.999999", "2026-03-29T02:30:00", "2026-10-25T01:30:00.120000", "9999-12-31T23:59:59.999999",
		}},
		column{source.Field{Name: "uuid", Kind: source.UUID}, []string{
			"00000000-0000-0000-0000-000000000000", "0190163d-8694-739b-aea5-966c26f8ad91", "ffffffff-ffff-ffff-ffff-ffffffffffff",
		}},
	)
	return Datasets{
		newDataset("values", columns...),
		newDataset("zero bytes", column{source.Field{Name: "text", Kind: source.String}, []string{"\x00", "a\x00b", "\x00=1", "a,\x00", "\x00\r\n\""}}),
	}
}

// decimals are the largest, the smallest, those next to zero, and some of each
// sign and length.
func decimals(precision, scale int) []string {
	out := []string{decimal("0", scale)}
	for n := 1; n <= precision; n = n*2 + 1 {
		digits := strings.Repeat("1234567890", 4)[:n]
		out = append(out, decimal(digits, scale), "-"+decimal(digits, scale))
	}
	for _, digits := range []string{"1", strings.Repeat("9", precision), "1" + strings.Repeat("0", precision-1)} {
		out = append(out, decimal(digits, scale), "-"+decimal(digits, scale))
	}
	return out
}

// decimal puts the point of a scale into digits.
func decimal(digits string, scale int) string {
	if scale == 0 {
		return digits
	}
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	return digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
}

// MixedSigns has a column of each width that Parquet stores decimals in, whose
// values go from the least over zero to the greatest: row groups of one sign, of
// both, and one of nulls alone.
func MixedSigns() Dataset {
	var columns []column
	for _, k := range [][2]int{{9, 2}, {9, 9}, {18, 4}, {18, 0}, {19, 0}, {38, 10}, {38, 38}} {
		precision, scale := k[0], k[1]
		var values []string
		for n := precision; n > 0; n-- {
			values = append(values, "-"+decimal(strings.Repeat("9", n), scale), "-"+decimal(strings.Repeat("2", n), scale))
		}
		values = append(values, decimal("0", scale))
		for n := 1; n <= precision; n++ {
			values = append(values, decimal(strings.Repeat("2", n), scale), decimal(strings.Repeat("9", n), scale))
		}
		columns = append(columns, column{source.Field{Name: fmt.Sprintf("d%d_%d", precision, scale), Kind: source.Decimal(precision, scale)}, values})
	}
	d := newDataset("mixed signs", columns...)
	for range 2 * RowGroupRows {
		row := []formattest.Cell{{Text: strconv.Itoa(len(d.Rows) + 1)}}
		for range columns {
			row = append(row, formattest.Cell{Null: true})
		}
		d.Rows = append(d.Rows, row)
	}
	return d
}

// triggers begin what a spreadsheet may run as a formula.
var triggers = []string{"=", "+", "-", "@", "＝", "＋", "－", "＠"}

// hostile are texts that break files, that readers take for something else, and
// that spreadsheets run. As a JSON string the longest is all that a cell of XLSX
// holds.
func hostile() []string {
	out := []string{
		"", " ", `\N`, `\.`, `\.` + "\n", "NULL", "null", `"`, `""`, `"""`, "'", "''a", `\`, `\\`, `\"`, "a,b;c\td|e", `a "quoted" b`,
		"line\nline", "line\r\nline", "line\rline", "\r", "\n", "\r\n", "\t", "\r\n\r\n", "\"\r\n\"", "\x01\x02\x1f\x7f", "\u0080\u0085\u009f",
		"\ufeff", "\ufeffa", "\u2028\u2029", "\ufffd", "\ufffe\uffff", "\U0010ffff", "e\u0301", "\u202eright to left", "👩🏽‍🚀", " leading", "trailing ", "two  spaces",
		"007", "1e5", "1-2", "1/2", "12:30", "2026-10-25", "TRUE", "#N/A", "NaN", "-Infinity", "1,5", "1.000", "$5", "5%", "0x1F", "123456789012345678901",
		"_x0041_", "_x005F_x0041_", "<b>&amp;</b>", "]]>", "{=1+1}", "=cmd|' /C calc'!A0", `=HYPERLINK("http://a.example";"b")`, `=WEBSERVICE("http://a.example")`, "=1+1\r\n=2",
		"#!/bin/sh", "# comment", "-- comment", "a;=1+1", "a,=1+1", "a\t=1+1", "a\n=1+1", "a\r=1+1", `a"=1+1`, strings.Repeat("x", 32765), strings.Repeat("\"\r\n,", 2000),
	}
	for _, trigger := range triggers {
		for _, before := range []string{"", " ", "\t", "\r", "\n", "\r\n", "\ufeff", `"`, "'", ";", ",", "\u00a0", "\u200b"} {
			out = append(out, before+trigger+"1+1")
		}
		out = append(out, trigger)
	}
	return out
}

func jsonStrings(texts []string) []string {
	var out []string
	for _, text := range texts {
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(text); err != nil {
			panic(err) // a string can be encoded
		}
		out = append(out, strings.TrimSuffix(b.String(), "\n"))
	}
	return out
}

func bytesOf(texts []string) []string {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	out := []string{base64.StdEncoding.EncodeToString(all)}
	for _, text := range texts {
		if len(text) < 20_000 { // in base64 it is a third longer, and a cell of XLSX has an end
			out = append(out, base64.StdEncoding.EncodeToString([]byte(text)))
		}
	}
	return out
}
