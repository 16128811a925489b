package sqlstore_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/chain"
	"github.com/exportyard/exportyard/queue/sqlstore"
)

// keysOf makes keys of these ids, the newest first.
func keysOf(t testing.TB, newest string, older ...string) *chain.Keys {
	t.Helper()
	var list []chain.Key
	for _, id := range older {
		list = append(list, keyOf(id))
	}
	keys, err := chain.NewKeys(keyOf(newest), list...)
	require.NoError(t, err)
	return keys
}

func keyOf(id string) chain.Key {
	return chain.Key{ID: id, Secret: bytes.Repeat([]byte(id), chain.MinSecret)}
}

// auditOf is one audit entry, as a change has it.
func auditOf(tenant, id string) []queue.Entry {
	return []queue.Entry{{ID: id, Kind: queue.Audit, Tenant: tenant, Job: "job", Type: "export.requested", Actor: "ann", Data: payload("audit")}}
}

func appendTo(t testing.TB, s *sqlstore.Store, entries []queue.Entry) {
	t.Helper()
	_, err := s.Update(t.Context(), queue.Update{}, entries)
	require.NoError(t, err)
}

// A tampering is what somebody who has the database does to the audit log of acme, whose
// entries are numbered from 1 to entriesOfLog. The statement's $1 is one of them, $2
// another, $3 bytes.
var tamperings = []struct{ name, statements string }{
	{"edit the id", "update exportyard_entry set id = id || 'x' where seq = $1 and tenant = 'acme'"},
	{"edit the job", "update exportyard_entry set job = job || 'x' where seq = $1 and tenant = 'acme'"},
	{"edit the type", "update exportyard_entry set type = 'export.refused' where seq = $1 and tenant = 'acme'"},
	{"edit the actor", "update exportyard_entry set actor = 'bob' where seq = $1 and tenant = 'acme'"},
	{"edit the data", "update exportyard_entry set data = $3 where seq = $1 and tenant = 'acme'"},
	{"edit the data's version", "update exportyard_entry set data_version = 7 where seq = $1 and tenant = 'acme'"},
	{"edit the time", "update exportyard_entry set at = at + 1 where seq = $1 and tenant = 'acme'"},
	{"give it to another tenant", "update exportyard_entry set tenant = 'other' where seq = $1 and tenant = 'acme'"},
	{"make it another kind", "update exportyard_entry set kind = 'outbox' where seq = $1 and tenant = 'acme'"},
	{"delete", "delete from exportyard_entry where seq = $1 and tenant = 'acme'"},
	{"cut", "delete from exportyard_entry where seq >= $1 and tenant = 'acme'"},
	{
		"cut, and set the head back", `delete from exportyard_entry where seq > $1 and tenant = 'acme';
		update exportyard_tenant set chain_number = $1, chain_mac = (select chain_mac from exportyard_entry where seq = $1 and tenant = 'acme') where tenant = 'acme'`,
	},
	{
		"insert", `update exportyard_entry set seq = seq + 1000 where seq >= $1 and tenant = 'acme';
		update exportyard_entry set seq = seq - 999 where seq > 1000 and tenant = 'acme';
		insert into exportyard_entry (id, tenant, kind, seq, job, type, actor, data_version, at)
			values ('inserted', 'acme', 'audit', $1, 'job', 'export.requested', 'eve', 1, 1)`,
	},
	{
		"append", `insert into exportyard_entry (id, tenant, kind, seq, job, type, actor, data_version, at)
			values ('appended', 'acme', 'audit', 1000 + $1, 'job', 'export.requested', 'eve', 1, 1)`,
	},
	{
		"repeat", `insert into exportyard_entry (id, tenant, kind, seq, job, type, actor, data_version, data, at, chain_number, chain_key, chain_mac)
			select 'repeated', tenant, kind, 1000 + $1, job, type, actor, data_version, data, at, chain_number, chain_key, chain_mac
			from exportyard_entry where seq = $1 and tenant = 'acme'`,
	},
	{
		"reorder", `update exportyard_entry set seq = 1000 where seq = $1 and tenant = 'acme';
		update exportyard_entry set seq = $1 where seq = $2 and tenant = 'acme';
		update exportyard_entry set seq = $2 where seq = 1000 and tenant = 'acme'`,
	},
	{"take the link away", "update exportyard_entry set chain_number = 0, chain_key = '', chain_mac = null where seq = $1 and tenant = 'acme'"},
	{"edit the link's number", "update exportyard_entry set chain_number = 1000 where seq = $1 and tenant = 'acme'"},
	{"edit the link's key", "update exportyard_entry set chain_key = 'b' where seq = $1 and tenant = 'acme'"},
	{"edit the link's hash", "update exportyard_entry set chain_mac = $3 where seq = $1 and tenant = 'acme'"},
	{"edit the head's number", "update exportyard_tenant set chain_number = chain_number + $1 where tenant = 'acme'"},
	{"edit the head's beginning", "update exportyard_tenant set chain_since = $1 where tenant = 'acme'"},
	{"edit the head's hash", "update exportyard_tenant set chain_mac = $3 where tenant = 'acme'"},
	{"edit the head's seal", "update exportyard_tenant set chain_seal = $3 where tenant = 'acme'"},
	{"take the head away", "update exportyard_tenant set chain_number = 0, chain_since = 0, chain_mac = null, chain_key = '', chain_seal = null where tenant = 'acme'"},
}

