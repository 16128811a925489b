package sqlstore_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
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

// history fills a new schema with jobs, of which the tenant t0 has a fifth. Most ended
// long ago. Beside them 2,000 of t0 run and have nothing to claim, since their only rows
// part is leased; 20 of t0 have 500 ready parts each; every other tenant has a job with a
// ready part, and was claimed longer ago; and of everything that can be due 200 are.
func history(t *testing.T, p place, jobs, tenants int) {
	t.Helper()
	db := p.db(t)
	run := func(query string, args ...any) {
		t.Helper()
		_, err := db.ExecContext(t.Context(), query, args...)
		require.NoError(t, err, query)
	}
	versions, err := sqlstore.Migrations(sqlstore.PostgreSQL)
	require.NoError(t, err)
	var later []string // indexes are made faster of rows that are there, and dropped after that
	for _, v := range versions {
		for _, statement := range strings.Split(v.SQL, ";\n") {
			if strings.Contains(statement, "drop index") || strings.Contains(statement, "create index") || strings.Contains(statement, "create unique index") {
				later = append(later, statement)
			} else {
				run(strings.ReplaceAll(statement, "create table exportyard", "create unlogged table exportyard"))
			}
		}
	}
	const now = "cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)"
	run(fmt.Sprintf("insert into exportyard_tenant (tenant, jobs, entries, claimed, waiting) select 't' || i, %d, %d, case when i = 0 then 3000000 else i end, 1 from generate_series(0, %d) i", jobs, jobs, tenants-1))
	run(fmt.Sprintf(`insert into exportyard_job (id, tenant, seq, kind, slot, actor, idempotency_key, fingerprint, retry_of, request_version, request,
		state, reason_version, result_version, parts, parts_sealed, rows_planned, sealed_rows, sealed_bytes, crashes, cleanings, version,
		claimed, created_at, started_at, finished_at, expires_at)
		select 'job-' || i, 't' || case when i %% 5 = 0 then 0 else i %% %[2]d end, i, case when i %% 10007 = 0 then 'snapshot' else 'archive' end,
		'slot-' || i, case when i %% 10009 = 0 then 'bob' else 'ann' end, 'key-' || i, 'f', '', 1, '{"format":"csv","all":true}',
		case when i %% 10037 = 0 then 'failed' when i %% 10039 = 0 then 'canceled' else 'completed' end, 0, 0, 3, 3, 1, 1, 1, 0, 3, 6,
		i, i, i, i, %[3]s + 86400000000 + i from generate_series(1, %[1]d) i`, jobs, tenants, now))
	run(`insert into exportyard_part (job, number, kind, payload_version, state, fence, row_count) select ord, 1, 'rows', 1, 'sealed', 1, 1 from exportyard_job`)
	run(`insert into exportyard_entry (id, tenant, kind, seq, job, type, actor, data_version, at)
		select 'e' || seq, tenant, 'audit', seq, id, 'completed', actor, 1, seq from exportyard_job`)
	// Each job has an event too. Most were delivered; two thirds were never read.
	run(fmt.Sprintf(`insert into exportyard_entry (id, tenant, kind, seq, job, type, actor, data_version, at, delivery, due_at, attempt, read_at)
		select 'o' || seq, tenant, 'outbox', seq, id, case when seq %% 7 = 0 then 'canceled' else 'completed' end, actor, 1, seq,
		case when seq > %[1]d - 400 then '' else 'delivered' end, case when seq > %[1]d - 200 then 1000 + seq else 0 end, 0,
		case when seq %% 3 = 0 then seq end from exportyard_job`, jobs))
	// What is active, all jobs of which were claimed before those that are ready.
	run(`insert into exportyard_job (id, tenant, seq, kind, slot, actor, idempotency_key, fingerprint, retry_of, request_version,
		state, reason_version, result_version, parts, parts_sealed, rows_planned, sealed_rows, sealed_bytes, crashes, cleanings, version,
		claimed, ready, created_at, claimed_at, started_at, deadline_at)
		select 'active-' || i, 't0', 100000000 + i, 'archive', 'active-' || i, 'ann', '', 'f', '', 1, 'running', 0, 0, 3, 1, 1, 0, 0, 0, 0, 3,
		i, case when i > 2000 then 1 else 0 end, i, i, i, ` + now + ` + case when i <= 200 then -1000 else 86400000000 end from generate_series(1, 2020) i`)
	run(`insert into exportyard_part (tenant, job, number, kind, payload_version, state, fence, lease_until)
		select tenant, ord, 1, 'rows', 1, 'leased', 1, ` + now + ` + case when claimed <= 200 then -1000 else 86400000000 end
		from exportyard_job where state = 'running' and ready = 0`)
	run(`insert into exportyard_part (tenant, job, number, kind, payload_version, state)
		select tenant, ord, n, 'rows', 1, 'ready' from exportyard_job, generate_series(1, 500) n where state = 'running' and ready = 1`)
	run(fmt.Sprintf(`insert into exportyard_job (id, tenant, seq, kind, slot, actor, idempotency_key, fingerprint, retry_of, request_version,
		state, reason_version, result_version, parts, parts_sealed, rows_planned, sealed_rows, sealed_bytes, crashes, cleanings, version,
		claimed, ready, created_at, started_at)
		select 'small-' || i, 't' || i, 200000000 + i, 'archive', 'small-' || i, 'ann', '', 'f', '', 1, 'running', 0, 0, 3, 1, 1, 0, 0, 0, 0, 3,
		i, 1, i, i from generate_series(1, %d) i`, tenants-1))
	run(`insert into exportyard_part (tenant, job, number, kind, payload_version, state)
		select tenant, ord, 1, 'rows', 1, 'ready' from exportyard_job where id like 'small-%' and state = 'running'`)
	run(`update exportyard_job set claimed_at = claimed where state = 'running'`)
	run(`update exportyard_job set expires_at = 1 where state = 'completed' and ord <= 200`)
	run(`update exportyard_job set clean_at = 1 where state = 'completed' and ord > 200 and ord <= 400`)
	run(`update exportyard_job set notice_at = 1 where state = 'completed' and ord > 400 and ord <= 600`)
	// On hold are more than any page holds, and past all their clocks.
	run(`update exportyard_job set held = 1, notice_at = 1, expires_at = 1, clean_at = 1 where state = 'completed' and ord > 600 and ord <= 2600`)
	run(`insert into exportyard_run (schedule, number, nominal, manual, actor, outcome, job, reason_version, at)
		select 1, seq, seq, 0, '', case when state = 'running' then 'started' else 'completed' end, id, 0, seq from exportyard_job where tenant = 't0'`)
	schedules(run, tenants)
	for _, statement := range later {
		run(statement)
	}
	run("update exportyard_tenant set feed_due = 1 where tenant = 't0'")
	run("vacuum analyze")
}

