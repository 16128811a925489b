package slicesource_test

import (
	"context"
	"iter"
	"testing"
	"time"

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
	src, err := slicesource.NewFunc("wide", func(context.Context, source.Query) iter.Seq2[wide, error] {
		return func(yield func(wide, error) bool) {
			for i := range rows {
				if !yield(rows[i], nil) {
					return
				}
			}
		}
	}, nil)
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, src, len(rows))
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
