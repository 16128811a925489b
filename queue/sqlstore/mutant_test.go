//go:build !race

// What the race detector watches is the suite itself: that each mutant of the store
// breaks it is a matter of rules.

package sqlstore_test

import (
	"context"
	"maps"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/queuetest"
	"github.com/exportyard/exportyard/queue/sqlstore"
)

// A mutant is the store with other tables or other statements than its own, which break
// a promise, and the rules that find it.
type mutant struct {
	name string
	// on is the only database that it is for, or empty.
	on sqlstore.Dialect
	// tables changes them when they are made.
	tables   string
	edits    []edit
	caughtBy []string
}

// wholeLife is a rule that goes once through a job. Every mutant keeps it: what finds a
// mutant is its fault, not that nothing works any more.
const wholeLife = "CompleteKeepsTheResult"

// withoutLooking lets writers overwrite what others have written since they read it. Each
// of the three would be enough to notice: the lock, the version of the job, and the state
// and fence of the part.
var withoutLooking = []edit{
	{old: "and exportyard_part.state = v.column17 and exportyard_part.fence = v.column18", new: ""},
	{old: "where ord = $21 and version = $22 returning", new: "where ord = $21 and version > $22 - 1000 returning"},
	{old: "where j.tenant = $1 and j.id = $2 for update of j", new: "where j.tenant = $1 and j.id = $2"},
}

// jobMutants break what is promised of jobs, parts and entries.
var jobMutants = []mutant{
	{
		name: "any number of jobs in a slot", tables: "drop index exportyard_job_slot",
		edits:    []edit{{old: "where slot = $3 and state in", new: "where slot = $3 and 1 = 0 and state in"}},
		caughtBy: []string{"ConflictNamesTheActiveJob", "SlotHeldWhileRunning"},
	},
	{
		name: "slots looked at, not kept", on: sqlstore.PostgreSQL, tables: "drop index exportyard_job_slot",
		caughtBy: []string{"R1_OneActiveJobASlot"},
	},
	{
		name: "slots of a tenant", edits: []edit{{old: "where slot = $3 and state in", new: "where slot = $3 and tenant = $1 and state in"}},
		caughtBy: []string{"SlotIsHeldOverTenants"},
	},
	{
		name: "any number of jobs with a key", tables: "drop index exportyard_job_key",
		edits:    []edit{{old: "idempotency_key = $2 and idempotency_key <> ''", new: "idempotency_key = $2 and 1 = 0"}},
		caughtBy: []string{"R2_SameKeySameJob"},
	},
	{
		name: "keys looked at, not kept", on: sqlstore.PostgreSQL, tables: "drop index exportyard_job_key",
		caughtBy: []string{"R2_SameKeyAtTheSameTime"},
	},
	{
		name: "keys of all tenants", edits: []edit{{old: "where tenant = $1 and idempotency_key = $2", new: "where (tenant = $1 or true) and idempotency_key = $2"}},
		caughtBy: []string{"R2_KeyIsTheTenantsOwn"},
	},
	{
		name: "jobs of all tenants", edits: []edit{{old: "where j.tenant = $1 and j.id = $2", new: "where (j.tenant = $1 or true) and j.id = $2"}},
		caughtBy: []string{"R32_GetIsTheTenants", "R32_PartsAreTheTenants", "R32_UpdateIsTheTenants", "R32_FinishIsTheTenants", "R32_RenewIsTheTenants"},
	},
	{
		name: "lists of all tenants", edits: []edit{{old: "where j.tenant = $1 and j.state", new: "where (j.tenant = $1 or true) and j.state"}},
		caughtBy: []string{"R32_ListIsTheTenants"},
	},
	{
		name: "entries of all tenants", edits: []edit{{old: "from exportyard_entry where tenant = $1", new: "from exportyard_entry where (tenant = $1 or true)"}},
		caughtBy: []string{"R32_EntriesAreTheTenants"},
	},
	{
		name: "lists oldest first", edits: []edit{{old: "order by j.seq desc", new: "order by j.seq"}},
		caughtBy: []string{"PagesTile"},
	},
	{
		name: "pages that overlap", edits: []edit{{old: "and j.seq < $2", new: "and j.seq <= $2"}},
		caughtBy: []string{"PagesTile", "PagesAreStable"},
	},
	{
		name: "lists of any actor", edits: []edit{{old: "and j.actor = $", new: "and '' <> $"}},
		caughtBy: []string{"ListFilters"},
	},
	{
		name: "pages of parts without an end", edits: []edit{{old: "order by p.number limit $3", new: "order by p.number limit $3 + 1000"}},
		caughtBy: []string{"PartsComeInPages"},
	},
	{
		name: "pages of entries without an end", edits: []edit{{old: "order by seq limit $4", new: "order by seq limit $4 + 1000"}},
		caughtBy: []string{"EntriesComeInPages"},
	},
	{
		name: "entries after the change", edits: []edit{{old: "insert into exportyard_entry", new: "insert into exportyard_entry", before: []string{"commit", "begin"}}},
		caughtBy: []string{"NoCreateWithoutItsEntries", "NoUpdateWithoutItsEntries", "NoFinishWithoutItsEntries"},
	},
	{
		name: "entries written over", edits: []edit{{old: "insert into exportyard_entry", new: "insert or replace into exportyard_entry"}},
		on: sqlstore.SQLite, caughtBy: []string{"NoCreateWithoutItsEntries"},
	},
	{
		name: "entries without an order", tables: "drop index exportyard_entry_order",
		edits:    []edit{{old: "entries = t.entries + excluded.entries", new: "entries = t.entries"}},
		caughtBy: []string{"R41_SeqGrows"},
	},
	{
		name: "jobs without versions", edits: []edit{{old: "version = $13,", new: "version = version + 0 * $13,"}},
		caughtBy: []string{"VersionsGrow"},
	},
	{
		name: "parts outlive their job", edits: []edit{{old: "where job = $3 and state = $4", new: "where job = $3 and state = $4 and 1 = 0"}},
		caughtBy: []string{"RefuseFailsTheJob", "R12_CancelOrPlan"},
	},
	{
		name: "progress of every kind of part", edits: []edit{{old: "and p.state = 'leased' and p.kind = 'rows'", new: "and p.state = 'leased'"}},
		caughtBy: []string{"OnlyRowsPartsHaveProgress"},
	},
	{
		name: "writers do not look again", on: sqlstore.PostgreSQL, edits: withoutLooking,
		caughtBy: []string{"R12_CancelOrComplete"},
	},
}

