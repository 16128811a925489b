// Package matrix_test drives the engine over every pair of job store and sink.
package matrix_test

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/memblob"
	_ "modernc.org/sqlite"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/format/jsonfmt"
	"github.com/exportyard/exportyard/format/parquetfmt"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/queue/sqlstore"
	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/sink/blobsink"
	"github.com/exportyard/exportyard/sink/filesink"
	"github.com/exportyard/exportyard/sink/memsink"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/slicesource"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stores are the job stores of the matrix.
var stores = map[string]func(t *testing.T) queue.JobStore{
	"memstore": func(*testing.T) queue.JobStore { return memstore.New(nil) },
	"sqlstore": func(t *testing.T) queue.JobStore {
		return openStore(t, filepath.Join(t.TempDir(), "jobs.sqlite"), nil)
	},
}

func openStore(t testing.TB, path string, opts *sqlstore.Options) queue.JobStore {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	store, err := sqlstore.Open(context.Background(), db, sqlstore.SQLite, opts)
	require.NoError(t, err)
	return store
}

// A place is a sink that can say what unfinished writers have left in it.
type place struct {
	sink.Sink
	leftovers func(t *testing.T) []string
}

// sinks are the sinks of the matrix.
var sinks = map[string]func(t *testing.T) place{
	"memsink": func(t *testing.T) place {
		s, err := memsink.New(nil)
		require.NoError(t, err)
		return place{s, func(*testing.T) []string {
			return slices.Repeat([]string{"an unfinished writer"}, s.Unfinished())
		}}
	},
	"filesink": func(t *testing.T) place {
		dir := t.TempDir()
		s, err := filesink.New(dir, nil)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return place{s, func(t *testing.T) []string { return strangers(t, s, dir, "") }}
	},
	"blobsink in memory": func(t *testing.T) place {
		return place{overBlob(t, memblob.OpenBucket(nil)), func(*testing.T) []string { return nil }}
	},
	"blobsink in a folder": func(t *testing.T) place {
		dir := t.TempDir()
		bucket, err := fileblob.OpenBucket(dir, &fileblob.Options{NoTempDir: true})
		require.NoError(t, err)
		s := overBlob(t, bucket)
		return place{s, func(t *testing.T) []string { return strangers(t, s, dir, ".attrs") }}
	},
}

func overBlob(t *testing.T, bucket *blob.Bucket) sink.Sink {
	t.Helper()
	t.Cleanup(func() { require.NoError(t, bucket.Close()) })
	s, err := blobsink.New(bucket, &blobsink.Options{PartSize: 5 << 20})
	require.NoError(t, err)
	return s
}

// strangers returns the files of a folder that are no objects; beside belongs to
// the name of a file that describes one.
func strangers(t *testing.T, s sink.Sink, dir, beside string) []string {
	t.Helper()
	objects := keysIn(t, s)
	var found []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		key, err := filepath.Rel(dir, path)
		key = filepath.ToSlash(key)
		if beside != "" {
			key = strings.TrimSuffix(key, beside)
		}
		if !slices.Contains(objects, key) {
			found = append(found, key)
		}
		return err
	}))
	return found
}

// keysIn lists a sink.
func keysIn(t testing.TB, s sink.Sink) []string {
	t.Helper()
	keys := []string{}
	for o, err := range s.List(context.Background(), "") {
		require.NoError(t, err)
		keys = append(keys, o.Key)
	}
	return keys
}

// eachPair runs a test over every pair of store and sink.
func eachPair(t *testing.T, fn func(t *testing.T, store queue.JobStore, s place)) {
	for storeName, newStore := range stores {
		for sinkName, newSink := range sinks {
			t.Run(fmt.Sprintf("%s, %s", storeName, sinkName), func(t *testing.T) {
				t.Parallel()
				fn(t, newStore(t), newSink(t))
			})
		}
	}
}

// A run and an invoice are the rows of the matrix.
type run struct {
	ID      int64     `export:"run_id,key"`
	Org     string    `export:"org_id,tenant"`
	Prompt  *string   `export:"prompt"`
	Cost    string    `export:"cost,decimal(38,4)"`
	Options string    `export:"options,json"`
	Created time.Time `export:"created,time"`
}

type invoice struct {
	ID     int64     `export:"invoice_id,key"`
	Org    string    `export:"org_id,tenant"`
	Amount float64   `export:"amount"`
	Paid   bool      `export:"paid"`
	Issued time.Time `export:"issued,time"`
}

var october = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)

// tables are 400 runs and 200 invoices of each of two tenants, in October 2026.
func tables(t testing.TB) source.Source {
	t.Helper()
	prompts := []string{"plain", "", "with, \"quotes\"", "two\r\nlines", "ünïcode\u2028"}
	var runs []run
	var invoices []invoice
	for i := range 800 {
		r := run{
			ID: int64(i), Org: []string{"acme", "globex"}[i%2], Cost: fmt.Sprintf("%d9999999999.%04d", i, i),
			Options: fmt.Sprintf(`{"n":%d,"list":[1, 2]}`, i), Created: october.Add(time.Duration(i) * 55 * time.Minute),
		}
		if i%7 != 0 {
			r.Prompt = &prompts[i%len(prompts)]
		}
		runs = append(runs, r)
		if i%4 < 2 {
			invoices = append(invoices, invoice{int64(i), r.Org, float64(i) / 7, i%3 == 0, r.Created})
		}
	}
	a, err := slicesource.New("runs", runs, nil)
	require.NoError(t, err)
	b, err := slicesource.New("invoices", invoices, nil)
	require.NoError(t, err)
	src, err := source.Merge(a, b)
	require.NoError(t, err)
	return src
}

// formats are all of them.
var formats = []format.Formatter{csvfmt.Format{}, jsonfmt.Lines{}, jsonfmt.Document{}, parquetfmt.Format{}}

// newEngine makes an engine that cuts its datasets into parts of 60 rows.
func newEngine(t testing.TB, src source.Source, store queue.JobStore, s sink.Sink, change func(*export.Config)) *export.Engine {
	t.Helper()
	config := export.Config{
		Source: src, Store: store, Sink: s, Formats: formats, PartRows: 60,
		Poll: 20 * time.Millisecond, RetryBase: time.Microsecond, RetryCap: time.Microsecond,
	}
	if change != nil {
		change(&config)
	}
	engine, err := export.New(config)
	require.NoError(t, err)
	return engine
}

// start runs an engine until the test ends or stop is called.
func start(t testing.TB, engine *export.Engine) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- engine.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-done)
	})
	t.Cleanup(stop)
	return stop
}

// patience bounds every wait.
const patience = 2 * time.Minute

// wait follows a job to its end.
func wait(t testing.TB, engine *export.Engine, j *export.Job) *export.Job {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for now, err := range engine.Watch(ctx, j.Tenant, j.ID, 10*time.Millisecond) {
		require.NoError(t, err)
		j = now
	}
	return j
}

// request asks for an export.
func request(t testing.TB, engine *export.Engine, r export.Request) *export.Job {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	j, err := engine.Request(ctx, r)
	require.NoError(t, err)
	return j
}

// keysOf are the keys that manifests account for, in order.
func keysOf(manifests ...*manifest.Manifest) []string {
	keys := []string{}
	for _, m := range manifests {
		keys = append(keys, m.Key)
		for _, f := range m.Files {
			keys = append(keys, f.Key)
		}
	}
	slices.Sort(keys)
	return keys
}
