// Package databases_test exports the same rows from SQLite, PostgreSQL and MySQL.
package databases_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/format/jsonfmt"
	"github.com/exportyard/exportyard/internal/e2e/rowsum"
	"github.com/exportyard/exportyard/internal/e2e/server"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/sink/memsink"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource"
)

func TestMain(m *testing.M) { os.Exit(server.Main(m)) }

// A database is where the rows are.
type database struct {
	open    func(t testing.TB) *sql.DB
	columns string // of the table
	before  string // what the connection that fills it needs first
	mark    func(i int) string
	instant string // the layout in which times are written
}

func question(int) string { return "?" }

var databases = map[sqlsource.Dialect]database{
	sqlsource.SQLite: {
		open: func(t testing.TB) *sql.DB {
			t.Helper()
			db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "rows.sqlite")+"?_pragma=journal_mode(wal)&_pragma=synchronous(off)")
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			return db
		},
		columns: "run_id integer primary key, org_id text not null, created datetime not null, cost text, score real, cached integer, prompt text, settings text",
		before:  "select 1", mark: question, instant: "2006-01-02 15:04:05.000000",
	},
	sqlsource.PostgreSQL: {
		open:    server.StartPostgres,
		columns: "run_id bigint primary key, org_id text not null, created timestamptz not null, cost numeric(38,6), score float8, cached boolean, prompt text, settings json",
		before:  "select 1", mark: func(i int) string { return fmt.Sprint("$", i+1) }, instant: "2006-01-02 15:04:05.000000Z07:00",
	},
	sqlsource.MySQL: {
		open:    server.StartMySQL,
		columns: "run_id bigint primary key, org_id varchar(40) not null, created timestamp(6) not null, cost decimal(38,6), score double, cached tinyint, prompt longtext, settings json",
		before:  "set time_zone = '+00:00'", mark: question, instant: "2006-01-02 15:04:05.000000",
	},
}

var october = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)

// rowsOfTenant is how many rows each of the two tenants has, over October 2026.
const rowsOfTenant = 1000

// fill makes the table, the same in each database.
func (d database) fill(t *testing.T, db *sql.DB) {
	t.Helper()
	ctx := t.Context()
	conn, err := db.Conn(ctx)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	for _, statement := range []string{d.before, "create table runs (" + d.columns + ")"} {
		_, err := conn.ExecContext(ctx, statement)
		require.NoError(t, err)
	}
	tx, err := conn.BeginTx(ctx, nil)
	require.NoError(t, err)
	var marks []string
	for i := range 8 {
		marks = append(marks, d.mark(i))
	}
	insert, err := tx.PrepareContext(ctx, "insert into runs values ("+strings.Join(marks, ", ")+")")
	require.NoError(t, err)
	prompts := []any{"plain", "", nil, "with, \"quotes\"", "two\r\nlines", "ünïcode 🎈"}
	for i := range 2 * rowsOfTenant {
		created := october.Add(time.Duration(i)*22*time.Minute + time.Duration(i)*time.Microsecond)
		var cost any
		if i%5 != 0 {
			cost = fmt.Sprintf("-%d2345678901234567890123456.%06d", 1+i%9, i)
		}
		_, err := insert.ExecContext(ctx, i, []string{"acme", "globex"}[i%2], created.Format(d.instant), cost, float64(i)/7, i%3 == 0,
			prompts[i%len(prompts)], fmt.Sprintf(`{"n": %d}`, i))
		require.NoError(t, err)
	}
	require.NoError(t, insert.Close())
	require.NoError(t, tx.Commit())
}

func newSource(t *testing.T, d sqlsource.Dialect) source.Source {
	t.Helper()
	db := databases[d].open(t)
	databases[d].fill(t, db)
	src, err := sqlsource.New(db, d, []sqlsource.Dataset{{
		Name: "runs", Table: "runs", Key: []string{"run_id"}, Tenant: "org_id", Time: "created",
		Fields: []source.Field{
			{Name: "run_id", Kind: source.Int64, Required: true},
			{Name: "org_id", Kind: source.String, Required: true},
			{Name: "created", Kind: source.Timestamp, Required: true},
			{Name: "cost", Kind: source.Decimal(38, 6)},
			{Name: "score", Kind: source.Float64},
			{Name: "cached", Kind: source.Bool},
			{Name: "prompt", Kind: source.String},
			{Name: "settings", Kind: source.JSON},
		},
	}}, nil)
	require.NoError(t, err)
	return src
}

// The same rows give the same files, byte by byte, whatever database they are in:
// a snapshot, and a file a day of a zone with every day cut into parts by key.
func TestR17_SameFilesFromEveryDatabase(t *testing.T) {
	t.Parallel()
	results := make(map[sqlsource.Dialect]map[string]string)
	for _, d := range []sqlsource.Dialect{sqlsource.SQLite, sqlsource.PostgreSQL, sqlsource.MySQL} {
		t.Run(d.String(), func(t *testing.T) { results[d] = exports(t, newSource(t, d)) })
	}
	want := results[sqlsource.SQLite]
	require.Len(t, want, 1+32, "the snapshot, and the days of a month that begins and ends within one")
	for d, got := range results {
		if got != nil { // its server is there
			require.Equal(t, want, got, d.String())
		}
	}
}

// exports makes both exports and returns the SHA-256 of each file.
func exports(t *testing.T, src source.Source) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	bucket, err := memsink.New(nil)
	require.NoError(t, err)
	engine, err := export.New(export.Config{
		Source: src, Store: memstore.New(nil), Sink: bucket, PartRows: 20,
		Formats: []format.Formatter{csvfmt.Format{}, jsonfmt.Document{}},
	})
	require.NoError(t, err)
	running, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- engine.Run(running) }()
	defer func() {
		stop()
		require.NoError(t, <-done)
	}()
	sums := make(map[string]string)
	for _, r := range []export.Request{
		{Tenant: "acme", All: true, Format: "json", Compression: export.Gzip},
		{Tenant: "acme", All: true, Format: "csv", Interval: export.Day, Zone: "America/New_York"},
	} {
		j, err := engine.Request(ctx, r)
		require.NoError(t, err)
		for now, err := range engine.Watch(ctx, j.Tenant, j.ID, time.Second) {
			require.NoError(t, err)
			j = now
		}
		require.Equal(t, export.Completed, j.State, "%v", j.Error)
		require.Greater(t, j.Progress.Parts, 49, "it is cut into parts")
		m, err := engine.Verify(ctx, j.Tenant, j.ID)
		require.NoError(t, err)
		require.Equal(t, int64(rowsOfTenant), m.Rows)
		require.Equal(t, "source", m.Datasets[0].Counted)
		want, err := rowsum.Source(ctx, src, m)
		require.NoError(t, err)
		got, err := rowsum.Files(ctx, bucket, m)
		require.NoError(t, err)
		require.Equal(t, want, got)
		for _, f := range m.Files {
			sums[f.Name] = f.SHA256
		}
	}
	return sums
}
