package matrix_test

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/internal/e2e/rowsum"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/source"
)

// exports are what hosts ask for: each has a slot of its own.
var exports = []export.Request{
	{Kind: "snapshot", All: true, Format: "json", Compression: export.Gzip},
	{Kind: "archive", All: true, Format: "csv", Interval: export.Day, From: october, To: october.AddDate(0, 0, 7)},
	{Kind: "joined", All: true, Format: "csv", Compression: export.Zstd},
	{Kind: "lines", All: true, Format: "ndjson", Compression: export.Gzip, Zone: "Europe/Berlin", Interval: export.Week},
	{Kind: "columnar", All: true, Format: "parquet"},
}

// Every export completes and verifies on every pair, holds exactly the source's
// rows, and is all that is left in the sink. The bytes depend on neither store
// nor sink (R17).
func TestR18_SameSuiteOnEveryPair(t *testing.T) {
	t.Parallel()
	src := tables(t)
	results := make(chan map[string]string, len(stores)*len(sinks))
	t.Run("pairs", func(t *testing.T) {
		eachPair(t, func(t *testing.T, store queue.JobStore, s place) { results <- suite(t, src, store, s) })
	})
	close(results)
	first := <-results
	for other := range results {
		require.Equal(t, first, other)
	}
}

// suite makes all exports on one pair and returns the SHA-256 of each file.
func suite(t *testing.T, src source.Source, store queue.JobStore, s place) map[string]string {
	t.Helper()
	ctx := context.Background()
	engine := newEngine(t, src, store, s, nil)
	stop := start(t, engine)
	var jobs []*export.Job
	for _, r := range exports {
		for _, tenant := range []string{"acme", "globex"} {
			r.Tenant = tenant
			jobs = append(jobs, request(t, engine, r))
		}
	}
	var manifests []*manifest.Manifest
	sums := make(map[string]string)
	for _, j := range jobs {
		j = wait(t, engine, j)
		require.Equal(t, export.Completed, j.State, "%v", j.Error)
		m, err := engine.Verify(ctx, j.Tenant, j.ID)
		require.NoError(t, err)
		if m.To.IsZero() {
			require.Equal(t, int64(600), m.Rows)
		}
		for _, f := range m.Files {
			sums[j.Tenant+"/"+j.Request.Kind+"/"+f.Name] = f.SHA256
		}
		if j.Request.Format == "parquet" {
			requireParquetRows(t, s, m)
		} else {
			requireSameRows(t, src, s, m)
		}
		manifests = append(manifests, m)
	}
	stop()
	require.NoError(t, engine.Sweep(ctx))
	require.Equal(t, keysOf(manifests...), keysIn(t, s))
	require.Empty(t, s.leftovers(t))
	return sums
}

// requireSameRows proves that an export's files hold the rows of the source.
func requireSameRows(t testing.TB, src source.Source, s sink.Sink, m *manifest.Manifest) {
	t.Helper()
	want, err := rowsum.Source(context.Background(), src, m)
	require.NoError(t, err)
	got, err := rowsum.Files(context.Background(), s, m)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// requireParquetRows asks the files' own footers.
func requireParquetRows(t testing.TB, s sink.Sink, m *manifest.Manifest) {
	t.Helper()
	for _, f := range m.Files {
		data := read(t, s, f.Key)
		file, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
		require.NoError(t, err)
		require.Equal(t, f.Rows, file.NumRows())
	}
}

func read(t testing.TB, s sink.Sink, key string) []byte {
	t.Helper()
	r, err := s.Open(context.Background(), key, 0, -1)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	return data
}
