package parquetfmt_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format/parquetfmt"
	"github.com/exportyard/exportyard/source"
)

// usage is a table like those that hosts export: ids, a few words, amounts.
func usage() source.Schema {
	return source.Schema{
		{Name: "run_id", Kind: source.UUID, Required: true},
		{Name: "org_id", Kind: source.String, Required: true},
		{Name: "user_email", Kind: source.String},
		{Name: "model", Kind: source.String},
		{Name: "status", Kind: source.String},
		{Name: "tokens_in", Kind: source.Int64},
		{Name: "tokens_out", Kind: source.Int64},
		{Name: "latency", Kind: source.Float64},
		{Name: "credit_cost", Kind: source.Decimal(12, 4)},
		{Name: "exact_cost", Kind: source.Decimal(38, 18)},
		{Name: "cached", Kind: source.Bool},
		{Name: "day", Kind: source.Date},
		{Name: "created_at", Kind: source.Timestamp, Required: true},
		{Name: "note", Kind: source.String},
	}
}

// usageBatch returns a batch of rows from first on. Notes are random and as
// long as say.
func usageBatch(t testing.TB, first, rows, note int) *source.Batch {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(first), 5))
	b := source.NewBatch(usage(), rows, 1<<30)
	for i := first; i < first+rows; i++ {
		var id [16]byte
		for j := range id {
			id[j] = byte(r.Uint32())
		}
		b.Col(0).AppendUUID(id)
		require.NoError(t, b.Col(1).AppendString("acme"))
		require.NoError(t, b.Col(2).AppendString(fmt.Sprintf("user%d@acme.example", r.IntN(5000))))
		require.NoError(t, b.Col(3).AppendString([]string{"small", "medium", "large"}[r.IntN(3)]))
		require.NoError(t, b.Col(4).AppendString("completed"))
		b.Col(5).AppendInt64(r.Int64N(100_000))
		b.Col(6).AppendInt64(r.Int64N(10_000))
		b.Col(7).AppendFloat64(r.Float64())
		b.Col(8).AppendDecimal(source.Int128From(r.Int64N(1e9)))
		b.Col(9).AppendDecimal(source.Int128{Hi: r.Int64N(1e6), Lo: r.Uint64()})
		b.Col(10).AppendBool(r.IntN(2) == 0)
		b.Col(11).AppendInt64(int64(20_000 + i/10_000))
		b.Col(12).AppendInt64(1_700_000_000_000_000 + int64(i)*1_000_000)
		text := make([]byte, note)
		for j := range text {
			text[j] = ' ' + byte(r.IntN(90))
		}
		if err := b.Col(13).AppendBytes(text); err != nil {
			t.Fatal(err)
		}
		b.EndRow()
	}
	return b
}

// It counts what the whole process allocates, so it runs alone.
func TestParquetAllocatesNothingForARow(t *testing.T) {
	const rows = 5_000
	for _, codec := range codecs() {
		t.Run(codecName(codec), func(t *testing.T) {
			b := usageBatch(t, 0, rows, 50)
			w, err := parquetfmt.Format{Compression: codec}.NewWriter(io.Discard, usage())
			require.NoError(t, err)
			require.NoError(t, w.Write(b))
			allocs := testing.AllocsPerRun(10, func() {
				if err := w.Write(b); err != nil {
					t.Error(err)
				}
			})
			require.Less(t, allocs/rows, 0.05, "allocations a row")
		})
	}
}

// It looks at the heap of the whole process while it writes, so it runs alone.
func TestD3_ParquetMemoryIsBounded(t *testing.T) {
	unit, times := uint64(1<<20), 1
	if raceDetector {
		unit, times = 2*unit, 10
	}
	tests := []struct {
		name   string
		schema source.Schema
		batch  *source.Batch
		times  int
		limit  uint64 // in MiB, with what is not collected yet
	}{
		{name: "two million rows", schema: usage(), batch: usageBatch(t, 0, 8000, 40), times: 250, limit: 48},
		{name: "nothing to compress", schema: usage(), batch: usageBatch(t, 0, 2000, 4000), times: 25, limit: 48},
		{name: "647 columns", schema: wideSchema(647), batch: randomBatch(t, rand.New(rand.NewPCG(1, 2)), wideSchema(647), 500, 0.1), times: 40, limit: 72},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := heap()
			w, err := parquetfmt.Format{}.NewWriter(io.Discard, tt.schema)
			require.NoError(t, err)
			var peak uint64
			for i := range tt.times / times {
				require.NoError(t, w.Write(tt.batch))
				if i%5 == 0 {
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					peak = max(peak, m.HeapAlloc)
				}
			}
			held := heap()
			require.NoError(t, w.Close())
			t.Logf("peak %.1f MiB, in use at the end %.1f MiB", float64(peak-min(peak, before))/(1<<20), float64(held-min(held, before))/(1<<20))
			require.Less(t, peak, before+tt.limit*unit)
		})
	}
}

// heap returns the bytes in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func wideSchema(n int) source.Schema {
	kinds := everyKind()
	schema := make(source.Schema, n)
	for i := range schema {
		schema[i] = kinds[i%len(kinds)]
		schema[i].Name = fmt.Sprint("c", i)
	}
	return schema
}
