package xlsxfmt_test

import (
	"math"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/format/xlsxfmt"
	"github.com/exportyard/exportyard/source"
)

// FuzzR16_XLSXRoundTrip writes a row of every kind and reads it back.
func FuzzR16_XLSXRoundTrip(f *testing.F) {
	f.Add("", int64(0), 0.0, int64(0), uint64(0), uint8(0))
	f.Add("_x0041\x01_x005F_", int64(math.MaxInt64), math.Copysign(0, -1), int64(-1), uint64(math.MaxUint64), uint8(38))
	f.Add(" \r\n\t&<>]]>\uffff\ufffe", int64(math.MinInt64), math.NaN(), int64(5421010862427522170), uint64(687399551400673280), uint8(19))
	f.Add("=1+1", int64(1<<53), 5e-324, int64(0), uint64(123456789012345000), uint8(3))
	f.Add("👩🏽‍🚀", int64(-2203891200000001), math.Inf(-1), int64(0), uint64(1), uint8(16))
	f.Add("\x00", int64(3453148800000001), 1e21, int64(0), uint64(999999999999999), uint8(1))
	f.Fuzz(func(t *testing.T, text string, whole int64, float float64, high int64, low uint64, scale uint8) {
		if !utf8.ValidString(text) || len(utf16.Encode([]rune(text))) > xlsxfmt.MaxCell {
			return
		}
		decimals := source.Decimal(38, int(scale)%39)
		schema := source.Schema{
			{Name: text, Kind: source.String},
			{Name: text + "2", Kind: source.Int64},
			{Name: text + "3", Kind: source.Float64},
			{Name: text + "4", Kind: decimals},
			{Name: text + "5", Kind: source.Date},
			{Name: text + "6", Kind: source.Timestamp},
			{Name: text + "7", Kind: source.DateTime},
			{Name: text + "8", Kind: source.Bytes},
		}
		b := source.NewBatch(schema, 0, 0)
		require.NoError(t, b.Col(0).AppendString(text))
		b.Col(1).AppendInt64(whole)
		b.Col(2).AppendFloat64(float)
		if x := (source.Int128{Hi: high, Lo: low}); x.Fits(38) {
			b.Col(3).AppendDecimal(x)
		} else {
			b.Col(3).AppendNull()
		}
		micros := source.MinMicro + int64(uint64(whole)%uint64(source.MaxMicro-source.MinMicro+1))
		b.Col(4).AppendInt64(source.Day(source.Instant(source.Timestamp, micros)))
		b.Col(5).AppendInt64(micros)
		b.Col(6).AppendInt64(micros)
		require.NoError(t, b.Col(7).AppendString(text[:len(text)/2]))
		b.EndRow()

		if len(utf16.Encode([]rune(text+"2"))) > xlsxfmt.MaxCell {
			return
		}
		got, err := decode(encode(t, xlsxfmt.Format{}, schema, b), schema)
		require.NoError(t, err)
		want := formattest.Table{Names: schema.Names(), Rows: [][]formattest.Cell{nil}}
		for c := range schema {
			cell := formattest.Cell{Text: string(source.AppendText(nil, b.Col(c), 0)), Null: b.Col(c).Null(0)}
			want.Rows[0] = append(want.Rows[0], cell)
		}
		require.Empty(t, cmp.Diff(want, got))
	})
}
