package sqlstore_test

import (
	"database/sql"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/queuetest"
	"github.com/exportyard/exportyard/queue/sqlstore"
)

// openDB opens a file with a pool of its own.
func openDB(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func open(t testing.TB, path string, opts *sqlstore.Options) *sqlstore.Store {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), openDB(t, path), sqlstore.SQLite, opts)
	require.NoError(t, err)
	return store
}

func newFile(t testing.TB) string { return filepath.Join(t.TempDir(), "jobs.sqlite") }

func TestR14_ConformanceSQLite(t *testing.T) {
	t.Parallel()
	queuetest.Run(t, func(t *testing.T) queuetest.Harness {
		path := newFile(t)
		var ahead atomic.Int64
		opts := &sqlstore.Options{Skew: func() time.Duration { return time.Duration(ahead.Load()) }}
		store := open(t, path, opts)
		return queuetest.Harness{
			Store: store, Entries: store, Advance: func(d time.Duration) { ahead.Add(int64(d)) },
			Rounds: *rounds, Parts: manyParts,
			Reopen: func(t testing.TB) (queue.JobStore, queue.EntryReader) {
				again := open(t, path, opts)
				return again, again
			},
		}
	})
}
