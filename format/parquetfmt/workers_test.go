package parquetfmt_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/format/parquetfmt"
	"github.com/exportyard/exportyard/source"
)

// Rows enough that a Write wakes every worker, and that row groups end within it.
func TestR17_ParquetBytesDoNotDependOnWorkers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		schema source.Schema
		batch  func(t *testing.T) *source.Batch
	}{
		{name: "usage", schema: formattest.UsageSchema(), batch: func(t *testing.T) *source.Batch {
			t.Helper()
			b := source.NewBatch(formattest.UsageSchema(), 0, 0)
			require.NoError(t, formattest.AppendUsage(b, 17, 7000))
			return b
		}},
		{name: "every kind", schema: everyKind(), batch: func(t *testing.T) *source.Batch {
			t.Helper()
			return randomBatch(t, rand.New(rand.NewPCG(17, 2)), everyKind(), 3000, 0.2)
		}},
	}
	for _, tt := range tests {
		for _, codec := range codecs() {
			t.Run(fmt.Sprint(tt.name, ", ", codecName(codec)), func(t *testing.T) {
				t.Parallel()
				b := tt.batch(t)
				f := parquetfmt.Format{Compression: codec, RowGroupBytes: 150_000, Workers: 1}
				want := writeFile(t, f, tt.schema, b)
				require.Greater(t, len(openFile(t, want).RowGroups()), 2)
				requireCells(t, texts(tt.schema, b), readColumns(t, want, tt.schema))
				for _, f.Workers = range []int{0, 2, 3, 8, 100} {
					require.True(t, bytes.Equal(want, writeFile(t, f, tt.schema, b)), "%d workers", f.Workers)
				}
				require.True(t, bytes.Equal(want, writeFile(t, f, tt.schema, cut(t, b, 1300)...)), "8 workers, other batches")
			})
		}
	}
}

// Of two columns with a cell that they cannot hold it is always the first that
// is named.
func TestWriteRefusesTheSameCellWithAnyWorkers(t *testing.T) {
	t.Parallel()
	schema := source.Schema{{Name: "ok", Kind: source.Int64}, {Name: "first", Kind: source.Date}, {Name: "second", Kind: source.Decimal(9, 2)}}
	b := source.NewBatch(schema, 0, 0)
	for range 12_000 {
		b.Col(0).AppendInt64(1)
		b.Col(1).AppendInt64(1 << 40)
		b.Col(2).AppendDecimal(source.Int128From(1e9))
		b.EndRow()
	}
	for _, workers := range []int{1, 2, 3} {
		for range 20 {
			w, err := parquetfmt.Format{Workers: workers}.NewWriter(io.Discard, schema)
			require.NoError(t, err)
			err = w.Write(b)
			var data *source.DataError
			require.ErrorAs(t, err, &data)
			require.Equal(t, "first", data.Column)
			require.Equal(t, err, w.Close())
		}
	}
}

// A batch whose last row has cells missing, which its maker must not give us,
// makes a column panic. The caller can recover from it, whichever goroutine the
// column is in.
func TestWritePanicsInItsCaller(t *testing.T) {
	t.Parallel()
	schema := source.Schema{{Name: "a", Kind: source.Int64}, {Name: "b", Kind: source.UUID}, {Name: "c", Kind: source.Int64}}
	b := source.NewBatch(schema, 0, 0)
	for i := range 12_000 {
		b.Col(0).AppendInt64(1)
		if i < 11_999 {
			b.Col(1).AppendUUID([16]byte{})
		}
		b.Col(2).AppendInt64(1)
		b.EndRow()
	}
	for _, workers := range []int{1, 3} {
		for range 20 {
			w, err := parquetfmt.Format{Workers: workers}.NewWriter(io.Discard, schema)
			require.NoError(t, err)
			said := func() (said string) {
				defer func() { said = fmt.Sprint(recover()) }()
				return fmt.Sprint("no panic but ", w.Write(b))
			}()
			require.Contains(t, said, "out of range")
			require.ErrorContains(t, w.Close(), "panicked", "what was written is no file")
		}
	}
}

// Most exports have few rows: what a file takes beside them is mostly its footer.
func TestParquetSmallFilesAreSmall(t *testing.T) {
	t.Parallel()
	for rows, limit := range map[int]int{0: 500, 1: 2500, 10: 4096, 100: 14_000} {
		b := source.NewBatch(formattest.UsageSchema(), 0, 0)
		require.NoError(t, formattest.AppendUsage(b, 1, rows))
		require.Less(t, len(writeFile(t, parquetfmt.Format{}, b.Schema(), b)), limit, "%d rows", rows)
	}
}
