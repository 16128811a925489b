package xlsxfmt_test

import (
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/format/xlsxfmt"
	"github.com/exportyard/exportyard/source"
)

func usage(t testing.TB, rows int) *source.Batch {
	t.Helper()
	b := source.NewBatch(formattest.UsageSchema(), rows, 1<<30)
	require.NoError(t, formattest.AppendUsage(b, 1, rows))
	return b
}

// It counts what the whole process allocates, so it runs alone.
func TestXLSXAllocatesNothingForARow(t *testing.T) {
	b := usage(t, 4000)
	w, err := xlsxfmt.Format{}.NewWriter(io.Discard, b.Schema())
	require.NoError(t, err)
	for range 5 { // grow the buffers
		require.NoError(t, w.Write(b))
	}
	allocs := testing.AllocsPerRun(10, func() {
		if err := w.Write(b); err != nil {
			t.Error(err)
		}
	})
	require.NoError(t, w.Close())
	require.Less(t, allocs/float64(b.Len()), 0.01, "allocations a row")
}

func wide(t testing.TB, columns, rows int) *source.Batch {
	t.Helper()
	schema := make(source.Schema, columns)
	for c := range schema {
		schema[c] = source.Field{Name: fmt.Sprintf("column_%03d", c), Kind: []source.Kind{source.String, source.Int64, source.Timestamp, source.Bool}[c%4]}
	}
	b := source.NewBatch(schema, rows, 1<<30)
	for i := range rows {
		for c := range schema {
			switch c % 4 {
			case 0:
				require.NoError(t, b.Col(c).AppendString(fmt.Sprint("text ", i*c)))
			case 3:
				b.Col(c).AppendBool(i%2 == 0)
			default:
				b.Col(c).AppendInt64(int64(i * c))
			}
		}
		b.EndRow()
	}
	return b
}

// It looks at the heap of the whole process while it writes, so it runs alone.
// Rows beyond the first eighth must not need more of it.
func TestD3_XLSXMemoryIsBounded(t *testing.T) {
	tests := []struct {
		name  string
		batch *source.Batch
		times int
	}{
		{"400,000 rows", usage(t, 4000), 100},
		{"647 columns", wide(t, 647, 300), 40},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if raceDetector {
				tt.times = 16
			}
			before := heap()
			w, err := xlsxfmt.Format{}.NewWriter(io.Discard, tt.batch.Schema())
			require.NoError(t, err)
			var early, late uint64
			for i := range tt.times {
				require.NoError(t, w.Write(tt.batch))
				peak := &late
				if i < tt.times/8 {
					peak = &early
				}
				if i%4 == 0 {
					*peak = max(*peak, heap())
				}
			}
			require.NoError(t, w.Close())
			const limit = 32 << 20
			require.Less(t, late, before+limit)
			require.Less(t, late, early+1<<20, "memory grows with the rows")
		})
	}
}

// heap returns what is in use, garbage taken away.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkWriter(b *testing.B) { formattest.Benchmark(b, xlsxfmt.Format{}) }

// BenchmarkRows is what a worker does with a batch, without and with packing.
func BenchmarkRows(b *testing.B) {
	batch := usage(b, 1024)
	rows, err := xlsxfmt.Format{}.Rows(batch.Schema())
	require.NoError(b, err)
	packer, err := format.NewPacker(format.Gzip, format.ArchiveLevel)
	require.NoError(b, err)
	for _, packed := range []bool{false, true} {
		b.Run(fmt.Sprint("packed=", packed), func(b *testing.B) {
			var raw, out []byte
			mallocs := formattest.MallocsOf(func() {
				for b.Loop() {
					if raw, err = rows.AppendRows(raw[:0], batch); err != nil {
						b.Fatal(err)
					}
					out = append(out[:0], raw...)
					if packed {
						if out, err = packer.AppendBlock(out[:0], raw); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
			formattest.ReportRows(b, batch.Len()*b.N, int64(len(out)*b.N), mallocs)
		})
	}
}
