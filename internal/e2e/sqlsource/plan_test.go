package sqlsource_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource"
)

// A recorder hands out connections of another driver and keeps the queries.
type recorder struct {
	driver driver.Driver
	dsn    string

	mu      sync.Mutex
	queries []string
	args    [][]any
}

func (r *recorder) Driver() driver.Driver { return r.driver }

func (r *recorder) Connect(context.Context) (driver.Conn, error) {
	c, err := r.driver.Open(r.dsn)
	return recorded{c, r}, err
}

type recorded struct {
	driver.Conn
	r *recorder
}

func (c recorded) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

func (c recorded) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	values := make([]any, len(args))
	for i, a := range args {
		values[i] = a.Value
	}
	c.r.queries, c.r.args = append(c.r.queries, query), append(c.r.args, values)
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

// plan is how SQLite carries out the last query.
func (r *recorder) plan(t *testing.T, db *sql.DB) string {
	t.Helper()
	r.mu.Lock()
	query, args := r.queries[len(r.queries)-1], r.args[len(r.args)-1]
	r.mu.Unlock()
	rows, err := db.QueryContext(t.Context(), "explain query plan "+query, args...)
	require.NoError(t, err)
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
		steps = append(steps, detail)
	}
	require.NoError(t, errors.Join(rows.Err(), rows.Close()))
	return strings.Join(steps, "; ")
}

// TestD6_RangesWalkAnIndex looks at the plan of what a part of a dataset asks:
// no sort, and no row read that is not of the part.
func TestD6_RangesWalkAnIndex(t *testing.T) {
	t.Parallel()
	rec := &recorder{driver: openSQLite(t).Driver(), dsn: "file:" + filepath.Join(t.TempDir(), "test.db")}
	db := sql.OpenDB(rec)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	execute(t, db, "create table runs (org text not null, id text not null, at datetime, primary key (org, id))",
		"create index by_time on runs (org, at)",
		"insert into runs values ('acme', '1', '2026-01-01 00:00:00'), ('acme', '2', '2026-02-01 00:00:00')")
	src := newSource(t, db, sqlsource.SQLite, sqlsource.Dataset{
		Name: "runs", Query: "select * from runs", Key: []string{"org", "id"}, Tenant: "org", Time: "at",
		Fields: []source.Field{{Name: "org", Kind: source.String}, {Name: "id", Kind: source.String}, {Name: "at", Kind: source.Timestamp}},
	})
	q := source.Query{Tenant: "acme", Dataset: "runs", Columns: []string{"id", "at"}}

	keys := q
	keys.After, keys.UpTo = source.Key{"acme", "1"}, source.Key{"acme", "2"}
	rows, err := rowsOf(t.Context(), src, keys)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	plan := rec.plan(t, db)
	require.Contains(t, plan, "SEARCH runs USING INDEX sqlite_autoindex_runs_1")
	require.NotContains(t, plan, "TEMP B-TREE")

	months := q
	months.From, months.To = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	n, err := src.Count(t.Context(), months)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.Contains(t, rec.plan(t, db), "by_time (org=? AND at>? AND at<?)")

	_, _, _, err = src.Span(t.Context(), q)
	require.NoError(t, err)
	plan = rec.plan(t, db)
	require.Contains(t, plan, "by_time (org=?")
	require.NotContains(t, plan, "TEMP B-TREE")

	_, err = src.Split(t.Context(), q, 1)
	require.NoError(t, err)
	plan = rec.plan(t, db)
	require.Contains(t, plan, "sqlite_autoindex_runs_1")
	t.Log(plan)
}
