package parquetfmt_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/parquetfmt"
	"github.com/exportyard/exportyard/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// everyKind has each kind twice, required and not, and decimals at each border
// of their three forms.
func everyKind() source.Schema {
	kinds := []source.Kind{
		source.Bool, source.Int64, source.Float64, source.String, source.Bytes, source.Date, source.Timestamp,
		source.DateTime, source.UUID, source.JSON, source.Decimal(1, 0), source.Decimal(9, 2), source.Decimal(10, 3),
		source.Decimal(18, 18), source.Decimal(19, 4), source.Decimal(38, 0), source.Decimal(38, 38),
	}
	var schema source.Schema
	for _, k := range kinds {
		schema = append(schema,
			source.Field{Name: k.String(), Kind: k},
			source.Field{Name: k.String() + " required", Kind: k, Required: true})
	}
	return schema
}

// kindsOnce has each kind once, every second with nulls.
func kindsOnce() source.Schema {
	var schema source.Schema
	for i, f := range everyKind() {
		if i%4 == 0 || i%4 == 3 {
			schema = append(schema, f)
		}
	}
	return schema
}

// extremes are texts of cells by kind, the hardest of each.
func extremes(k source.Kind) []string {
	switch k.Base() {
	case source.Bool:
		return []string{"false", "true"}
	case source.Int64:
		return []string{"0", "-9223372036854775808", "9223372036854775807", "-1"}
	case source.Float64:
		return []string{"0", "NaN", "Infinity", "-Infinity", "-0", "1.7976931348623157e308", "5e-324", "0.1"}
	case source.AnyDecimal:
		digits := strings.Repeat("9", k.Precision()-k.Scale()) + "." + strings.Repeat("9", k.Scale())
		return []string{"0", digits, "-" + digits, "-" + strings.Repeat("0", k.Precision()-k.Scale()) + "." + strings.Repeat("0", max(k.Scale()-1, 0)) + "1"[:min(k.Scale(), 1)]}
	case source.String:
		return []string{"", "\x00", "\ufeff", "a\r\nb", "∅", "\U0010ffff", strings.Repeat("é", 100), "null"}
	case source.Bytes:
		return []string{"", "AA==", "/////w==", "gIGC"}
	case source.Date:
		return []string{"1970-01-01", "0001-01-01", "9999-12-31", "1969-12-31"}
	case source.Timestamp:
		return []string{"1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"}
	case source.DateTime:
		return []string{"1970-01-01T00:00:00", "0001-01-01T00:00:00", "9999-12-31T23:59:59.999999", "1969-12-31T23:59:59.999999"}
	case source.UUID:
		return []string{"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "80000000-0000-0000-0000-000000000001"}
	default:
		return []string{"null", `{"a": 1e400,  "b":[]}`, `""`, "0.10"}
	}
}

// fillExtremes appends rows whose cells walk through the extremes, every third
// cell of an optional column null, at another place in each column.
func fillExtremes(t testing.TB, b *source.Batch, from, rows int) {
	t.Helper()
	for row := from; row < from+rows; row++ {
		for i, f := range b.Schema() {
			if !f.Required && (row+i)%3 == 0 {
				b.Col(i).AppendNull()
				continue
			}
			all := extremes(f.Kind)
			require.NoError(t, source.ParseText(b.Col(i), all[(row+i)%len(all)]))
		}
		b.EndRow()
	}
}

func codecs() []format.Compression {
	return []format.Compression{"", format.None, format.Gzip, format.Zstd}
}

func codecName(c format.Compression) string {
	if c == "" {
		return "snappy"
	}
	return string(c)
}

func TestR16_ParquetRoundTripOfEveryKind(t *testing.T) {
	t.Parallel()
	schema := everyKind()
	for _, codec := range codecs() {
		t.Run(codecName(codec), func(t *testing.T) {
			t.Parallel()
			b := source.NewBatch(schema, 0, 0)
			fillExtremes(t, b, 0, 200)
			file := writeFile(t, parquetfmt.Format{Compression: codec}, schema, b)
			requireCells(t, texts(schema, b), readColumns(t, file, schema))
		})
	}
}
