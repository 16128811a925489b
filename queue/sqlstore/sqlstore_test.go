package sqlstore_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/queuetest"
	"github.com/exportyard/exportyard/queue/sqlstore"
)

func TestR14_ConformanceSQLite(t *testing.T) {
	t.Parallel()
	conform(t, inFile)
}

func TestR14_ConformancePostgreSQL(t *testing.T) {
	t.Parallel()
	needServer(t)
	conform(t, inSchema)
}

func conform(t *testing.T, where func(testing.TB) place) {
	queuetest.Run(t, func(t *testing.T) queuetest.Harness {
		p := where(t)
		var ahead atomic.Int64
		opts := &sqlstore.Options{AuditKeys: keysOf(t, "a"), Skew: func() time.Duration { return time.Duration(ahead.Load()) }}
		store := p.open(t, opts)
		return queuetest.Harness{
			Store: store, Entries: store, Keys: opts.AuditKeys, Host: p.db(t), Advance: func(d time.Duration) { ahead.Add(int64(d)) },
			Rounds: *rounds, Parts: manyParts,
			Reopen: func(t testing.TB) (queue.JobStore, queue.EntryReader) {
				again := p.open(t, opts)
				return again, again
			},
		}
	})
}
