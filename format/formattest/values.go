package formattest

import (
	"fmt"
	"strings"

	"github.com/exportyard/exportyard/source"
)

// kinds are those that every schema of the suite draws from.
var kinds = []source.Kind{
	source.Bool, source.Int64, source.Float64,
	source.Decimal(1, 0), source.Decimal(9, 4), source.Decimal(18, 18), source.Decimal(38, 0), source.Decimal(38, 19), source.Decimal(38, 38),
	source.String, source.Bytes, source.Date, source.Timestamp, source.DateTime, source.UUID, source.JSON,
}

// extremes returns texts of a kind at and around its limits.
func extremes(k source.Kind) []string {
	switch k.Base() {
	case source.Bool:
		return []string{"true", "false"}
	case source.Int64:
		return []string{"0", "-1", "9007199254740993", "-9007199254740993", "9223372036854775807", "-9223372036854775808"}
	case source.Float64:
		return []string{
			"0", "-0", "1", "-1.5", "0.1", "100000000000000000000", "1e+21", "0.000001", "1e-07", "123456789.12345679",
			"1.7976931348623157e+308", "5e-324", "NaN", "Infinity", "-Infinity",
		}
	case source.AnyDecimal:
		return extremeDecimals(k.Precision(), k.Scale())
	case source.String:
		return hostileStrings()
	case source.Bytes:
		return []string{"", "AA==", "/+8=", "AAECAwQFBgcICQoLDA0ODw==", "PWNtZA=="}
	case source.Date:
		return []string{"0001-01-01", "1582-10-15", "1969-12-31", "1970-01-01", "2000-02-29", "9999-12-31"}
	case source.Timestamp:
		return []string{"0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00Z", "2026-10-25T01:30:00.000001Z", "9999-12-31T23:59:59.999999Z"}
	case source.DateTime:
		return []string{"0001-01-01T00:00:00", "1969-12-31T23:59:59.999999", "2026-03-29T02:30:00", "2026-10-25T01:30:00.120000", "9999-12-31T23:59:59.999999"}
	case source.UUID:
		return []string{"00000000-0000-0000-0000-000000000000", "0190163d-8694-739b-aea5-966c26f8ad91", "ffffffff-ffff-ffff-ffff-ffffffffffff"}
	default:
		return []string{
			"null", "true", `""`, "{}", "[]", "-0", "0.10", "1E400", "123456789012345678901234567890.00",
			`{"b":1,"a":[1, 2.50,null],"b":2}`, `"\u0026\u2028\ud83d\ude00\/"`, "\"\u2028<&>\"", " [ 1 ,\r\n\t{ \"k\" : \"v, w\" } ] ",
		}
	}
}

func extremeDecimals(precision, scale int) []string {
	number := func(digits string) string {
		whole, fraction := digits[:precision-scale], digits[precision-scale:]
		whole = strings.TrimLeft(whole, "0")
		if whole == "" {
			whole = "0"
		}
		if fraction == "" {
			return whole
		}
		return whole + "." + fraction
	}
	nines, one := number(strings.Repeat("9", precision)), number(strings.Repeat("0", precision-1)+"1")
	return []string{number(strings.Repeat("0", precision)), nines, "-" + nines, one, "-" + one}
}

func hostileStrings() []string {
	return []string{
		"", " ", "a", "null", "NULL", `\N`, "NaN", "0", "true", "a,b;c\td|e", `a "quoted" b`, `"`, `""`, "'", "''a",
		"line\nline", "line\r\nline", "\r", "\n", "\r\n", "\t", "\x00", "a\x00b", "\x01\x1f\x7f", `back\slash`, `\"`, `\u0041`,
		"\ufeff", "\ufeffa", "\u2028\u2029", "\u0085", "é ü ß", "漢字", "👩🏽‍🚀", "\u202eright to left", "e\u0301", "\U0010ffff", "\ufffd",
		"<a href=\"x\">&amp;</a>", "{\"a\":1}", "[", "=1+1", "+1", "-1", "@a", "\t=1", "\r=1", "\n=1", " =1", "＝1", "＋1", "－1", "＠1", "\ufeff=1", "\"=1\"", "'=1",
		" leading", "trailing ", "\u00a0", strings.Repeat("\"", 300), strings.Repeat("ab\r\n", 100),
	}
}

// everyKind returns a schema with a field of every kind and rows that hold the
// extremes of each, short columns beginning again. Every seventh cell, counted
// over rows and columns, is null.
func everyKind() (source.Schema, [][]Cell) {
	schema, longest := make(source.Schema, len(kinds)), 0
	values := make([][]string, len(kinds))
	for c, k := range kinds {
		schema[c] = source.Field{Name: fmt.Sprintf("%v_%d", k, c), Kind: k}
		values[c] = extremes(k)
		longest = max(longest, len(values[c]))
	}
	rows := make([][]Cell, longest)
	for i := range rows {
		rows[i] = make([]Cell, len(kinds))
		for c := range kinds {
			if (i+3*c)%7 == 6 {
				rows[i][c].Null = true
			} else {
				rows[i][c].Text = values[c][i%len(values[c])]
			}
		}
	}
	return schema, rows
}

// column returns a schema of one field and one row for each text.
func column(k source.Kind, texts ...string) (source.Schema, [][]Cell) {
	rows := make([][]Cell, len(texts))
	for i, text := range texts {
		rows[i] = []Cell{{Text: text}}
	}
	return source.Schema{{Name: "value", Kind: k}}, rows
}
