package sqlstore_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore"
)

// Tables that were made before events could be delivered keep their entries: events
// are due, and a courier decides whether they are too old.
func TestR39_EventsOfOlderTablesAreDue(t *testing.T) {
	t.Parallel()
	db := inFile(t).db(t)
	first, err := os.ReadFile("internal/txn/migrations/sqlite_0001.sql")
	require.NoError(t, err)
	for _, statement := range []string{
		"create table exportyard_schema (version integer not null primary key)",
		string(first),
		"insert into exportyard_schema (version) values (1)",
		`insert into exportyard_entry (id, tenant, kind, seq, job, type, actor, data_version, data, at)
			values ('a', 'acme', 'audit', 1, 'job', 'export.completed', 'ann', 1, 'x', 1000000),
			('o', 'acme', 'outbox', 2, 'job', 'export.completed', 'ann', 1, 'x', 1000000)`,
	} {
		_, err := db.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	store, err := sqlstore.Open(t.Context(), db, sqlstore.SQLite, nil)
	require.NoError(t, err)
	got, err := store.ClaimOutbox(t.Context(), queue.OutboxClaim{Limit: 10, Lease: time.Minute})
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, queue.Entry{
		ID: "o", Kind: queue.Outbox, Tenant: "acme", Job: "job", Type: "export.completed", Actor: "ann",
		Data: queue.Payload{Version: 1, Data: []byte("x")}, At: time.Unix(1, 0).UTC(), Seq: 2,
	}, got[0].Entry)
	inbox, _, err := store.Inbox(t.Context(), queue.InboxQuery{Tenant: "acme", Unread: true})
	require.NoError(t, err)
	require.Len(t, inbox, 1)
}
