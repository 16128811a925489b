package parquetfmt_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/exportyard/exportyard/format/parquetfmt"
	"github.com/exportyard/exportyard/source"
)

// appendRandom appends a random cell. Half of the numbers are small, half of
// any size; strings and bytes repeat or not by chance.
func appendRandom(t testing.TB, r *rand.Rand, v *source.Vector) {
	t.Helper()
	whole := int64(r.Uint64())
	if r.IntN(2) == 0 {
		whole = r.Int64N(201) - 100
	}
	switch k := v.Kind(); k.Base() {
	case source.Bool:
		v.AppendBool(whole&1 == 0)
	case source.Int64:
		v.AppendInt64(whole)
	case source.Float64:
		v.AppendFloat64(math.Float64frombits(uint64(whole)))
	case source.AnyDecimal:
		v.AppendDecimal(randomDecimal(r, k.Precision()))
	case source.Date:
		v.AppendInt64(whole % 700000)
	case source.Timestamp, source.DateTime:
		v.AppendInt64(whole % 62135596800000000)
	case source.UUID:
		var u [16]byte
		binary.BigEndian.PutUint64(u[:], uint64(whole))
		v.AppendUUID(u)
	case source.Bytes:
		require.NoError(t, v.AppendBytes([]byte(strings.Repeat(string([]byte{byte(whole) &^ 1}), r.IntN(100)))))
	case source.JSON:
		require.NoError(t, v.AppendString(fmt.Sprintf(`{"n": %d}`, whole)))
	default:
		require.NoError(t, v.AppendString(strings.Repeat(string(rune(whole&0x3ff)), r.IntN(70))))
	}
}

// randomDecimal returns a number of at most precision digits, of either sign.
func randomDecimal(r *rand.Rand, precision int) source.Int128 {
	digits := make([]byte, 1+r.IntN(precision))
	for i := range digits {
		digits[i] = '0' + byte(r.IntN(10))
	}
	x, err := source.ParseDecimal(digits, precision, 0, false)
	if err != nil {
		panic(err)
	}
	if r.IntN(2) == 0 {
		x = x.Neg()
	}
	return x
}

// randomBatch returns rows of random cells, a share of them null.
func randomBatch(t testing.TB, r *rand.Rand, schema source.Schema, rows int, nulls float64) *source.Batch {
	t.Helper()
	b := source.NewBatch(schema, 0, 0)
	for range rows {
		for i, f := range schema {
			if !f.Required && r.Float64() < nulls {
				b.Col(i).AppendNull()
			} else {
				appendRandom(t, r, b.Col(i))
			}
		}
		b.EndRow()
	}
	return b
}

// cut returns the rows of b in batches of n rows.
func cut(t testing.TB, b *source.Batch, n int) []*source.Batch {
	t.Helper()
	var out []*source.Batch
	for row := range b.Len() {
		if row%n == 0 {
			out = append(out, source.NewBatch(b.Schema(), 0, 0))
		}
		copyRow(t, out[len(out)-1], b, row)
	}
	return out
}

func copyRow(t testing.TB, dst, src *source.Batch, row int) {
	t.Helper()
	for i := range src.Schema() {
		copyCell(t, dst.Col(i), src.Col(i), row)
	}
	dst.EndRow()
}

func copyCell(t testing.TB, dst, src *source.Vector, row int) {
	t.Helper()
	switch k := src.Kind(); {
	case src.Null(row):
		dst.AppendNull()
	case k == source.Bool:
		dst.AppendBool(src.Bools()[row])
	case k == source.Float64:
		dst.AppendFloat64(src.Float64s()[row])
	case k == source.UUID:
		dst.AppendUUID(src.UUIDs()[row])
	case k.Base() == source.AnyDecimal:
		dst.AppendDecimal(src.Decimal(row))
	case k.Variable():
		require.NoError(t, dst.AppendBytes(src.Bytes(row)))
	default:
		dst.AppendInt64(src.Int64s()[row])
	}
}

func TestR16_ParquetNullsInEveryPosition(t *testing.T) {
	t.Parallel()
	schema := kindsOnce()
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		f := parquetfmt.Format{
			RowGroupRows:  rapid.SampledFrom([]int{0, 1, 7, 8, 9, 64}).Draw(rt, "group rows"),
			RowGroupBytes: rapid.SampledFrom([]int{0, 1, 10_000}).Draw(rt, "group bytes"),
			Compression:   rapid.SampledFrom(codecs()).Draw(rt, "codec"),
			NoDelta:       rapid.Bool().Draw(rt, "no delta"),
		}
		rows := rapid.IntRange(0, 40).Draw(rt, "rows")
		b := randomBatch(t, r, schema, rows, rapid.SampledFrom([]float64{0, 0.05, 0.5, 0.95, 1}).Draw(rt, "nulls"))
		file := writeFile(t, f, schema, b)
		requireCells(rt, texts(schema, b), readColumns(t, file, schema))
	})
}

func TestR16_ParquetManyRows(t *testing.T) {
	t.Parallel()
	schema := kindsOnce()
	tests := []struct {
		name   string
		format parquetfmt.Format
		rows   int
		groups int
	}{
		{name: "many pages in one row group", rows: 17_000, groups: 1},
		{name: "row groups by rows", format: parquetfmt.Format{RowGroupRows: 999}, rows: 10_000, groups: 11},
		{name: "row groups by bytes", format: parquetfmt.Format{RowGroupBytes: 1 << 19}, rows: 10_000, groups: 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(16, 2))
			var batches []*source.Batch
			for left := tt.rows; left > 0; left -= min(left, 3333) {
				batches = append(batches, randomBatch(t, r, schema, min(left, 3333), 0.1))
			}
			file := writeFile(t, tt.format, schema, batches...)
			require.InDelta(t, tt.groups, len(openFile(t, file).RowGroups()), float64(tt.groups)/2, "row groups")
			requireCells(t, texts(schema, batches...), readColumns(t, file, schema))
		})
	}
}