// claimMutants break what is promised of claims, leases and sweeps.
var claimMutants = []mutant{
	{
		name: "fences begin again", edits: []edit{{old: "fence = v.column4,", new: "fence = case when v.column3 = 'ready' then 0 else v.column4 end,"}},
		caughtBy: []string{"FenceGrows", "R6_Zombie"},
	},
	{
		name: "renewals do not prolong",
		edits: []edit{{
			old: "lease_until = v.column6",
			new: "lease_until = case when state = 'leased' and v.column3 = 'leased' then lease_until else v.column6 end",
		}},
		caughtBy: []string{"RenewProlongs", "RenewedIsNotDue"},
	},
	{
		name: "leases a second short", edits: []edit{{old: "lease_until = v.column6", new: "lease_until = v.column6 - 1000000"}},
		caughtBy: []string{"ClaimGivesALease"},
	},
	{
		name: "retries at once", edits: []edit{{old: "not_before = v.column7", new: "not_before = null"}},
		caughtBy: []string{"RetryWaits", "SealWaitsForRetries", "SuspectWaitsForItsTime"},
	},
	{
		name: "nobody is suspect", edits: []edit{{old: "suspect = v.column9", new: "suspect = 0"}},
		caughtBy: []string{"SuspectOnlyAlone"},
	},
	{
		name: "nobody is alone", edits: []edit{{old: "alone = v.column8", new: "alone = 0"}},
		caughtBy: []string{"R9_CrashesAloneFailTheJob"},
	},
	{
		name: "failures not counted", edits: []edit{{old: "failures = v.column10", new: "failures = 0"}},
		caughtBy: []string{"RetryWaits"},
	},
	{
		name: "the oldest job first", edits: []edit{{old: "order by j.claimed, j.ord limit", new: "order by j.ord limit"}},
		caughtBy: []string{"R45_JobsTakeTurns"},
	},
	{
		name: "tenants by name", edits: []edit{{old: "order by t.claimed, t.tenant limit", new: "order by t.tenant limit"}},
		caughtBy: []string{"D12_TenantsTakeTurns"},
	},
	{
		name: "turns not noted", edits: []edit{{old: "set claimed = v.column2, waiting", new: "set waiting"}},
		caughtBy: []string{"D12_TenantsTakeTurns", "D12_LongestWaitingTenantFirst"},
	},
	{
		name: "tenants that do not come back", edits: []edit{{old: "set claimed = v.column2, waiting = case when", new: "set claimed = v.column2, waiting = case when 1 = 0 and"}},
		caughtBy: []string{"D12_TenantsTakeTurns", "ClaimGoesByNumber"},
	},
	{
		name: "no limit of a tenant", edits: []edit{{old: "select count(*) from (select 1 from exportyard_part p where p.tenant", new: "select 0 * count(*) from (select 1 from exportyard_part p where p.tenant"}},
		caughtBy: []string{"D12_LimitOfATenant", "D12_OverdueCounts"},
	},
	{
		name: "no limit in all", edits: []edit{{old: "select count(*) from (select 1 from exportyard_part p where p.state", new: "select 0 * count(*) from (select 1 from exportyard_part p where p.state"}},
		caughtBy: []string{"D12_LimitInAll"},
	},
	{
		name: "a limit for one worker", on: sqlstore.PostgreSQL, edits: []edit{{old: "select one from exportyard_fleet for update", new: "select one from exportyard_fleet"}},
		caughtBy: []string{"D12_LimitsHoldBetweenWorkers"},
	},
	{
		name: "one part to many workers", on: sqlstore.PostgreSQL,
		edits: []edit{
			{old: " for update of t skip locked", new: ""},
			{old: " for update of j skip locked", new: ""},
			{old: "and exportyard_job.version = v.column2", new: ""},
			{old: "and exportyard_part.state = v.column17 and exportyard_part.fence = v.column18", new: ""},
		},
		caughtBy: []string{"EachPartToOneWorker"},
	},
	{
		name: "lost leases, the latest first", edits: []edit{{old: "order by lease_until limit", new: "order by lease_until desc limit"}},
		caughtBy: []string{"LostLeasesAreDue"},
	},
	{
		name: "only the plan's lease is lost", edits: []edit{{old: "where state = 'leased' and lease_until <= $1", new: "where state = 'leased' and number = 0 and lease_until <= $1"}},
		caughtBy: []string{"LostLeasesAreDue", "R7_LeaseEndsOnTime"},
	},
	{
		name: "deadlines, the latest first", edits: []edit{{old: "order by j.deadline_at limit", new: "order by j.deadline_at desc limit"}},
		caughtBy: []string{"LongestDueFirst"},
	},
	{
		name: "deadlines of the pending", edits: []edit{{old: "j.deadline_at <= $1 and j.state in ('pending', 'running')", new: "j.deadline_at <= $1 and j.state in ('pending')"}},
		caughtBy: []string{"R13_DeadlineIsDue"},
	},
	{
		name: "the held in the way", edits: []edit{{old: "and j.held = 0", new: ""}},
		caughtBy: []string{"HeldHideNothing"},
	},
}

