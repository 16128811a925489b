package formattest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/source"
)

// UsageSchema is the schema of a table as products export it: 15 columns of
// who ran what, when and for how much.
func UsageSchema() source.Schema {
	return source.Schema{
		{Name: "run_id", Kind: source.UUID, Required: true},
		{Name: "org_id", Kind: source.UUID, Required: true},
		{Name: "user_id", Kind: source.UUID, Required: true},
		{Name: "thread_id", Kind: source.UUID},
		{Name: "user_name", Kind: source.String},
		{Name: "user_email", Kind: source.String},
		{Name: "title", Kind: source.String},
		{Name: "model", Kind: source.String},
		{Name: "status", Kind: source.String},
		{Name: "credit_cost", Kind: source.Decimal(12, 4)},
		{Name: "tokens", Kind: source.Int64},
		{Name: "cached", Kind: source.Bool},
		{Name: "created_at", Kind: source.Timestamp, Required: true},
		{Name: "finished_at", Kind: source.Timestamp},
		{Name: "settings", Kind: source.JSON},
	}
}

// AppendUsage appends n rows of [UsageSchema] to b, the same for the same seed:
// about 430 bytes a row as CSV and 600 as NDJSON. Organizations, users and threads
// come again, as in a table of products.
func AppendUsage(b *source.Batch, seed uint64, n int) error {
	r := rand.New(rand.NewPCG(seed, 15))
	for i := range uint64(n) {
		b.Col(0).AppendUUID(usageID(r.Uint64(), r.Uint64()))
		b.Col(1).AppendUUID(usageID(1, r.Uint64N(500)))
		b.Col(2).AppendUUID(usageID(2, r.Uint64N(5_000)))
		b.Col(3).AppendUUID(usageID(3+seed, i/6+r.Uint64N(40))) // about six runs in a thread, near each other
		for c, text := range usageTexts(r) {
			if err := b.Col(4 + c).AppendString(text); err != nil {
				return err
			}
		}
		b.Col(9).AppendDecimal(source.Int128From(r.Int64N(5_000_000)))
		b.Col(10).AppendInt64(r.Int64N(200_000))
		b.Col(11).AppendBool(r.IntN(4) == 0)
		created := int64(1_760_000_000_000_000) + r.Int64N(30*24*3600*1_000_000)
		b.Col(12).AppendInt64(created)
		if r.IntN(5) == 0 {
			b.Col(13).AppendNull()
		} else {
			b.Col(13).AppendInt64(created + r.Int64N(90_000_000))
		}
		settings := fmt.Sprintf(`{"temperature": 0.%d, "tools": ["search", "code"], "seed": %d, "stream": %t}`, r.IntN(10), r.IntN(1e6), r.IntN(2) == 0)
		if err := b.Col(14).AppendString(settings); err != nil {
			return err
		}
		b.EndRow()
	}
	return nil
}

// usageID returns the id that belongs to two numbers.
func usageID(a, b uint64) (id [16]byte) {
	r := rand.NewPCG(a, b)
	binary.BigEndian.PutUint64(id[:8], r.Uint64())
	binary.BigEndian.PutUint64(id[8:], r.Uint64())
	return id
}

func usageTexts(r *rand.Rand) [5]string {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	titles := []string{
		"Summarize the quarterly report of team %d, please", "Quote %d: \"ship it\" — and why we did", "First line of ticket %d\nSecond line of the title",
		"Launch 🚀 plan, revision %d", "%d 件の文書を翻訳してください", "Weekly numbers of department %d for the board",
	}
	return [5]string{
		pick("Ann Example", "Bernhard Groß", "O'Neill, Sean", "李小龍", "Zoë \"Zo\" van Dijk", "Test User"),
		fmt.Sprintf("user%d@%s.example.org", r.IntN(5_000), pick("acme", "globex", "initech")),
		fmt.Sprintf(titles[r.IntN(len(titles))], 1000+r.IntN(500)),
		pick("large-2026-05", "small-2026-05", "embed-v3"),
		pick("completed", "completed", "completed", "failed", "canceled"),
	}
}

// Benchmark measures a formatter on rows of [UsageSchema] that lie in memory,
// in batches of the engine's size, and reports nanoseconds, bytes and
// allocations a row.
func Benchmark(b *testing.B, f format.Formatter) {
	const rows = 2048
	batch := source.NewBatch(UsageSchema(), rows, 1<<30)
	if err := AppendUsage(batch, 1, rows); err != nil {
		b.Fatal(err)
	}
	var out counter
	w, err := f.NewWriter(&out, batch.Schema())
	if err != nil {
		b.Fatal(err)
	}
	if err := w.Write(batch); err != nil { // grow the buffers
		b.Fatal(err)
	}
	out = 0
	mallocs := MallocsOf(func() {
		for b.Loop() {
			if err := w.Write(batch); err != nil {
				b.Fatal(err)
			}
		}
	})
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	ReportRows(b, rows*b.N, int64(out), mallocs)
}

// ReportRows reports what a benchmark needed for one row.
func ReportRows(b *testing.B, rows int, bytes int64, mallocs uint64) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
	b.ReportMetric(float64(bytes)/float64(rows), "B/row")
	b.ReportMetric(float64(mallocs)/float64(rows), "allocs/row")
	b.ReportMetric(0, "ns/op")
}

// MallocsOf returns how many allocations the whole process makes while f runs.
func MallocsOf(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