// entriesOfLog is how many entries the log has that is tampered with.
const entriesOfLog = 8

// R41: whatever somebody does to the rows of an audit log, a fresh read finds it. 10,000
// times on each database with EXPORTYARD_FULL=1, else each tampering twice.
func TestR41_TamperingsAreFound(t *testing.T) {
	t.Parallel()
	times := 2 * len(tamperings)
	if os.Getenv("EXPORTYARD_FULL") == "1" {
		times = 10_000
	}
	onEach(t, func(t *testing.T, p place) {
		keys := keysOf(t, "a", "b")
		written := p.open(t, &sqlstore.Options{AuditKeys: keys})
		for i := range entriesOfLog {
			appendTo(t, written, append(auditOf("acme", fmt.Sprint("e", i)), auditOf("globex", fmt.Sprint("g", i))...))
		}
		db := p.db(t)
		for _, table := range []string{"entry", "tenant"} {
			run(t, db, "create table kept_"+table+" as select * from exportyard_"+table)
		}
		fresh := p.open(t, &sqlstore.Options{AuditKeys: keys})
		_, err := fresh.VerifyAudit(t.Context(), "acme")
		require.NoError(t, err)
		r := rand.New(rand.NewPCG(41, 41))
		for i := range times {
			tampering := tamperings[i%len(tamperings)]
			one, other := 1+r.IntN(entriesOfLog-1), entriesOfLog
			tamper(t, db, tampering.statements, one, other, fmt.Append(nil, r.Int()))
			_, err := fresh.VerifyAudit(t.Context(), "acme")
			var broken *chain.BrokenError
			require.ErrorAs(t, err, &broken, "%s of %d", tampering.name, one)
			require.Equal(t, "acme", broken.Tenant)
			_, err = fresh.VerifyAudit(t.Context(), "globex")
			require.NoError(t, err, tampering.name)
			for _, table := range []string{"entry", "tenant"} {
				run(t, db, "delete from exportyard_"+table+"")
				run(t, db, "insert into exportyard_"+table+" select * from kept_"+table)
			}
		}
		_, err = fresh.VerifyAudit(t.Context(), "acme")
		require.NoError(t, err)
	})
}

func run(t testing.TB, db *sql.DB, statement string, args ...any) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), statement, args...)
	require.NoError(t, err, statement)
}

