package pipeline_test

import (
	"io"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/format/jsonfmt"
	"github.com/exportyard/exportyard/internal/guard"
	"github.com/exportyard/exportyard/internal/pipeline"
	"github.com/exportyard/exportyard/source"
)

// spent returns how often a run over so many rows allocates.
func spent(t *testing.T, spec pipeline.Spec, rows int) (allocations float64) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	res, err := pipeline.Run(t.Context(), &reader{rows: rows}, io.Discard, spec)
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.Equal(t, int64(rows), res.Rows)
	return float64(after.Mallocs - before.Mallocs)
}

// It measures the process, and so runs beside no other test.
func TestD3_AllocationsDoNotGrowWithTheRows(t *testing.T) {
	const few, many = 50_000, 200_000
	for _, tt := range []struct {
		name   string
		format format.Formatter
		codec  format.Compression
	}{
		{"csv.gz", csvfmt.Format{}, format.Gzip},
		{"ndjson", jsonfmt.Lines{}, format.None},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spec := specOf(t, tt.format)
			spec.Compression = tt.codec
			spent(t, spec, few) // what is only made once
			a, b := spent(t, spec, few), spent(t, spec, many)
			require.Less(t, b/many, 0.05, "allocations a row")
			require.Less(t, (b-a)/(many-few), 0.01, "allocations for another row")
		})
	}
}

// The guard looks at every cell of every export: it must not cost an allocation.
func TestD5_GuardDoesNotAllocate(t *testing.T) {
	field := func(name string, kind source.Kind) source.Field { return source.Field{Name: name, Kind: kind} }
	kinds := source.Schema{
		field("number", source.Int64), field("text", source.String), field("uuid", source.UUID), field("float", source.Float64),
		field("cost", source.Decimal(12, 4)), field("flag", source.Bool), field("day", source.Date),
		field("at", source.Timestamp), field("wall", source.DateTime), field("bytes", source.Bytes),
	}
	texts := []string{
		"42", "acme", "5a1de3a6-5f0e-4f53-8f4b-2b1c7a6f3e11", "1.5", "12.5000", "true", "2026-10-02",
		"2026-10-02T03:04:05Z", "2026-10-02T03:04:05", "AAEC",
	}
	b := source.NewBatch(kinds, 0, 0)
	for range 1000 {
		for i, text := range texts {
			require.NoError(t, source.ParseText(b.Col(i), text))
		}
		b.EndRow()
	}
	for i, tenant := range texts[:3] {
		for _, at := range []string{"day", "at", "wall"} {
			g, err := guard.New(guard.Rule{
				Dataset: "runs", Schema: kinds, TenantColumn: kinds[i].Name, Tenant: tenant, TimeColumn: at, From: october, To: november,
			})
			require.NoError(t, err)
			require.Zero(t, testing.AllocsPerRun(10, func() { err = g.Check(b) }), "tenant %s, time %s", kinds[i].Name, at)
			require.NoError(t, err)
		}
	}
}
