// Package parquet_test reads the files of parquetfmt with a Parquet reader that
// shares nothing with it: hyparquet, which runs on Node.js.
package parquet_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/parquetfmt"
	"github.com/exportyard/exportyard/internal/e2e/readback"
	"github.com/exportyard/exportyard/source"
)

func TestMain(m *testing.M) { os.Exit(readback.Main(m)) }

// A content is what parquet.mjs prints.
type content struct {
	Rows      int
	RowGroups int
	Columns   []column
	Cells     [][]*string
	Lost      int
}

type column struct {
	Name             string
	Physical         string
	Length           int
	Required         bool
	Logical          string
	UTC              bool
	Unit             string
	Precision, Scale int
}

// read returns what the reader finds in a file, and looks up the values of some
// columns.
func read(t *testing.T, file string, lookups ...string) content {
	t.Helper()
	var c content
	readback.Node(t, &c, "parquet.mjs", append([]string{file}, lookups...)...)
	return c
}

// write makes a file of the batches.
func write(t *testing.T, f parquetfmt.Format, schema source.Schema, batches ...*source.Batch) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "test.parquet"))
	require.NoError(t, err)
	w, err := f.NewWriter(file, schema)
	require.NoError(t, err)
	for _, b := range batches {
		require.NoError(t, w.Write(b))
	}
	require.NoError(t, w.Close())
	require.NoError(t, file.Close())
	return file.Name()
}

const null = "∅"

// texts returns the cells as source writes them, by column.
func texts(b *source.Batch) [][]string {
	out := make([][]string, len(b.Schema()))
	for i := range out {
		for row := range b.Len() {
			text := null
			if !b.Col(i).Null(row) {
				text = string(source.AppendText(nil, b.Col(i), row))
			}
			out[i] = append(out[i], text)
		}
	}
	return out
}

// texts returns the cells that the reader found in the same form.
func (c content) texts(t *testing.T, schema source.Schema) [][]string {
	t.Helper()
	out := make([][]string, len(schema))
	for i, f := range schema {
		b := source.NewBatch(source.Schema{f}, 1, 0)
		for _, raw := range c.Cells[i] {
			text := null
			if raw != nil {
				b.Reset()
				appendRaw(t, b.Col(0), c.Columns[i].Physical, *raw)
				text = string(source.AppendText(nil, b.Col(0), 0))
			}
			out[i] = append(out[i], text)
		}
	}
	return out
}

// appendRaw appends a physical value as the format says that the kind is stored.
func appendRaw(t *testing.T, v *source.Vector, physical, raw string) {
	t.Helper()
	var whole int64
	var data []byte
	var err error
	switch physical {
	case "BOOLEAN":
		v.AppendBool(raw == "true")
		return
	case "INT32", "INT64":
		whole, err = strconv.ParseInt(raw, 10, 64)
	default:
		data, err = hex.DecodeString(raw)
	}
	require.NoError(t, err)
	switch v.Kind().Base() {
	case source.Float64:
		v.AppendFloat64(math.Float64frombits(binary.LittleEndian.Uint64(data)))
	case source.UUID:
		v.AppendUUID([16]byte(data))
	case source.AnyDecimal:
		x := source.Int128From(whole)
		if len(data) == 16 {
			x = source.Int128{Hi: int64(binary.BigEndian.Uint64(data)), Lo: binary.BigEndian.Uint64(data[8:])}
		}
		v.AppendDecimal(x)
	case source.String, source.Bytes, source.JSON:
		require.NoError(t, v.AppendBytes(data))
	default:
		v.AppendInt64(whole)
	}
}

// A sample is a column, what the reader must say of it, and texts of cells.
type sample struct {
	kind   source.Kind
	want   column
	values []string
}

