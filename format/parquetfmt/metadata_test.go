package parquetfmt_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go/deprecated"
	parquet "github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format/parquetfmt"
	"github.com/exportyard/exportyard/source"
)

func TestR16_ParquetSchema(t *testing.T) {
	t.Parallel()
	utc := &parquet.TimestampType{IsAdjustedToUTC: true, Unit: parquet.TimeUnit{Value: &parquet.MicroSeconds{}}}
	local := &parquet.TimestampType{Unit: parquet.TimeUnit{Value: &parquet.MicroSeconds{}}}
	tests := []struct {
		name      string // of the column, kept as it is
		kind      source.Kind
		physical  parquet.Type
		length    int32
		logical   parquet.LogicalTypeValue
		converted deprecated.ConvertedType // -1: none
	}{
		{name: "zebra", kind: source.Bool, physical: parquet.Boolean, converted: -1},
		{name: "a.b", kind: source.Int64, physical: parquet.Int64, logical: &parquet.IntType{BitWidth: 64, IsSigned: true}, converted: deprecated.Int64},
		{name: "Ärger, \"quoted\"\n", kind: source.Float64, physical: parquet.Double, converted: -1},
		{name: " ", kind: source.String, physical: parquet.ByteArray, logical: &parquet.StringType{}, converted: deprecated.UTF8},
		{name: "raw", kind: source.Bytes, physical: parquet.ByteArray, converted: -1},
		{name: "day", kind: source.Date, physical: parquet.Int32, logical: &parquet.DateType{}, converted: deprecated.Date},
		{name: "at", kind: source.Timestamp, physical: parquet.Int64, logical: utc, converted: deprecated.TimestampMicros},
		{name: "wall", kind: source.DateTime, physical: parquet.Int64, logical: local, converted: -1},
		{name: "id", kind: source.UUID, physical: parquet.FixedLenByteArray, length: 16, logical: &parquet.UUIDType{}, converted: -1},
		{name: "doc", kind: source.JSON, physical: parquet.ByteArray, logical: &parquet.JsonType{}, converted: deprecated.Json},
		{name: "d9", kind: source.Decimal(9, 9), physical: parquet.Int32, logical: &parquet.DecimalType{Scale: 9, Precision: 9}, converted: deprecated.Decimal},
		{name: "d10", kind: source.Decimal(10, 0), physical: parquet.Int64, logical: &parquet.DecimalType{Precision: 10}, converted: deprecated.Decimal},
		{name: "d18", kind: source.Decimal(18, 2), physical: parquet.Int64, logical: &parquet.DecimalType{Scale: 2, Precision: 18}, converted: deprecated.Decimal},
		{name: "d19", kind: source.Decimal(19, 4), physical: parquet.FixedLenByteArray, length: 16, logical: &parquet.DecimalType{Scale: 4, Precision: 19}, converted: deprecated.Decimal},
	}
	var schema source.Schema
	for i, tt := range tests {
		schema = append(schema, source.Field{Name: tt.name, Kind: tt.kind, Required: i%2 == 1})
	}
	meta := openFile(t, writeFile(t, parquetfmt.Format{}, schema)).Metadata()
	require.Equal(t, "exportyard version 2 (build parquetfmt)", meta.CreatedBy)
	require.Empty(t, meta.KeyValueMetadata)
	require.Len(t, meta.ColumnOrders, len(schema), "without orders readers ignore bounds")
	require.Len(t, meta.Schema, len(schema)+1)
	require.EqualValues(t, len(schema), meta.Schema[0].NumChildren.V)
	for i, tt := range tests {
		elem := meta.Schema[i+1]
		require.Equal(t, tt.name, elem.Name)
		require.Equal(t, tt.physical, elem.Type.V, tt.name)
		require.Equal(t, tt.length, elem.TypeLength.V, tt.name)
		require.Empty(t, cmp.Diff(tt.logical, elem.LogicalType.Value), tt.name)
		require.Equal(t, tt.converted >= 0, elem.ConvertedType.Valid, tt.name)
		require.Equal(t, max(0, tt.converted), elem.ConvertedType.V, tt.name)
		require.Equal(t, map[bool]parquet.FieldRepetitionType{true: parquet.Required, false: parquet.Optional}[i%2 == 1], elem.RepetitionType.V, tt.name)
		require.EqualValues(t, tt.kind.Precision(), elem.Precision.V)
		require.EqualValues(t, tt.kind.Scale(), elem.Scale.V)
	}
}