// schedules gives each tenant a schedule of ten runs, and t7 one of 5,000. 200 are due, and 200 behind the
// platform's that all follow. The last runs of 2,000 have jobs that are active, and those
// of 198 jobs that have ended.
func schedules(run func(query string, args ...any), tenants int) {
	run(`insert into exportyard_schedule (tenant, id, owner, follows, followed, settings_version, state, reason_version, failures, runs, version, created_at)
		values ('', 'default', '', '', 0, 1, 'active', 0, 0, 0, 2, 1)`)
	run(fmt.Sprintf(`insert into exportyard_schedule (tenant, id, owner, follows, followed, settings_version, state, reason_version, next_tick, due_at, last_tick, failures, runs, version, created_at)
		select 't' || i, 'nightly', 'ann', 'default', case when i %% 100 = 0 and i < 20000 then 1 else 2 end, 1, 'active', 0, t.due, t.due, 1, 0, 10, 3, i
		from generate_series(0, %d) i, lateral (select case when i < 200 then 1000 + i else 8000000000000000 + i end as due) t`, tenants-1))
	run(`insert into exportyard_run (schedule, number, nominal, manual, actor, outcome, job, reason_version, at, ended_at)
		select s.ord, n, n, 0, '', case when n < 10 then 'completed' when i between 1 and 2200 then 'started' else 'failed' end,
		case when n < 10 or i not between 1 and 2200 then 'none' when i < 250 and i % 5 <> 0 then 'job-' || i else 'small-' || i end, 0, n, n
		from exportyard_schedule s, lateral (select s.created_at as i) t, generate_series(1, 10) n where s.tenant not in ('', 't7')`)
	run(`insert into exportyard_run (schedule, number, nominal, manual, actor, outcome, job, reason_version, at, ended_at)
		select s.ord, n, n, 0, '', 'completed', 'none', 0, n, n from exportyard_schedule s, generate_series(1, 5000) n where s.tenant = 't7'`)
	run(`update exportyard_schedule set runs = 5000 where tenant = 't7'`)
}