// besideMutants break what is promised of schedules, events and the audit log.
var besideMutants = []mutant{
	{
		name: "schedules of all tenants", edits: []edit{{old: "where s.tenant = $1 and s.id = $2", new: "where (s.tenant = $1 or true) and s.id = $2"}},
		caughtBy: []string{"R32_SchedulesOfTenants"},
	},
	{
		name: "removed schedules in the list", edits: []edit{{old: "and s.state <> 'removed'", new: ""}},
		caughtBy: []string{"SchedulesAreListed"},
	},
	{
		name: "ticks in no order", edits: []edit{{old: "order by s.due_at limit", new: "order by s.due_at desc limit"}},
		caughtBy: []string{"TicksLongestDueFirst"},
	},
	{
		name: "events given again at once", edits: []edit{{old: "set delivery = $1, attempt = $2, due_at = $3", new: "set delivery = $1, attempt = $2, due_at = 0 * $3"}},
		caughtBy: []string{"OutboxGivesEachEvent"},
	},
	{
		name: "events read by others", edits: []edit{{old: "where kind = 'outbox' and tenant = $2", new: "where kind = 'outbox' and (tenant = $2 or true)"}},
		caughtBy: []string{"InboxReadByOthers"},
	},
	{
		name: "read again", edits: []edit{{old: "and read_at is null and id =", new: "and id ="}},
		caughtBy: []string{"InboxRead"},
	},
	{
		name: "a chain of single links", edits: []edit{{old: "chain_number = $2, chain_mac", new: "chain_number = 0 * $2, chain_mac"}},
		caughtBy: []string{"R41_ChainLinksAuditEntries"},
	},
}

