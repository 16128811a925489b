package readback

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/format/jsonfmt"
	"github.com/exportyard/exportyard/format/parquetfmt"
	"github.com/exportyard/exportyard/format/xlsxfmt"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/sink/filesink"
	"github.com/exportyard/exportyard/source"
)

const tenant = "acme"

// RowGroupRows is the size of the row groups of Parquet files.
const RowGroupRows = 10

// patience bounds an export.
const patience = 2 * time.Minute

// Export lets the engine write everything that a source has, in parts of so many
// rows, and returns the paths of the files of each dataset in order; those of a
// file with several datasets have no name.
func Export(t testing.TB, src source.Source, partRows int64, r export.Request) map[string][]string {
	t.Helper()
	dir := t.TempDir()
	disk, err := filesink.New(dir, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, disk.Close()) })
	engine, err := export.New(export.Config{
		Source: src, Store: memstore.New(nil), Sink: disk, PartRows: partRows, Poll: 20 * time.Millisecond,
		Formats: []format.Formatter{
			csvfmt.Format{},
			csvfmt.Format{Profile: csvfmt.Excel},
			jsonfmt.Lines{},
			jsonfmt.Document{},
			jsonfmt.Lines{WideAsStrings: true},
			jsonfmt.Document{WideAsStrings: true},
			parquetfmt.Format{RowGroupRows: RowGroupRows},
			xlsxfmt.Format{},
		},
	})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	done := make(chan error, 1)
	go func() { done <- engine.Run(ctx) }()
	defer func() {
		cancel()
		require.NoError(t, <-done)
	}()
	r.Tenant, r.All = tenant, true
	job, err := engine.Request(ctx, r)
	require.NoError(t, err)
	for now, err := range engine.Watch(ctx, tenant, job.ID, 10*time.Millisecond) {
		require.NoError(t, err)
		job = now
	}
	require.Equal(t, export.Completed, job.State, "%v", job.Error)
	m, err := engine.Verify(ctx, tenant, job.ID)
	require.NoError(t, err)
	files := make(map[string][]string)
	for _, f := range m.Files {
		files[f.Dataset] = append(files[f.Dataset], filepath.Join(dir, filepath.FromSlash(f.Key)))
	}
	return files
}
