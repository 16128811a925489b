package pgsource_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/e2e/server"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/pgsource"
)

var runFields = []source.Field{{Name: "id", Kind: source.Int64, Required: true}, {Name: "org", Kind: source.String}, {Name: "note", Kind: source.String}}

// runs makes a table of n rows with long notes and a source over it.
func runs(t testing.TB, pool *pgxpool.Pool, n int, opts *pgsource.Options) *pgsource.Source {
	t.Helper()
	exec(t, pool, "create table runs (id bigint primary key, org text not null, note text)")
	exec(t, pool, fmt.Sprintf("insert into runs select i, 'acme', repeat('note ', 100) from generate_series(1, %d) as i", n))
	src, err := pgsource.New(pool, []pgsource.Dataset{{Name: "runs", Table: "runs", Key: []string{"id"}, Tenant: "org", Fields: runFields}}, opts)
	require.NoError(t, err)
	return src
}

var allRuns = source.Query{Tenant: "acme", Dataset: "runs", Columns: []string{"id", "note"}, Guard: []string{"org"}}

// drain reads to the end and returns the rows and the error, io.EOF at a good end.
func drain(ctx context.Context, r source.Reader) (rows int, err error) {
	raw := source.NewRawBatch(0, 0)
	for cutter, _ := source.RawOf(r); ; {
		raw.Reset()
		if err := cutter.ReadRaw(ctx, raw); err != nil {
			return rows, err
		}
		rows += raw.Len()
	}
}

// What passes may be tried again: it is neither the data nor the query.
func requirePasses(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	require.NotEqual(t, io.EOF, err)
	var bad *source.DataError
	require.False(t, errors.As(err, &bad), "%v", err)
	require.NotErrorIs(t, err, source.ErrUnsupported)
	require.NotErrorIs(t, err, source.ErrUnknownDataset)
}

// A server that crashes in the middle of a read fails it, and the next one works
// when it is back.
func TestFailure_ServerRestarts(t *testing.T) {
	t.Parallel()
	own := server.OwnPostgres(t)
	pool := newPool(t, own.DSN())
	src := runs(t, pool, 50_000, nil)
	exec(t, pool, "checkpoint") // commits are not waited for on this server
	r, err := src.Open(t.Context(), allRuns)
	require.NoError(t, err)
	raw := source.NewRawBatch(0, 0)
	cutter, _ := source.RawOf(r)
	require.NoError(t, cutter.ReadRaw(t.Context(), raw))
	own.Stop()
	rows, err := drain(t.Context(), r)
	requirePasses(t, err)
	require.Less(t, rows, 50_000)
	require.NoError(t, r.Close())

	_, err = src.Open(t.Context(), allRuns)
	requirePasses(t, err) // refused
	_, err = src.Count(t.Context(), allRuns)
	requirePasses(t, err)

	own.Start(t)
	r, err = src.Open(t.Context(), allRuns)
	require.NoError(t, err)
	rows, err = drain(t.Context(), r)
	require.Equal(t, io.EOF, err)
	require.Equal(t, 50_000, rows)
	require.NoError(t, r.Close())
}

func TestFailure_ConnectionKilled(t *testing.T) {
	t.Parallel()
	pool, _ := server.StartPostgresPool(t)
	src := runs(t, pool, 50_000, nil)
	r, err := src.Open(t.Context(), allRuns)
	require.NoError(t, err)
	exec(t, pool, "select pg_terminate_backend(pid) from pg_stat_activity where state = 'active' and query like 'select q.%' and datname = current_database()")
	_, err = drain(t.Context(), r)
	requirePasses(t, err)
	require.NoError(t, r.Close())
}