// check runs one rule on the mutant and returns what it complains of, and what has edited
// the mutant's statements.
func (m mutant) check(t *testing.T, where func(testing.TB) place, rule string) ([]string, *rewriter) {
	t.Helper()
	p := where(t)
	require.NoError(t, sqlstore.Migrate(t.Context(), p.db(t), p.Dialect))
	_, err := p.db(t).ExecContext(t.Context(), m.tables)
	require.NoError(t, err)
	r := newRewriter(m.edits)
	db := p.rewritten(t, r)
	var ahead atomic.Int64
	opts := &sqlstore.Options{AuditKeys: keysOf(t, "a"), Skew: func() time.Duration { return time.Duration(ahead.Load()) }}
	open := func(t testing.TB) *sqlstore.Store {
		store, err := sqlstore.Open(t.Context(), db, p.Dialect, opts)
		require.NoError(t, err)
		return store
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // for rules that go round in circles
	defer cancel()
	store := open(t)
	return queuetest.Check(within{t, ctx}, rule, queuetest.Harness{
		Store: store, Entries: store, Keys: opts.AuditKeys, Host: p.db(t), Parts: 100, Rounds: 20,
		Advance: func(d time.Duration) { ahead.Add(int64(d)) },
		Reopen: func(t testing.TB) (queue.JobStore, queue.EntryReader) {
			again := open(t)
			return again, again
		},
	}), r
}

// within is a test whose context ends earlier.
type within struct {
	testing.TB
	ctx context.Context
}

func (w within) Context() context.Context { return w.ctx }

// rulesFor returns the rules that are tried on a mutant: those that must find it, and with
// EXPORTYARD_FULL=1 all, to see which others do.
func (m mutant) rulesFor() []string {
	if os.Getenv("EXPORTYARD_FULL") == "1" {
		return slices.Sorted(maps.Keys(queuetest.Rules()))
	}
	return append(slices.Clone(m.caughtBy), wholeLife)
}

func TestR14_MutantsAreCaught(t *testing.T) {
	t.Parallel()
	withEach(t, func(t *testing.T, where func(testing.TB) place) {
		mutants := mutantsOf(where(t).Dialect)
		require.GreaterOrEqual(t, len(mutants), 12)
		for _, m := range mutants {
			require.NotEmpty(t, m.caughtBy, m.name)
			for _, rule := range m.rulesFor() {
				t.Run(m.name+"/"+rule, func(t *testing.T) {
					t.Parallel()
					complaints, r := m.check(t, where, rule)
					switch {
					case rule == wholeLife:
						require.Empty(t, complaints)
					case slices.Contains(m.caughtBy, rule):
						require.NotEmpty(t, complaints, "the rule passed")
						require.NoError(t, r.unfit())
					case len(complaints) > 0:
						t.Logf("finds it too: %s", complaints[0])
					}
				})
			}
		}
	})
}

// Statements that are edited and stay as they are break nothing: what finds mutants is
// their fault.
func TestR14_NoMutantIsNotComplainedOf(t *testing.T) {
	t.Parallel()
	same := mutant{edits: []edit{{old: "select", new: "select"}}, caughtBy: []string{"R6_Zombie", "D12_LimitOfATenant", "PagesTile"}}
	withEach(t, func(t *testing.T, where func(testing.TB) place) {
		for _, rule := range same.rulesFor() {
			t.Run(rule, func(t *testing.T) {
				t.Parallel()
				complaints, r := same.check(t, where, rule)
				require.Empty(t, complaints)
				require.NoError(t, r.unfit())
			})
		}
	})
}

func mutantsOf(d sqlstore.Dialect) []mutant {
	all := slices.Concat(jobMutants, claimMutants, besideMutants)
	return slices.DeleteFunc(all, func(m mutant) bool { return m.on != "" && m.on != d })
}

// Mutants may not rot: an edit that no statement has anything for is told, and so is one
// that makes no statement.
func TestRewriterTellsOfEditsThatDoNotFit(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p place) {
		for _, c := range []struct {
			name  string
			edits []edit
			query string
			want  string
		}{
			{name: "fits", edits: []edit{{old: "select 1", new: "select 2"}}, query: "select\n\t1"},
			{name: "one of two fits", edits: []edit{{old: "select 1", new: "select 2"}, {old: "update", new: ""}}, query: "select 1", want: `no statement has "update"`},
			{name: "no statement", edits: []edit{{old: "select 1", new: "select from nowhere"}}, query: "select 1", want: "the edits make no statement"},
			{name: "another's error", edits: []edit{{old: "select 1", new: "select 2"}}, query: "select nothing", want: `no statement has "select 1"`},
		} {
			t.Run(c.name, func(t *testing.T) {
				r := newRewriter(c.edits)
				var got int
				_ = p.rewritten(t, r).QueryRowContext(t.Context(), c.query).Scan(&got)
				if c.want == "" {
					require.NoError(t, r.unfit())
					require.Equal(t, 2, got)
					return
				}
				require.ErrorContains(t, r.unfit(), c.want)
			})
		}
	})
}
