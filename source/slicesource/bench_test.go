package slicesource_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/slicesource"
)

type wide struct {
	ID      int64     `export:",key"`
	Org     string    `export:",tenant"`
	At      time.Time `export:",time"`
	Flag    bool
	Ratio   float64
	Cost    string `export:",decimal(12,4)"`
	Cents   int32  `export:",decimal(12,2)"`
	Note    string
	Ref     [16]byte
	Comment *string
}

func wides(n int) []wide {
	rows := make([]wide, n)
	note := "a note of some words"
	for i := range rows {
		rows[i] = wide{ID: int64(i), Org: "acme", At: time.UnixMicro(1e15 + int64(i)), Cost: "12.3456", Cents: int32(i), Note: note, Comment: &note}
	}
	return rows
}

func drain(tb testing.TB, src source.Source, q source.Query) int {
	tb.Helper()
	rows := 0
	if err := source.Each(context.Background(), src, q, func(b *source.Batch) error { rows += b.Len(); return nil }); err != nil {
		tb.Fatal(err)
	}
	return rows
}

func BenchmarkSlice(b *testing.B) {
	rows := wides(200_000)
	src, err := slicesource.New("wide", rows, nil)
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, src, len(rows))
}

func BenchmarkFunc(b *testing.B) {
	rows := wides(200_000)
	src, err := slicesource.NewFunc("wide", sequence(rows), nil)
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, src, len(rows))
}

// No allocation a row, for the kinds of which wide has one each; read twice the
// rows in the same batches, and what is allocated stays the same.
func TestRowsAllocateNothing(t *testing.T) {
	rows := wides(20_000)
	slice, err := slicesource.New("wide", rows, nil)
	require.NoError(t, err)
	stream, err := slicesource.NewFunc("wide", sequence(rows), nil)
	require.NoError(t, err)
	pointers := make([]*wide, len(rows))
	for i := range rows {
		pointers[i] = &rows[len(rows)-1-i]
	}
	sorted, err := slicesource.New("wide", pointers, nil)
	require.NoError(t, err)
	datasets, err := slice.Datasets(t.Context(), "acme")
	require.NoError(t, err)
	b := source.NewBatch(datasets[0].Schema, 0, 0)
	for name, src := range map[string]source.Source{"slice": slice, "func": stream, "sorted slice of pointers": sorted} {
		q := source.Query{
			Tenant: "acme", Dataset: "wide", Columns: datasets[0].Schema.Names(), From: time.UnixMicro(1e15 + 1),
			Filters: []source.Filter{{Column: "org", In: []string{"a", "acme"}}}, After: source.Key{"3"},
		}
		read := 0
		allocs := testing.AllocsPerRun(3, func() { read = drainInto(t, src, q, b) })
		require.Equal(t, len(rows)-4, read)
		require.Less(t, allocs/float64(read), 0.02, name)
	}
}

func drainInto(t *testing.T, src source.Source, q source.Query, b *source.Batch) (rows int) {
	t.Helper()
	r, err := src.Open(t.Context(), q)
	require.NoError(t, err)
	for {
		b.Reset()
		err := r.Read(t.Context(), b)
		if err == io.EOF {
			require.NoError(t, r.Close())
			return rows
		}
		require.NoError(t, err)
		rows += b.Len()
	}
}

func benchmark(b *testing.B, src source.Source, rows int) {
	datasets, _ := src.Datasets(b.Context(), "acme")
	q := source.Query{Tenant: "acme", Dataset: "wide", Columns: datasets[0].Schema.Names()}
	b.ReportAllocs()
	for b.Loop() {
		if got := drain(b, src, q); got != rows {
			b.Fatalf("%d rows", got)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
}