// tamper runs statements that have no more than their own placeholders.
func tamper(t testing.TB, db *sql.DB, statements string, one, other int, data []byte) {
	t.Helper()
	for _, statement := range bytes.Split([]byte(statements), []byte(";")) {
		statement = bytes.ReplaceAll(statement, []byte("$1"), fmt.Append(nil, one))
		statement = bytes.ReplaceAll(statement, []byte("$2"), fmt.Append(nil, other))
		var args []any
		if bytes.Contains(statement, []byte("$3")) {
			statement, args = bytes.ReplaceAll(statement, []byte("$3"), []byte("$1")), []any{data}
		}
		run(t, db, string(statement), args...)
	}
}

// R41: a hundred who append through several stores make one chain, which a store that
// wrote nothing proves.
func TestR41_SeveralStoresOneChain(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p place) {
		keys := keysOf(t, "a")
		var stores []*sqlstore.Store
		for range 4 {
			stores = append(stores, p.open(t, &sqlstore.Options{AuditKeys: keys}))
		}
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				_, err := stores[i%4].Update(t.Context(), queue.Update{}, auditOf("acme", fmt.Sprint(i)))
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		head, err := p.open(t, &sqlstore.Options{AuditKeys: keys}).VerifyAudit(t.Context(), "acme")
		require.NoError(t, err)
		require.EqualValues(t, 100, head.Number)
	})
}

// A store that gets its keys later begins chains there. From then on nobody appends to
// them without keys, and who has none goes on where there is no chain.
func TestR41_KeysGivenLater(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p place) {
		none := p.open(t, nil)
		appendTo(t, none, append(auditOf("acme", "1"), auditOf("globex", "2")...))
		_, err := none.VerifyAudit(t.Context(), "acme")
		require.ErrorIs(t, err, chain.ErrNoKeys)

		first := p.open(t, &sqlstore.Options{AuditKeys: keysOf(t, "a")})
		head, err := first.VerifyAudit(t.Context(), "acme")
		require.NoError(t, err)
		require.Zero(t, head.Number)
		appendTo(t, first, auditOf("acme", "3"))
		head, err = first.VerifyAudit(t.Context(), "acme")
		require.NoError(t, err)
		require.Equal(t, []int64{1, 1}, []int64{head.Number, head.Since})

		_, err = none.Update(t.Context(), queue.Update{}, auditOf("acme", "4"))
		require.ErrorIs(t, err, chain.ErrNoKeys)
		appendTo(t, none, auditOf("globex", "5"))

		second := p.open(t, &sqlstore.Options{AuditKeys: keysOf(t, "b", "a")})
		appendTo(t, second, auditOf("acme", "6"))
		_, err = first.Update(t.Context(), queue.Update{}, auditOf("acme", "7"))
		require.ErrorIs(t, err, chain.ErrUnknownKey)
		head, err = second.VerifyAudit(t.Context(), "acme", head)
		require.NoError(t, err)
		require.Equal(t, []any{int64(2), "b"}, []any{head.Number, head.Key})
	})
}

// A request in the host's transaction is in the chain when that is committed, and other
// tenants do not wait for it.
func TestR41_ChainInTheHostsTransaction(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p place) {
		store := p.open(t, &sqlstore.Options{AuditKeys: keysOf(t, "a"), LockWait: 2 * time.Second})
		db := p.db(t)
		for i, commit := range []bool{true, false, true} {
			tx, err := db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			id := fmt.Sprint("job", i)
			_, _, err = store.CreateTx(t.Context(), tx, draft(id), entriesOf(id))
			require.NoError(t, err)
			if p.Dialect == sqlstore.PostgreSQL {
				appendTo(t, store, auditOf("globex", id))
			}
			if commit {
				require.NoError(t, tx.Commit())
			} else {
				require.NoError(t, tx.Rollback())
			}
		}
		head, err := store.VerifyAudit(t.Context(), "acme")
		require.NoError(t, err)
		require.EqualValues(t, 2, head.Number)
	})
}
