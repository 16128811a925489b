package sqlstore_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/exportyard/exportyard/queue/sqlstore"
)

// A place is where one test keeps its tables: a file, or a schema of a server.
type place struct {
	Dialect sqlstore.Dialect
	Driver  string
	DSN     string
}

// inFile is a new file, in which SQLite will make its tables.
func inFile(t testing.TB) place { return file(newFile(t)) }

func file(path string) place { return place{Dialect: sqlstore.SQLite, Driver: "sqlite", DSN: path} }

func newFile(t testing.TB) string { return filepath.Join(t.TempDir(), "jobs.sqlite") }

// inSchema is a new schema of PostgreSQL with the store's tables.
func inSchema(t testing.TB) place {
	p := emptySchema(t)
	require.NoError(t, sqlstore.Migrate(t.Context(), p.db(t), p.Dialect))
	return p
}

// onEach runs a test on each database.
func onEach(t *testing.T, test func(t *testing.T, p place)) {
	t.Helper()
	withEach(t, func(t *testing.T, where func(testing.TB) place) { test(t, where(t)) })
}

// withEach does the same for a test that needs several places of one database.
func withEach(t *testing.T, test func(t *testing.T, where func(testing.TB) place)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		test(t, inFile)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		needServer(t)
		test(t, inSchema)
	})
}

// benchOnEach does the same for benchmarks.
func benchOnEach(b *testing.B, bench func(b *testing.B, p place)) {
	b.Run("SQLite", func(b *testing.B) { bench(b, inFile(b)) })
	b.Run("PostgreSQL", func(b *testing.B) { bench(b, inSchema(b)) })
}

// db opens the place with a pool of its own.
func (p place) db(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open(p.Driver, p.DSN)
	require.NoError(t, err)
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// open opens a store with a pool of its own.
func (p place) open(t testing.TB, opts *sqlstore.Options) *sqlstore.Store {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), p.db(t), p.Dialect, opts)
	require.NoError(t, err)
	return store
}
