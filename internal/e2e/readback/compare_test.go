package readback_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/internal/e2e/readback"
	"github.com/exportyard/exportyard/source"
)

// What the tests take for equal is what a reader may write differently, and no more.
func TestRules(t *testing.T) {
	t.Parallel()
	null := "∅"
	python := readback.SameJSON(readback.PythonNumber)
	double := readback.SameJSON(readback.Double)
	for _, tt := range []struct {
		name      string
		rule      readback.Rule
		kind      source.Kind
		want, got string
		same      bool
	}{
		{"a text", readback.Equal, source.String, "a", "a", true},
		{"another text", readback.Equal, source.String, "a", "a ", false},
		{"a text like a number", readback.Equal, source.String, "1e3", "1000", false},
		{"null for an empty text", readback.Equal, source.String, "", null, false},
		{"an empty text for null", readback.Equal, source.String, null, "", false},
		{"an empty text for null in CSV", readback.EmptyIsNull, source.String, null, "", true},
		{"a text for null in CSV", readback.EmptyIsNull, source.String, null, "a", false},
		{"infinity by its short name", readback.Equal, source.Float64, "-Infinity", "-inf", true},
		{"infinity of the other sign", readback.Equal, source.Float64, "-Infinity", "inf", false},
		{"minus zero", readback.Equal, source.Float64, "-0", "-0.0", true},
		{"zero for minus zero", readback.Equal, source.Float64, "-0", "0.0", false},
		{"a decimal without a zero before the point", readback.Equal, source.Decimal(4, 4), "-0.0100", "-.0100", true},
		{"a decimal without a zero at the end", readback.Equal, source.Decimal(4, 4), "0.0100", "0.01", false},
		{"a decimal with another last digit", readback.Equal, source.Decimal(38, 0), "99999999999999999999999999999999999999", "99999999999999999999999999999999999998", false},
		{"a time of a database", readback.Equal, source.Timestamp, "2026-10-25T01:30:00.120000Z", "2026-10-25 01:30:00.12+00", true},
		{"a microsecond later", readback.Equal, source.Timestamp, "2026-10-25T01:30:00.120000Z", "2026-10-25 01:30:00.120001+00", false},
		{"JSON is verbatim", readback.Equal, source.JSON, `{"a": 1}`, `{"a":1}`, false},
		{"JSON as a value", python, source.JSON, `{"b": "\u0061", "a": [1.50]}`, `{"a":[{"":"1.50"}],"b":"a"}`, true},
		{"JSON with another number", python, source.JSON, `[1.50]`, `[{"":"1.5"}]`, false},
		{"JSON with a string for a number", python, source.JSON, `[1.50]`, `["1.50"]`, false},
		{"JSON null", python, source.JSON, "null", null, true},
		{"JSON with a double", double, source.JSON, `[1.50, -0, 1E400]`, `[1.5,0,1E400]`, true},
		{"JSON with another double", double, source.JSON, `[1.50]`, `[1.6]`, false},
		{"JSON with another integer", double, source.JSON, `[9007199254740993]`, `[9007199254740992]`, false},
		{"no JSON", double, source.JSON, `[1]`, `[1`, false},
		{"JSON's rule for a text", double, source.String, "1.50", "1.5", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cell := func(text string) formattest.Cell {
				if text == null {
					return formattest.Cell{Null: true}
				}
				return formattest.Cell{Text: text}
			}
			require.Equal(t, tt.same, tt.rule(source.Field{Name: "c", Kind: tt.kind}, cell(tt.want), cell(tt.got)))
		})
	}
}