func TestR16_ParquetFileWithoutRows(t *testing.T) {
	t.Parallel()
	schema := everyKind()
	empty := source.NewBatch(schema, 0, 0)
	for _, file := range [][]byte{writeFile(t, parquetfmt.Format{}, schema), writeFile(t, parquetfmt.Format{}, schema, empty, empty)} {
		f := openFile(t, file)
		require.Zero(t, f.NumRows())
		require.Empty(t, f.RowGroups())
		require.Len(t, f.Schema().Columns(), len(schema))
	}
}

func TestR16_ParquetBoundsAndNulls(t *testing.T) {
	t.Parallel()
	schema := everyKind()
	r := rand.New(rand.NewPCG(3, 3))
	b := randomBatch(t, r, schema, 3000, 0.2)
	const rows = 250
	meta := openFile(t, writeFile(t, parquetfmt.Format{RowGroupRows: rows}, schema, b)).Metadata()
	require.Len(t, meta.RowGroups, 12)
	for g, group := range meta.RowGroups {
		require.EqualValues(t, g, group.Ordinal)
		for i, f := range schema {
			stats := group.Columns[i].MetaData.Statistics
			checkBounds(t, f.Kind, b.Col(i), g*rows, (g+1)*rows, stats)
		}
	}
}

// checkBounds compares the statistics of a column chunk with its cells lo to hi.
func checkBounds(t *testing.T, kind source.Kind, v *source.Vector, lo, hi int, stats parquet.Statistics) {
	t.Helper()
	require.Empty(t, stats.Min, "the older bounds have no defined order")
	require.Empty(t, stats.Max)
	nulls, nan := 0, false
	var tightMin, tightMax bool
	for i := lo; i < hi; i++ {
		if v.Null(i) {
			nulls++
			continue
		}
		if kind == source.Float64 && math.IsNaN(v.Float64s()[i]) {
			nan = true
			continue
		}
		if kind == source.JSON || stats.MinValue == nil {
			continue
		}
		atMin, atMax := compareBound(v, i, stats.MinValue), compareBound(v, i, stats.MaxValue)
		if atMin < 0 || atMax > 0 {
			t.Fatalf("a %v is not within its bounds: %d, %d", kind, atMin, atMax)
		}
		tightMin, tightMax = tightMin || atMin == 0, tightMax || atMax == 0
	}
	require.EqualValues(t, nulls, stats.NullCount)
	if kind == source.JSON || nan || nulls == hi-lo {
		require.Nil(t, stats.MinValue)
		require.Nil(t, stats.MaxValue)
		return
	}
	require.NotNil(t, stats.MinValue, kind)
	require.NotNil(t, stats.MaxValue, kind)
	if len(stats.MinValue) < 60 && len(stats.MaxValue) < 60 { // not cut
		require.True(t, tightMin && tightMax, "bounds of %v that no cell has", kind)
	}
}

// compareBound compares cell i with a bound, as a reader decodes and orders it.
func compareBound(v *source.Vector, i int, bound []byte) int {
	order := func(less, equal bool) int {
		switch {
		case less:
			return -1
		case equal:
			return 0
		default:
			return 1
		}
	}
	switch k := v.Kind(); k.Base() {
	case source.Bool:
		x := v.Bools()[i]
		return order(!x && bound[0] == 1, x == (bound[0] == 1))
	case source.Float64:
		x, y := v.Float64s()[i], math.Float64frombits(binary.LittleEndian.Uint64(bound))
		return order(x < y, x == y)
	case source.UUID:
		u := v.UUIDs()[i]
		return bytes.Compare(u[:], bound)
	case source.AnyDecimal:
		switch len(bound) {
		case 16:
			return v.Decimal(i).Cmp(wideOf(bound))
		case 8:
			return v.Decimal(i).Cmp(source.Int128From(int64(binary.LittleEndian.Uint64(bound))))
		default:
			return v.Decimal(i).Cmp(source.Int128From(int64(int32(binary.LittleEndian.Uint32(bound)))))
		}
	case source.String, source.Bytes:
		return bytes.Compare(v.Bytes(i), bound)
	case source.Date:
		y := int64(int32(binary.LittleEndian.Uint32(bound)))
		return order(v.Int64s()[i] < y, v.Int64s()[i] == y)
	default:
		y := int64(binary.LittleEndian.Uint64(bound))
		return order(v.Int64s()[i] < y, v.Int64s()[i] == y)
	}
}