// A statement that takes too long is told from others, and may be tried again.
func TestFailure_StatementTimeout(t *testing.T) {
	t.Parallel()
	pool, _ := server.StartPostgresPool(t)
	slow := pgsource.Dataset{Name: "slow", Query: "select i as id from generate_series(1, 1000) as i, pg_sleep(60)", Fields: runFields[:1], Unguarded: true}
	src, err := pgsource.New(pool, []pgsource.Dataset{slow}, &pgsource.Options{StatementTimeout: 50 * time.Millisecond})
	require.NoError(t, err)
	_, err = src.Open(t.Context(), source.Query{Dataset: "slow", Columns: []string{"id"}})
	requirePasses(t, err)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// Negative timeouts lift that of the session.
func TestFailure_NoStatementTimeout(t *testing.T) {
	t.Parallel()
	_, dsn := server.StartPostgresPool(t)
	pool := newPool(t, dsn+" statement_timeout=50")
	slow := pgsource.Dataset{Name: "slow", Query: "select 1::bigint as id from pg_sleep(0.2)", Fields: runFields[:1], Unguarded: true}
	for timeout, want := range map[time.Duration]error{0: context.DeadlineExceeded, -1: nil} {
		src, err := pgsource.New(pool, []pgsource.Dataset{slow}, &pgsource.Options{StatementTimeout: timeout})
		require.NoError(t, err)
		_, err = src.Count(t.Context(), source.Query{Dataset: "slow"})
		require.ErrorIs(t, err, want)
	}
}

// What will not pass by itself says which column or table it is about.
func TestFailure_SchemaChanges(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	pool, _ := server.StartPostgresPool(t)
	src := runs(t, pool, 10, nil)
	exec(t, pool, `alter table runs drop column note`)
	_, err := src.Open(ctx, allRuns)
	var bad *source.DataError
	require.ErrorAs(t, err, &bad)
	require.Equal(t, "note", bad.Column)
	require.Contains(t, bad.Rule, "no such column")
	n, err := src.Count(ctx, allRuns)
	require.ErrorAs(t, err, &bad)
	require.Zero(t, n)
	without := allRuns
	without.Columns = []string{"id"}
	n, err = src.Count(ctx, without)
	require.NoError(t, err)
	require.EqualValues(t, 10, n)

	exec(t, pool, `alter table runs alter column id type text`)
	_, err = src.Open(ctx, without)
	require.ErrorAs(t, err, &bad)
	require.Equal(t, "id", bad.Column)

	exec(t, pool, `drop table runs`)
	_, err = src.Open(ctx, without)
	require.ErrorIs(t, err, source.ErrUnknownDataset)
}

func TestFailure_Rights(t *testing.T) {
	t.Parallel()
	pool, dsn := server.StartPostgresPool(t)
	runs(t, pool, 1, nil)
	role := "reader_of_" + pool.Config().ConnConfig.Database
	exec(t, pool, "create role "+role)
	t.Cleanup(func() { exec(t, pool, "drop role "+role) })
	other := newPool(t, dsn+" role="+role)
	src, err := pgsource.New(other, []pgsource.Dataset{
		{Name: "runs", Table: "runs", Fields: runFields[:1], Unguarded: true},
		{Name: "writes", Query: "select txid_current()::bigint as id, nextval('s') as n", Fields: runFields[:1], Unguarded: true},
	}, nil)
	require.NoError(t, err)
	for _, name := range []string{"runs", "writes"} {
		_, err = src.Open(t.Context(), source.Query{Dataset: name, Columns: []string{"id"}})
		require.ErrorIs(t, err, source.ErrUnsupported)
		var pg *pgconn.PgError
		require.ErrorAs(t, err, &pg)
	}
}

// A query that writes is refused by its transaction.
func TestFailure_Writes(t *testing.T) {
	t.Parallel()
	pool, _ := server.StartPostgresPool(t)
	exec(t, pool, "create sequence s")
	src, err := pgsource.New(pool, []pgsource.Dataset{{Name: "writes", Query: "select nextval('s') as id", Fields: runFields[:1], Unguarded: true}}, nil)
	require.NoError(t, err)
	_, err = src.Open(t.Context(), source.Query{Dataset: "writes", Columns: []string{"id"}})
	require.ErrorIs(t, err, source.ErrUnsupported)
}

// Readers that were closed early leave nothing behind on the server.
func TestCloseEarly_EndsTheStatement(t *testing.T) {
	t.Parallel()
	pool, _ := server.StartPostgresPool(t)
	src := runs(t, pool, 50_000, nil)
	for range 5 {
		r, err := src.Open(t.Context(), allRuns)
		require.NoError(t, err)
		raw := source.NewRawBatch(1, 0)
		cutter, _ := source.RawOf(r)
		require.NoError(t, cutter.ReadRaw(t.Context(), raw))
		require.NoError(t, r.Close())
	}
	require.Eventually(t, func() bool {
		var n int
		err := pool.QueryRow(context.Background(), "select count(*) from pg_stat_activity where datname = current_database() and xact_start is not null and pid <> pg_backend_pid()").Scan(&n)
		return err == nil && n == 0
	}, 10*time.Second, 10*time.Millisecond)
}

// Paced reads take the time that their rows are worth.
func TestD12_ReadRate(t *testing.T) {
	t.Parallel()
	pool, _ := server.StartPostgresPool(t)
	src := runs(t, pool, 2000, &pgsource.Options{RowsPerSecond: 4000})
	begin := time.Now()
	r, err := src.Open(t.Context(), allRuns)
	require.NoError(t, err)
	rows, err := drain(t.Context(), r)
	require.Equal(t, io.EOF, err)
	require.Equal(t, 2000, rows)
	require.NoError(t, r.Close())
	require.GreaterOrEqual(t, time.Since(begin), 500*time.Millisecond)
}
