package sqlstore_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/cursor"
	"github.com/exportyard/exportyard/queue/feed"
	"github.com/exportyard/exportyard/queue/sqlstore"
)

// No statement of a store with many jobs looks at a whole table, or sorts. The one
// sort that is allowed is of the jobs that have a suspect, which are few.
func TestNoStatementScansOrSorts(t *testing.T) {
	t.Parallel()
	db, tap := inFile(t).tapped(t)
	store, err := sqlstore.Open(t.Context(), db, sqlstore.SQLite, &sqlstore.Options{AuditKeys: keysOf(t, "a")})
	require.NoError(t, err)
	base(t, store, true)
	tap.arm(0, "", nil)
	everyMethod(t, store)
	seen := explain(t, db, tap, func(query, detail string) bool {
		fewSuspects := strings.Contains(query, "p.suspect = 1)")
		inOrder := strings.Contains(detail, "USING INDEX exportyard_job_rotation") || strings.Contains(detail, "USING COVERING INDEX exportyard_job_rotation") ||
			strings.Contains(detail, "USING COVERING INDEX exportyard_entry_unsettled") && strings.HasSuffix(query, "limit 1") ||
			strings.HasPrefix(query, "select count(*)") && strings.Contains(detail, "USING COVERING INDEX exportyard_part_leased") ||
			readsInOrder(query, detail) ||
			fewSuspects && strings.Contains(detail, "exportyard_part_suspect")
		return inOrder || strings.Contains(detail, "TEMP B-TREE") && fewSuspects
	})
	require.Greater(t, seen, 20, "too few statements were seen")
}

// explain lets SQLite explain each statement that the tap has seen, and returns how many.
// A step that scans or sorts has to be allowed; what a statement brings itself is not
// looked at.
func explain(t *testing.T, db *sql.DB, tap *tap, allowed func(query, detail string) bool) (seen int) {
	t.Helper()
	tap.mu.Lock()
	log := slices.Clone(tap.log)
	tap.mu.Unlock()
	known := map[string]bool{}
	for _, s := range log {
		word := strings.Fields(strings.ToLower(s.query))[0]
		if known[s.query] || !slices.Contains([]string{"select", "insert", "update", "delete"}, word) {
			continue
		}
		known[s.query] = true
		args := make([]any, len(s.args))
		for i, a := range s.args {
			args[i] = a.Value
		}
		rows, err := db.QueryContext(t.Context(), "explain query plan "+s.query, args...)
		require.NoError(t, err)
		for rows.Next() {
			var id, parent, unused int
			var detail string
			require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
			given := strings.HasSuffix(detail, "VALUES CLAUSE") || strings.Contains(detail, "CONSTANT ROW") || detail == "SCAN v" || detail == "SCAN f" ||
				detail == "SCAN sqlite_master" // the catalog, which does not grow
			if (strings.Contains(detail, "SCAN") && !given || strings.Contains(detail, "TEMP B-TREE")) && !allowed(s.query, detail) {
				t.Errorf("%s\n  in %s", detail, s.query)
			}
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
	}
	return len(known)
}

// readsInOrder reports whether a step of a gauge reads no more of an index than it counts.
func readsInOrder(query, detail string) bool {
	ends := strings.HasSuffix(query, " limit 1") || strings.HasSuffix(query, " limit $1) as counted")
	return ends && (detail == "SCAN counted" || strings.Contains(detail, " INDEX exportyard_part_") || strings.Contains(detail, " INDEX exportyard_job_"))
}

// everyMethod calls each method, in each way that makes another statement.
func everyMethod(t *testing.T, s *sqlstore.Store) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) { t.Helper(); require.NoError(t, err) }
	_, _, err := s.Create(ctx, draft("new"), entriesOf("new"))
	must(err)
	_, err = s.Get(ctx, "acme", "new")
	must(err)
	for i, q := range []queue.ListQuery{
		{},
		{After: cursor.Make("acme", 3)},
		{Kind: "archive"},
		{Actor: "ann"},
		{States: []queue.State{queue.Pending, queue.Running}, Kind: "archive", Actor: "ann", After: cursor.Make("acme", 3)},
	} {
		q.Tenant = "acme"
		_, _, err = s.List(ctx, q)
		require.NoError(t, err, fmt.Sprint(i))
	}
	_, err = s.Parts(ctx, "acme", "base", -1, 10)
	must(err)
	for _, alone := range []bool{true, false} {
		_, err = s.Claim(ctx, queue.Claim{Worker: "w", Limit: 3, Alone: alone, Lease: -time.Second})
		must(err)
		_, err = s.Claim(ctx, queue.Claim{Worker: "w", Limit: 3, Alone: alone, Lease: -time.Second, PerTenant: 50, InAll: 100})
		must(err)
	}
	_, err = s.Renew(ctx, queue.Renew{Leases: []queue.Lease{{Tenant: "acme", Job: "base", Number: 1, Fence: 1}}, Lease: -time.Second})
	must(err)
	due, err := s.Due(ctx, 10)
	must(err)
	require.NotEmpty(t, due)
	due = slices.DeleteFunc(due, func(d queue.Due) bool { return d.Job.ID == "new" })
	for i, o := range []queue.Outcome{queue.LeaseOver, queue.Refuse} {
		p := due[i].Part
		_, err = s.Finish(ctx, queue.Finish{Tenant: p.Tenant, Job: p.Job, Number: p.Number, Fence: p.Fence, Outcome: o, MaxCrashes: 3}, nil)
		must(err)
	}
	_, err = s.Update(ctx, queue.Update{Tenant: "acme", Job: "new", Event: queue.Cancel}, nil)
	must(err)
	_, err = s.Entries(ctx, "acme", queue.Audit, 0, 10)
	must(err)
	_, err = s.AuditChain(ctx, "acme", 0, 10)
	must(err)
	given, ok, err := s.ClaimFeed(ctx, feed.Claim{Lease: time.Hour, Limit: 1})
	must(err)
	require.True(t, ok)
	must(s.SettleFeed(ctx, feed.Settle{Tenant: given.Tenant, Attempt: given.Attempt, Taken: given.Entries[0].Seq}))
	everyMethodOfEvents(t, s)
	everyOperation(t, s)
}

func everyMethodOfEvents(t *testing.T, s *sqlstore.Store) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) { t.Helper(); require.NoError(t, err) }
	events, err := s.ClaimOutbox(ctx, queue.OutboxClaim{Limit: 10, Lease: time.Hour})
	must(err)
	require.NotEmpty(t, events)
	must(s.SettleOutbox(ctx, queue.Settle{Tenant: "acme", Entry: events[0].Entry.ID, Attempt: 1, State: queue.Delivered}))
	_, err = s.OutboxAge(ctx)
	must(err)
	for _, q := range []queue.InboxQuery{
		{},
		{After: cursor.Make("acme", 3)},
		{Types: []string{"a", "b"}},
		{Unread: true},
		{Actor: "ann"},
		{Actor: "ann", Types: []string{"a", "b"}, Unread: true, After: cursor.Make("acme", 3)},
	} {
		q.Tenant = "acme"
		_, _, err = s.Inbox(ctx, q)
		must(err)
		_, err = s.CountUnread(ctx, q)
		must(err)
		_, err = s.MarkRead(ctx, queue.ReadMark{Tenant: "acme", Actor: q.Actor, IDs: []string{"e"}, UpTo: 1})
		must(err)
	}
}
