package parquetfmt_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format/parquetfmt"
	"github.com/exportyard/exportyard/source"
)

func TestNewWriterRefuses(t *testing.T) {
	t.Parallel()
	one := source.Schema{{Name: "x", Kind: source.Int64}}
	tests := []struct {
		name   string
		format parquetfmt.Format
		schema source.Schema
		want   string
	}{
		{name: "negative rows", format: parquetfmt.Format{RowGroupRows: -1}, schema: one, want: "RowGroupRows (-1)"},
		{name: "negative bytes", format: parquetfmt.Format{RowGroupBytes: -2}, schema: one, want: "RowGroupBytes (-2)"},
		{name: "negative workers", format: parquetfmt.Format{Workers: -3}, schema: one, want: "Workers (-3)"},
		{name: "unknown compression", format: parquetfmt.Format{Compression: "lzo"}, schema: one, want: `no compression "lzo": want "none", "gzip", "zstd"`},
		{name: "no fields", want: "at least one field"},
		{name: "unknown kind", schema: source.Schema{{Name: "odd", Kind: 99}}, want: `"odd"`},
		{name: "decimal without precision", schema: source.Schema{{Name: "money", Kind: source.AnyDecimal}}, want: `"money"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var file bytes.Buffer
			_, err := tt.format.NewWriter(&file, tt.schema)
			require.ErrorContains(t, err, tt.want)
			require.Zero(t, file.Len())
		})
	}
}

func TestWithCompression(t *testing.T) {
	t.Parallel()
	f := parquetfmt.Format{RowGroupRows: 7}
	for _, c := range codecs() {
		got, err := f.WithCompression(c)
		require.NoError(t, err)
		require.Equal(t, parquetfmt.Format{RowGroupRows: 7, Compression: c}, got)
		require.Equal(t, f.Info(), got.Info())
	}
	_, err := f.WithCompression("lzo")
	require.ErrorContains(t, err, `want "none", "gzip", "zstd", or nothing for snappy`)
}

func TestWriteRefusesCells(t *testing.T) {
	t.Parallel()
	wide := source.Int128{Hi: 1}
	tests := []struct {
		name   string
		field  source.Field
		append func(*source.Vector)
		want   string
	}{
		{name: "null", field: source.Field{Kind: source.String, Required: true}, append: (*source.Vector).AppendNull, want: "null in a required field"},
		{name: "digits of 32 bits", field: source.Field{Kind: source.Decimal(9, 2)}, append: func(v *source.Vector) { v.AppendDecimal(source.Int128From(-1e9)) }, want: "more digits than decimal(9,2)"},
		{name: "digits of 64 bits", field: source.Field{Kind: source.Decimal(18, 0)}, append: func(v *source.Vector) { v.AppendDecimal(source.Int128From(1e18)) }, want: "more digits than decimal(18,0)"},
		{name: "beyond 64 bits", field: source.Field{Kind: source.Decimal(10, 0)}, append: func(v *source.Vector) { v.AppendDecimal(wide) }, want: "more digits than decimal(10,0)"},
		{name: "digits of 128 bits", field: source.Field{Kind: source.Decimal(19, 0)}, append: func(v *source.Vector) { v.AppendDecimal(wide) }, want: "more digits than decimal(19,0)"},
		{name: "the smallest number", field: source.Field{Kind: source.Decimal(38, 0)}, append: func(v *source.Vector) { v.AppendDecimal(source.Int128{Hi: -1 << 63}) }, want: "more digits than decimal(38,0)"},
		{name: "date", field: source.Field{Kind: source.Date}, append: func(v *source.Vector) { v.AppendInt64(1 << 31) }, want: "a date beyond 32 bits of days"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.field.Name = "x"
			schema := source.Schema{{Name: "ok", Kind: source.Bool}, tt.field}
			b := source.NewBatch(schema, 0, 0)
			b.Col(0).AppendBool(true)
			tt.append(b.Col(1))
			b.EndRow()
			w, err := parquetfmt.Format{}.NewWriter(io.Discard, schema)
			require.NoError(t, err)
			err = w.Write(b)
			var data *source.DataError
			require.ErrorAs(t, err, &data)
			require.Equal(t, &source.DataError{Column: "x", Rule: tt.want}, data)
			require.Equal(t, err, w.Close(), "a file that lacks rows must not be finished")
		})
	}
}

func TestWriteRefusesAnotherSchema(t *testing.T) {
	t.Parallel()
	schema := source.Schema{{Name: "x", Kind: source.Int64}}
	tests := []struct {
		name  string
		batch source.Schema
		want  string
	}{
		{name: "more columns", batch: append(source.Schema{{Name: "y", Kind: source.Int64}}, schema...), want: "2 columns in a file of 1"},
		{name: "another kind", batch: source.Schema{{Name: "x", Kind: source.Decimal(3, 1)}}, want: `column "x" is decimal(3,1) in the batch and int64 in the file`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, err := parquetfmt.Format{}.NewWriter(io.Discard, schema)
			require.NoError(t, err)
			require.ErrorContains(t, w.Write(source.NewBatch(tt.batch, 0, 0)), tt.want)
		})
	}
}

func TestCloseTwice(t *testing.T) {
	t.Parallel()
	schema := source.Schema{{Name: "x", Kind: source.Int64}}
	var file bytes.Buffer
	w, err := parquetfmt.Format{}.NewWriter(&file, schema)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	size := file.Len()
	require.NoError(t, w.Close())
	require.ErrorContains(t, w.Write(source.NewBatch(schema, 0, 0)), "write after close")
	require.Equal(t, size, file.Len())
}

func TestRowGroupsAreCounted(t *testing.T) {
	t.Parallel()
	schema := source.Schema{{Name: "x", Kind: source.Bool}}
	b := source.NewBatch(schema, 0, 0)
	for range 1<<15 - 1 {
		b.Col(0).AppendBool(true)
		b.EndRow()
	}
	w, err := parquetfmt.Format{RowGroupRows: 1}.NewWriter(io.Discard, schema)
	require.NoError(t, err)
	require.NoError(t, w.Write(b))
	require.ErrorContains(t, w.Write(b), "more than 32767 row groups")
}

// limitedWriter fails, or writes less without an error, after n bytes.
type limitedWriter struct {
	n     int
	err   error
	short bool
}

func (w *limitedWriter) Write(p []byte) (int, error) {
	if len(p) <= w.n {
		w.n -= len(p)
		return len(p), nil
	}
	n := w.n
	w.n = 0
	if w.short {
		return n, nil
	}
	return n, w.err
}

func TestR25_ParquetWriteErrors(t *testing.T) {
	t.Parallel()
	schema := everyKind()
	b := randomBatch(t, rand.New(rand.NewPCG(25, 1)), schema, 60, 0.2)
	f := parquetfmt.Format{RowGroupRows: 20}
	size := len(writeFile(t, f, schema, b))
	full := errors.New("disk full")
	for n := 0; n < size; n += 499 {
		for _, short := range []bool{false, true} {
			want := full
			if short {
				want = io.ErrShortWrite
			}
			w, err := f.NewWriter(&limitedWriter{n: n, err: full, short: short}, schema)
			require.NoError(t, err)
			err = errors.Join(w.Write(b), w.Close())
			require.ErrorIs(t, err, want, "after %d of %d bytes", n, size)
		}
	}
}

func TestR25_ParquetFileWithoutItsEndIsRefused(t *testing.T) {
	t.Parallel()
	schema := source.Schema{{Name: "x", Kind: source.String}}
	b := randomBatch(t, rand.New(rand.NewPCG(25, 2)), schema, 50, 0.2)
	file := writeFile(t, parquetfmt.Format{RowGroupRows: 20}, schema, b)
	for n := range file {
		_, err := parquet.OpenFile(bytes.NewReader(file[:n]), int64(n))
		require.Error(t, err, "%d of %d bytes", n, len(file))
	}
}