// A node is one of a plan's, as EXPLAIN tells it.
type node struct {
	Type    string  `json:"Node Type"`
	Table   string  `json:"Relation Name"`
	Index   string  `json:"Index Name"`
	Rows    float64 `json:"Actual Rows"`
	Loops   float64 `json:"Actual Loops"`
	Removed float64 `json:"Rows Removed by Filter"`
	Recheck float64 `json:"Rows Removed by Index Recheck"`
	Hit     int     `json:"Shared Hit Blocks"`
	Read    int     `json:"Shared Read Blocks"`
	Plans   []node
}

// touched is how many rows the node looked at.
func (n node) touched() int { return int((n.Rows + n.Removed + n.Recheck) * n.Loops) }

func (n node) each(do func(node)) {
	do(n)
	for _, below := range n.Plans {
		below.each(do)
	}
}

// mostTouched is how many rows any step of any statement below may look at: the pages
// are of 50, one of them of two states, and a claim takes 16 parts. A claim with a limit
// for all counts what is in flight, up to that; and who looks for runs whose jobs have
// ended looks at all that have not.
const (
	mostTouched = 260
	mostInAll   = 2_500
	mostOpen    = 2_500
)

// Each statement of a store with much history reads by an index, in the order that it
// needs, and no more than its page. Of 10 million jobs and 100,000 tenants with
// EXPORTYARD_FULL=1, else of 100,000 and 20,000.
func TestPlansOfMuchHistory(t *testing.T) {
	t.Parallel()
	p := emptySchema(t)
	jobs, tenants := 100_000, 20_000
	if os.Getenv("EXPORTYARD_FULL") == "1" {
		jobs, tenants = 10_000_000, 100_000
	}
	begin := time.Now()
	history(t, p, jobs, tenants)
	t.Logf("%d jobs of %d tenants were made in %v", jobs, tenants, time.Since(begin).Round(time.Second))
	db, tap := p.tapped(t)
	store, err := sqlstore.Open(t.Context(), db, p.Dialect, &sqlstore.Options{AuditKeys: keysOf(t, "a")})
	require.NoError(t, err)
	names := []string{}
	for _, use := range slices.Concat(usesOfSchedules, usesOfHistory, usesByOperators) {
		tap.arm(0, "", nil)
		require.NoError(t, use.do(t, store), use.name)
		tap.mu.Lock()
		log := slices.Clone(tap.log)
		tap.mu.Unlock()
		seen := map[string]int{}
		for _, s := range log {
			if seen[s.query]++; seen[s.query] > 6 { // a list asks for each of six states
				continue
			}
			word, _, _ := strings.Cut(strings.TrimSpace(strings.ToLower(s.query)), " ")
			if slices.Contains([]string{"select", "insert", "update", "delete"}, word) && strings.Contains(s.query, "exportyard") {
				names = append(names, use.name)
				checkPlan(t, db, use.name, s)
			}
		}
	}
	require.Greater(t, len(names), 30, "too few statements were seen")
}