func TestR16_ParquetBoundsOfFloats(t *testing.T) {
	t.Parallel()
	negZero := math.Copysign(0, -1)
	tests := []struct {
		name   string
		values []float64
		lo, hi float64
		none   bool
	}{
		{name: "numbers", values: []float64{2, -1, 3}, lo: -1, hi: 3},
		{name: "infinities", values: []float64{math.Inf(1), 0.5, math.Inf(-1)}, lo: math.Inf(-1), hi: math.Inf(1)},
		{name: "a NaN among numbers", values: []float64{1, math.NaN(), 2}, none: true},
		{name: "a NaN first", values: []float64{math.NaN(), 1}, none: true},
		{name: "nothing but NaN", values: []float64{math.NaN()}, none: true},
		{name: "no values", none: true},
		{name: "zero", values: []float64{0}, lo: negZero, hi: 0},
		{name: "negative zero", values: []float64{negZero}, lo: negZero, hi: 0},
		{name: "zeros below", values: []float64{negZero, 1}, lo: negZero, hi: 1},
		{name: "zeros above", values: []float64{-1, negZero}, lo: -1, hi: 0},
	}
	schema := source.Schema{{Name: "x", Kind: source.Float64}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := source.NewBatch(schema, 0, 0)
			for _, x := range tt.values {
				b.Col(0).AppendFloat64(x)
			}
			b.Col(0).AppendNull()
			require.NoError(t, b.SetLen(len(tt.values)+1))
			stats := openFile(t, writeFile(t, parquetfmt.Format{}, schema, b)).Metadata().RowGroups[0].Columns[0].MetaData.Statistics
			require.EqualValues(t, 1, stats.NullCount)
			if tt.none {
				require.Nil(t, stats.MinValue)
				require.Nil(t, stats.MaxValue)
				return
			}
			require.Equal(t, math.Float64bits(tt.lo), binary.LittleEndian.Uint64(stats.MinValue))
			require.Equal(t, math.Float64bits(tt.hi), binary.LittleEndian.Uint64(stats.MaxValue))
		})
	}
}

func TestR16_ParquetBoundsOfLongStrings(t *testing.T) {
	t.Parallel()
	rep := strings.Repeat
	tests := []struct {
		name   string
		kind   source.Kind
		values []string
		lo, hi string
		none   bool
	}{
		{name: "empty", kind: source.String, values: []string{""}},
		{name: "short", kind: source.String, values: []string{"b", "", "ab"}, lo: "", hi: "b"},
		{name: "as long as a bound", kind: source.String, values: []string{rep("z", 64)}, lo: rep("z", 64), hi: rep("z", 64)},
		{name: "longer", kind: source.String, values: []string{rep("a", 65), rep("z", 65)}, lo: rep("a", 64), hi: rep("z", 63) + "{"},
		{name: "the same beginning", kind: source.String, values: []string{rep("z", 64), rep("z", 70)}, lo: rep("z", 64), hi: rep("z", 63) + "{"},
		{name: "inside a character", kind: source.String, values: []string{"x" + rep("é", 40)}, lo: "x" + rep("é", 31), hi: "x" + rep("é", 30) + "ê"},
		{name: "before the surrogates", kind: source.String, values: []string{"x" + rep("\uD7FF", 30)}, lo: "x" + rep("\uD7FF", 21), hi: "x" + rep("\uD7FF", 20) + "\uE000"},
		{name: "the last character", kind: source.String, values: []string{"m" + rep("\U0010FFFF", 30)}, lo: "m" + rep("\U0010FFFF", 15), hi: "n"},
		{name: "nothing above", kind: source.String, values: []string{"a", rep("\U0010FFFF", 30)}, none: true},
		{name: "bytes", kind: source.Bytes, values: []string{"\xff\x00", rep("\x80", 65)}, lo: rep("\x80", 64), hi: "\xff\x00"},
		{name: "bytes with carry", kind: source.Bytes, values: []string{"\x01" + rep("\xff", 80)}, lo: "\x01" + rep("\xff", 63), hi: "\x02"},
		{name: "no bytes above", kind: source.Bytes, values: []string{"", rep("\xff", 80)}, none: true},
		{name: "JSON", kind: source.JSON, values: []string{"1", "2"}, none: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			schema := source.Schema{{Name: "x", Kind: tt.kind, Required: true}}
			for _, repeat := range []int{1, 10} { // plain, and in a dictionary
				b := source.NewBatch(schema, 0, 0)
				for range repeat {
					for _, x := range tt.values {
						require.NoError(t, b.Col(0).AppendString(x))
						b.EndRow()
					}
				}
				stats := openFile(t, writeFile(t, parquetfmt.Format{}, schema, b)).Metadata().RowGroups[0].Columns[0].MetaData.Statistics
				require.Equal(t, tt.none, stats.MinValue == nil)
				require.Equal(t, tt.none, stats.MaxValue == nil)
				require.Equal(t, tt.lo, string(stats.MinValue))
				require.Equal(t, tt.hi, string(stats.MaxValue))
				require.True(t, tt.kind == source.Bytes || utf8.Valid(stats.MaxValue) && utf8.Valid(stats.MinValue))
			}
		})
	}
}