func TestR16_ParquetLargeCells(t *testing.T) {
	t.Parallel()
	schema := source.Schema{{Name: "s", Kind: source.String}, {Name: "b", Kind: source.Bytes}, {Name: "j", Kind: source.JSON}}
	for _, codec := range codecs() {
		t.Run(codecName(codec), func(t *testing.T) {
			t.Parallel()
			b := source.NewBatch(schema, 0, 0)
			for i := range 12 {
				size := 1
				if i%4 == 1 {
					size = 1 << 20
				}
				text := strings.Repeat(string(rune('a'+i)), size)
				require.NoError(t, b.Col(0).AppendString(text))
				require.NoError(t, b.Col(1).AppendString(text))
				require.NoError(t, b.Col(2).AppendString(`"`+text+`"`))
				b.EndRow()
			}
			file := writeFile(t, parquetfmt.Format{Compression: codec, RowGroupBytes: 4 << 20}, schema, b)
			requireCells(t, texts(schema, b), readColumns(t, file, schema))
		})
	}
}

func TestR16_ParquetHundredsOfColumns(t *testing.T) {
	t.Parallel()
	kinds := everyKind()
	schema := make(source.Schema, 647)
	for i := range schema {
		schema[i] = kinds[i%len(kinds)]
		schema[i].Name = fmt.Sprintf("column %d", 1000-i) // not in the alphabet's order
	}
	b := randomBatch(t, rand.New(rand.NewPCG(647, 1)), schema, 600, 0.3)
	file := writeFile(t, parquetfmt.Format{}, schema, b)
	var names []string
	for _, path := range openFile(t, file).Schema().Columns() {
		require.Len(t, path, 1)
		names = append(names, path[0])
	}
	require.Equal(t, schema.Names(), names)
	requireCells(t, texts(schema, b), readColumns(t, file, schema))
}

func TestR17_ParquetBytesDoNotDependOnBatches(t *testing.T) {
	t.Parallel()
	schema := everyKind()
	// Strings whose dictionary fills up, and rows that weigh nothing.
	schema = append(schema, source.Field{Name: "many", Kind: source.String}, source.Field{Name: "few", Kind: source.String})
	r := rand.New(rand.NewPCG(17, 1))
	b := source.NewBatch(schema, 0, 0)
	for range 2000 {
		for i, f := range schema {
			switch {
			case !f.Required && r.IntN(5) == 0:
				b.Col(i).AppendNull()
			case f.Name == "many":
				require.NoError(t, b.Col(i).AppendString(fmt.Sprint("number ", r.IntN(3000))))
			case f.Name == "few":
				require.NoError(t, b.Col(i).AppendString(fmt.Sprint(r.IntN(5))))
			default:
				appendRandom(t, r, b.Col(i))
			}
		}
		b.EndRow()
	}
	for _, codec := range codecs() {
		t.Run(codecName(codec), func(t *testing.T) {
			t.Parallel()
			f := parquetfmt.Format{Compression: codec, RowGroupRows: 700, RowGroupBytes: 250_000}
			want := writeFile(t, f, schema, b)
			require.Greater(t, len(openFile(t, want).RowGroups()), 2)
			for _, n := range []int{1, 97, 1023} {
				require.Equal(t, want, writeFile(t, f, schema, cut(t, b, n)...), "batches of %d rows", n)
			}
		})
	}
}

// FuzzR16_Parquet reads a schema, options and cells out of the input.
func FuzzR16_Parquet(f *testing.F) {
	f.Add([]byte{}, uint64(0))
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a"), uint64(1))
	f.Add([]byte("\x03\x03\x13\x0arow groups of one row"), uint64(1<<32|1))
	f.Add([]byte("\x04\xff\xfe\xfd\xfc nothing but bytes \x80"), uint64(7<<40|3))
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		r := rand.New(rand.NewPCG(seed, uint64(len(data))))
		kinds := everyKind()
		schema := source.Schema{{Name: "raw", Kind: source.Bytes}}
		for i, c := range data[:min(len(data), 12)] {
			field := kinds[int(c)%len(kinds)]
			field.Name = fmt.Sprint(i)
			schema = append(schema, field)
		}
		b := randomBatch(t, r, schema[1:], len(data), float64(seed%5)/4)
		full := source.NewBatch(schema, 0, 0)
		for row := range b.Len() {
			require.NoError(t, full.Col(0).AppendBytes(data[:row]))
			for i := range schema[1:] {
				copyCell(t, full.Col(i+1), b.Col(i), row)
			}
			full.EndRow()
		}
		format := parquetfmt.Format{
			RowGroupRows: int(seed >> 32 & 0xff), RowGroupBytes: int(seed >> 40 & 0xffff), Compression: codecs()[seed%4],
			NoDelta: seed>>3&1 == 1,
		}
		file := writeFile(t, format, schema, full)
		require.Equal(t, texts(schema, full), readColumns(t, file, schema))
		require.Equal(t, file, writeFile(t, format, schema, cut(t, full, 1+int(seed%7))...))
	})
}