// A use is a call of a store with much history.
type use struct {
	name string
	do   func(*testing.T, *sqlstore.Store) error
}

// usesOfHistory are the calls whose plans are looked at.
var usesOfHistory = []use{
	{"list", listing(queue.ListQuery{})},
	{"list, second page", listing(queue.ListQuery{After: cursor.Make("t0", 50_000)})},
	{"list of rare states", listing(queue.ListQuery{States: []queue.State{queue.Failed, queue.Canceled}})},
	{"list of a frequent state", listing(queue.ListQuery{States: []queue.State{queue.Completed}})},
	{"list of the active", listing(queue.ListQuery{States: []queue.State{queue.Pending, queue.Running}})},
	{"list of a rare kind", listing(queue.ListQuery{Kind: "snapshot"})},
	{"list of a rare actor", listing(queue.ListQuery{Actor: "bob"})},
	{"get", func(t *testing.T, s *sqlstore.Store) error { _, err := s.Get(t.Context(), "t0", "job-5"); return err }},
	{"parts", func(t *testing.T, s *sqlstore.Store) error {
		parts, err := s.Parts(t.Context(), "t0", "active-2001", 100, 50)
		require.Len(t, parts, 50)
		return err
	}},
	{"due", func(t *testing.T, s *sqlstore.Store) error {
		due, err := s.Due(t.Context(), 50)
		require.Len(t, due, 50)
		return err
	}},
	{"claim", claiming(queue.Claim{Limit: 16})},
	{"claim alone", claiming(queue.Claim{Limit: 16, Alone: true})},
	{"claim for one hand", claiming(queue.Claim{Limit: 1})},
	{"claim with limits", claiming(queue.Claim{Limit: 16, Alone: true, PerTenant: 3, InAll: mostInAll})},
	{"renew", func(t *testing.T, s *sqlstore.Store) error {
		answers, err := s.Renew(t.Context(), queue.Renew{Lease: time.Hour, Leases: []queue.Lease{
			{Tenant: "t0", Job: "active-300", Number: 1, Fence: 1}, {Tenant: "t0", Job: "active-301", Number: 1, Fence: 1},
		}})
		require.Equal(t, []queue.Renewed{{JobState: queue.Running}, {JobState: queue.Running}}, answers)
		return err
	}},
	{"seal", func(t *testing.T, s *sqlstore.Store) error {
		_, err := s.Finish(t.Context(), queue.Finish{Tenant: "t0", Job: "active-302", Number: 1, Fence: 1, Outcome: queue.Seal}, auditOf("t0", "seal"))
		return err
	}},
	{"create", func(t *testing.T, s *sqlstore.Store) error {
		_, _, err := s.Create(t.Context(), draft("new"), entriesOf("new"))
		return err
	}},
	{"cancel", func(t *testing.T, s *sqlstore.Store) error {
		_, err := s.Update(t.Context(), queue.Update{Tenant: "t0", Job: "active-303", Event: queue.Cancel}, auditOf("t0", "cancel"))
		return err
	}},
	{"cancel of a tenant's last work", func(t *testing.T, s *sqlstore.Store) error {
		_, err := s.Update(t.Context(), queue.Update{Tenant: "t500", Job: "small-500", Event: queue.Cancel}, nil)
		return err
	}},
	{"release", func(t *testing.T, s *sqlstore.Store) error {
		_, err := s.Finish(t.Context(), queue.Finish{Tenant: "t0", Job: "active-304", Number: 1, Fence: 1, Outcome: queue.Release}, nil)
		return err
	}},
	{"entries", func(t *testing.T, s *sqlstore.Store) error {
		entries, err := s.Entries(t.Context(), "t0", queue.Audit, 25_000, 50)
		require.Len(t, entries, 50)
		return err
	}},
	{"audit chain", func(t *testing.T, s *sqlstore.Store) error {
		page, err := s.AuditChain(t.Context(), "t0", 25_000, 50)
		require.Len(t, page.Entries, 50)
		require.EqualValues(t, 2, page.Head.Number, "of those that were appended before")
		return err
	}},
	{"feed", func(t *testing.T, s *sqlstore.Store) error {
		given, ok, err := s.ClaimFeed(t.Context(), feed.Claim{Lease: time.Hour, Limit: 50})
		require.True(t, ok)
		require.Len(t, given.Entries, 50)
		require.NoError(t, s.SettleFeed(t.Context(), feed.Settle{Tenant: given.Tenant, Attempt: given.Attempt, Taken: given.Entries[49].Seq}))
		return err
	}},
	{"claim outbox", func(t *testing.T, s *sqlstore.Store) error {
		events, err := s.ClaimOutbox(t.Context(), queue.OutboxClaim{Limit: 50, Lease: time.Hour})
		require.Len(t, events, 50)
		require.NoError(t, s.SettleOutbox(t.Context(), queue.Settle{
			Tenant: events[0].Entry.Tenant, Entry: events[0].Entry.ID, Attempt: 1, State: queue.Delivered,
		}))
		return err
	}},
	{"outbox age", func(t *testing.T, s *sqlstore.Store) error {
		age, err := s.OutboxAge(t.Context())
		require.Positive(t, age)
		return err
	}},
	{"inbox of a tenant", reading(queue.InboxQuery{})},
	{"inbox, second page", reading(queue.InboxQuery{After: cursor.Make("t0", 50_000)})},
	{"inbox of types", reading(queue.InboxQuery{Types: []string{"completed", "failed"}})},
	{"inbox of a rare actor", reading(queue.InboxQuery{Actor: "bob"})},
	{"inbox of an actor", reading(queue.InboxQuery{Actor: "ann", Types: []string{"completed", "failed"}, After: cursor.Make("t0", 50_000)})},
	{"unread of a tenant", reading(queue.InboxQuery{Unread: true})},
	{"unread of an actor", reading(queue.InboxQuery{Actor: "ann", Types: []string{"completed", "failed"}, Unread: true})},
	{"mark read", func(t *testing.T, s *sqlstore.Store) error {
		n, err := s.MarkRead(t.Context(), queue.ReadMark{Tenant: "t0", Actor: "ann", IDs: []string{"o5", "o15"}})
		require.Equal(t, 1, n)
		return err
	}},
	{"mark all read", func(t *testing.T, s *sqlstore.Store) error {
		n, err := s.MarkRead(t.Context(), queue.ReadMark{Tenant: "t0", Actor: "ann", UpTo: 6_000})
		require.Greater(t, n, 600)
		return err
	}},
}