func samples() []sample {
	nines := strings.Repeat("9", 38)
	return []sample{
		{source.Bool, column{Physical: "BOOLEAN"}, []string{"true", "false"}},
		{source.Int64, column{Physical: "INT64", Logical: "INTEGER"}, []string{"0", "-9223372036854775808", "9223372036854775807"}},
		{source.Float64, column{Physical: "DOUBLE"}, []string{"0", "NaN", "Infinity", "-Infinity", "-0", "5e-324", "1.7976931348623157e308"}},
		{source.Decimal(9, 2), column{Physical: "INT32", Logical: "DECIMAL", Precision: 9, Scale: 2}, []string{"0.00", "9999999.99", "-9999999.99"}},
		{source.Decimal(18, 0), column{Physical: "INT64", Logical: "DECIMAL", Precision: 18}, []string{nines[:18], "-" + nines[:18], "-1"}},
		{source.Decimal(38, 10), column{Physical: "FIXED_LEN_BYTE_ARRAY", Length: 16, Logical: "DECIMAL", Precision: 38, Scale: 10}, []string{nines[:28] + "." + nines[:10], "-" + nines[:28] + "." + nines[:10], "-0.0000000001", "0"}},
		{source.String, column{Physical: "BYTE_ARRAY", Logical: "STRING"}, []string{"", "a\x00b", "\ufeffé", "\r\n", "\U0010ffff", strings.Repeat("ü", 50)}},
		{source.Bytes, column{Physical: "BYTE_ARRAY"}, []string{"", "AP+A"}},
		{source.Date, column{Physical: "INT32", Logical: "DATE"}, []string{"0001-01-01", "9999-12-31", "1969-12-31"}},
		{source.Timestamp, column{Physical: "INT64", Logical: "TIMESTAMP", UTC: true, Unit: "MICROS"}, []string{"0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"}},
		{source.DateTime, column{Physical: "INT64", Logical: "TIMESTAMP", Unit: "MICROS"}, []string{"0001-01-01T00:00:00", "9999-12-31T23:59:59.999999"}},
		{source.UUID, column{Physical: "FIXED_LEN_BYTE_ARRAY", Length: 16, Logical: "UUID"}, []string{"00000000-0000-0000-0000-000000000000", "ffffffff-0000-4000-8000-00000000000f"}},
		{source.JSON, column{Physical: "BYTE_ARRAY", Logical: "JSON"}, []string{"null", `{"a":  1e400}`}},
	}
}

// everyKind has each sample twice, with and without nulls.
func everyKind() (source.Schema, []column, [][]string) {
	var schema source.Schema
	var want []column
	var values [][]string
	for _, s := range samples() {
		for _, required := range []bool{false, true} {
			s.want.Name, s.want.Required = fmt.Sprint(s.kind, ".", required), required
			schema = append(schema, source.Field{Name: s.want.Name, Kind: s.kind, Required: required})
			want, values = append(want, s.want), append(values, s.values)
		}
	}
	return schema, want, values
}

func TestR16_ParquetReadByHyparquet(t *testing.T) {
	t.Parallel()
	schema, want, values := everyKind()
	for _, codec := range []format.Compression{"", format.None, format.Gzip, format.Zstd} {
		for _, nulls := range []int{2, 9} { // every second, every ninth cell
			t.Run(fmt.Sprintf("codec %q, every null %d", codec, nulls), func(t *testing.T) {
				t.Parallel()
				b := source.NewBatch(schema, 0, 0)
				for row := range 250 {
					for i, f := range schema {
						if !f.Required && (row+i)%nulls == 0 {
							b.Col(i).AppendNull()
						} else {
							require.NoError(t, source.ParseText(b.Col(i), values[i][(row/2+i)%len(values[i])]))
						}
					}
					b.EndRow()
				}
				got := read(t, write(t, parquetfmt.Format{Compression: codec, RowGroupRows: 100}, schema, b))
				require.Equal(t, 250, got.Rows)
				require.Equal(t, 3, got.RowGroups)
				require.Empty(t, cmp.Diff(want, got.Columns))
				require.Empty(t, cmp.Diff(texts(b), got.texts(t, schema)))
			})
		}
	}
}

func TestR16_ParquetManyRowsReadByHyparquet(t *testing.T) {
	t.Parallel()
	schema := source.Schema{
		{Name: "n", Kind: source.Int64, Required: true},
		{Name: "few", Kind: source.String},
		{Name: "all", Kind: source.String},
		{Name: "more and more", Kind: source.String},
	}
	b := source.NewBatch(schema, 0, 0)
	const rows = 45_000 // more than two pages
	for i := range rows {
		b.Col(0).AppendInt64(int64(i))
		for c, n := range []int{i % 3, i, max(i-20_000, i%50)} {
			if i%11 == 0 {
				b.Col(c + 1).AppendNull()
			} else {
				require.NoError(t, b.Col(c+1).AppendString(fmt.Sprintf("text number %d", n)))
			}
		}
		b.EndRow()
	}
	got := read(t, write(t, parquetfmt.Format{}, schema, b))
	require.Equal(t, rows, got.Rows)
	require.True(t, cmp.Equal(texts(b), got.texts(t, schema)), "the cells differ")
}