var usesOfSchedules = []use{
	{"due schedules", func(t *testing.T, s *sqlstore.Store) error {
		due, err := s.DueSchedules(t.Context(), 50)
		require.NoError(t, err)
		require.Len(t, due, 50)
		kinds := map[queue.DueKind]int{}
		for _, d := range due {
			kinds[d.Kind]++
		}
		require.Len(t, kinds, 3)
		return err
	}},
	{"schedules", func(t *testing.T, s *sqlstore.Store) error {
		list, err := s.Schedules(t.Context(), "t7", "", 50)
		require.Len(t, list, 1)
		return err
	}},
	{"runs", func(t *testing.T, s *sqlstore.Store) error {
		runs, err := s.Runs(t.Context(), "t7", "nightly", 4000, 50)
		require.Len(t, runs, 50)
		return err
	}},
	{"take a tick", func(t *testing.T, s *sqlstore.Store) error {
		of, err := s.GetSchedule(t.Context(), "t7", "nightly")
		require.NoError(t, err)
		job := draft("of-a-tick")
		job.Tenant = "t7"
		_, run, err := s.TakeTick(t.Context(), queue.Tick{
			Tenant: "t7", Schedule: "nightly", Version: of.Version, Nominal: of.NextTick, Next: of.NextTick.Add(time.Hour), Outcome: queue.RunStarted, Job: job,
		}, auditOf("t7", "tick"))
		require.Equal(t, int64(5001), run.Number)
		return err
	}},
	{"end of a run", func(t *testing.T, s *sqlstore.Store) error {
		_, _, err := s.EndRun(t.Context(), queue.RunEnd{Tenant: "t9", Schedule: "nightly", Number: 10}, nil)
		return err
	}},
	{"change of a schedule", func(t *testing.T, s *sqlstore.Store) error {
		_, err := s.ChangeSchedule(t.Context(), queue.ScheduleChange{Tenant: "t11", Schedule: "nightly", Version: 3, Event: queue.PauseSchedule}, nil)
		return err
	}},
	{"create a schedule", func(t *testing.T, s *sqlstore.Store) error {
		for range 2 {
			if _, _, err := s.CreateSchedule(t.Context(), queue.Schedule{ID: "new", Tenant: "t7"}, nil); err != nil {
				return err
			}
		}
		return nil
	}},
}

// reading looks at an inbox and counts what is unread in it.
func reading(q queue.InboxQuery) func(*testing.T, *sqlstore.Store) error {
	return func(t *testing.T, s *sqlstore.Store) error {
		q.Tenant = "t0"
		events, _, err := s.Inbox(t.Context(), q)
		require.NotEmpty(t, events)
		require.NoError(t, err)
		n, err := s.CountUnread(t.Context(), q)
		require.Positive(t, n)
		return err
	}
}

func listing(q queue.ListQuery) func(*testing.T, *sqlstore.Store) error {
	return func(t *testing.T, s *sqlstore.Store) error {
		q.Tenant = "t0"
		jobs, _, err := s.List(t.Context(), q)
		require.NotEmpty(t, jobs)
		return err
	}
}

func claiming(c queue.Claim) func(*testing.T, *sqlstore.Store) error {
	return func(t *testing.T, s *sqlstore.Store) error {
		c.Worker, c.Lease = "w", time.Hour
		got, err := s.Claim(t.Context(), c)
		require.Len(t, got, c.Limit)
		return err
	}
}

// checkPlan lets the database explain a statement, which it executes and takes back.
func checkPlan(t *testing.T, db *sql.DB, name string, s statement) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback()) }()
	args := make([]any, len(s.args))
	for i, a := range s.args {
		args[i] = a.Value
	}
	how := "analyze, buffers, "
	if strings.HasPrefix(s.query, "insert") {
		how = "" // what it inserts is there
	}
	var text []byte
	require.NoError(t, tx.QueryRowContext(t.Context(), "explain ("+how+"format json) "+s.query, args...).Scan(&text), s.query)
	var plans []struct {
		Plan node
		Time float64 `json:"Execution Time"`
	}
	require.NoError(t, json.Unmarshal(text, &plans))
	// Suspects are few, so all are looked at and sorted.
	few := strings.Contains(s.query, "p.suspect = 1)")
	most := mostTouched
	if strings.HasPrefix(s.query, "select count(*) from (select 1 from exportyard_part") {
		most = mostInAll
	}
	if strings.Contains(s.query, "r.outcome = 'started'") {
		most = mostOpen
	}
	var steps []string
	plans[0].Plan.each(func(n node) {
		steps = append(steps, strings.TrimSpace(fmt.Sprintf("%s %s %d", n.Type, n.Index, n.touched())))
		if n.Type == "Seq Scan" && n.Table != "exportyard_fleet" || strings.Contains(n.Type, "Sort") && !few && n.touched() > 1 || n.touched() > most {
			t.Errorf("%s: %s of %s%s looks at %d rows, in %s", name, n.Type, n.Table, n.Index, n.touched(), s.query)
		}
	})
	root := plans[0].Plan
	words := strings.Fields(s.query)
	t.Logf("%-24s %6.2f ms %5d blocks  %s … : %s", name, plans[0].Time, root.Hit+root.Read, words[0], strings.Join(steps, " < "))
}