func TestR16_ParquetShapesReadByHyparquet(t *testing.T) {
	t.Parallel()
	t.Run("no rows", func(t *testing.T) {
		t.Parallel()
		schema, want, _ := everyKind()
		got := read(t, write(t, parquetfmt.Format{}, schema))
		require.Zero(t, got.Rows)
		require.Empty(t, cmp.Diff(want, got.Columns))
	})
	t.Run("647 columns", func(t *testing.T) {
		t.Parallel()
		kinds, _, values := everyKind()
		schema := make(source.Schema, 647)
		for i := range schema {
			schema[i] = kinds[i%len(kinds)]
			schema[i].Name = fmt.Sprint("column ", 1000-i)
		}
		b := source.NewBatch(schema, 0, 0)
		for row := range 40 {
			for i := range schema {
				all := values[i%len(values)]
				require.NoError(t, source.ParseText(b.Col(i), all[(row+i)%len(all)]))
			}
			b.EndRow()
		}
		got := read(t, write(t, parquetfmt.Format{}, schema, b))
		for i, c := range got.Columns {
			require.Equal(t, schema[i].Name, c.Name)
		}
		require.True(t, cmp.Equal(texts(b), got.texts(t, schema)), "the cells differ")
	})
	t.Run("cells of 1 MiB", func(t *testing.T) {
		t.Parallel()
		schema := source.Schema{{Name: "s", Kind: source.String}, {Name: "b", Kind: source.Bytes}}
		b := source.NewBatch(schema, 0, 0)
		for i := range 3 {
			text := strings.Repeat(strconv.Itoa(i), 1<<20)
			require.NoError(t, b.Col(0).AppendString(text))
			require.NoError(t, b.Col(1).AppendString(text))
			b.EndRow()
		}
		got := read(t, write(t, parquetfmt.Format{}, schema, b))
		require.True(t, cmp.Equal(texts(b), got.texts(t, schema)), "the cells differ")
	})
}

// A reader that skips row groups by their bounds finds every row.
func TestR16_ParquetBoundsSkipNoRow(t *testing.T) {
	t.Parallel()
	schema := source.Schema{
		{Name: "int64", Kind: source.Int64},
		{Name: "narrow", Kind: source.Decimal(9, 2)},
		{Name: "middle", Kind: source.Decimal(18, 2)},
		{Name: "wide", Kind: source.Decimal(38, 2)},
		{Name: "text", Kind: source.String},
		{Name: "day", Kind: source.Date},
		{Name: "at", Kind: source.Timestamp},
		{Name: "float", Kind: source.Float64},
		{Name: "flag", Kind: source.Bool},
	}
	b := source.NewBatch(schema, 0, 0)
	for i := range 60 {
		n := int64(i*37%60 - 30) // both signs, in no order
		if i%10 == 9 {
			for c := range schema {
				b.Col(c).AppendNull()
			}
			b.EndRow()
			continue
		}
		b.Col(0).AppendInt64(n << 40)
		b.Col(1).AppendDecimal(source.Int128From(n * 100))
		b.Col(2).AppendDecimal(source.Int128From(n * 100))
		b.Col(3).AppendDecimal(source.Int128From(n * 100))
		require.NoError(t, b.Col(4).AppendString(strings.Repeat("é", 40)+strconv.FormatInt(n, 10)))
		b.Col(5).AppendInt64(n * 100_000)
		b.Col(6).AppendInt64(n * 1_000_000_000_000)
		b.Col(7).AppendFloat64(float64(n) / 8)
		b.Col(8).AppendBool(n > 0)
		b.EndRow()
	}
	got := read(t, write(t, parquetfmt.Format{RowGroupRows: 5}, schema, b), schema.Names()...)
	require.Equal(t, 12, got.RowGroups)
	require.Zero(t, got.Lost, "rows that a filter does not find")
}
