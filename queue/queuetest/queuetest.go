// Package queuetest holds the rules of [queue.JobStore] as tests, for whoever
// writes a store. It needs the standard library only.
//
// A store's own test is short:
//
//	func TestStore(t *testing.T) {
//		queuetest.Run(t, func(t *testing.T) queuetest.Harness {
//			clock := ...
//			store := ...
//			return queuetest.Harness{Store: store, Entries: store, Advance: clock.Advance}
//		})
//	}
package queuetest

import (
	"database/sql"
	"slices"
	"testing"
	"time"

	"github.com/exportyard/exportyard/queue"
)

// A Harness is a new, empty store and what the rules need to test it.
type Harness struct {
	// Store is what is tested, also as a [queue.OutboxStore] and as a
	// [queue.InboxStore] if it is one.
	Store queue.JobStore
	// Schedules is what [RunSchedules] tests: Store, if it keeps schedules too.
	Schedules queue.ScheduleStore
	// Entries reads what the store appended.
	Entries queue.EntryReader
	// Advance moves the store's clock forward. Between two calls the clock may
	// stand still or go with real time.
	Advance func(d time.Duration)
	// Reopen returns the store as it is after its process has ended and another
	// has begun, on the same data. Default: nil, for a store that keeps nothing.
	// What it returns keeps schedules too when Schedules is set.
	Reopen func(t testing.TB) (queue.JobStore, queue.EntryReader)
	// Host is the database of a store that is a [queue.TxCreator], as its host uses it;
	// the rules make the table host_note in it. Default: nil, for a store that is none.
	Host *sql.DB
	// Rounds is how often races are run. Default: 0, which means 3; 500 of them
	// make 10,000 races of a cancel and a completion.
	Rounds int
	// Parts is how many parts a large plan has. Default: 0, which means 10,000.
	Parts int
}

// A rule is a sentence of the contract with the test that keeps it.
type rule struct {
	name   string
	reason string // printed when it fails
	check  func(*site)
}

func rules() []rule {
	return slices.Concat(
		createRules, idempotencyRules, tenantRules, listRules, entryRules, stateRules, pairRules(),
		claimRules, suspectRules, leaseRules, finishRules, planRules, dueRules, raceRules, keepRules, hostRules,
		outboxRules, inboxRules,
	)
}

// Run tests a store against every rule, each on a harness of its own.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	t.Helper()
	run(t, rules(), open)
}

// RunSchedules tests a store that keeps schedules against the rules for these.
func RunSchedules(t *testing.T, open func(t *testing.T) Harness) {
	t.Helper()
	run(t, scheduleRules(), func(t *testing.T) Harness {
		h := open(t)
		if h.Schedules == nil {
			t.Fatal("the harness needs Schedules")
		}
		return h
	})
}

func run(t *testing.T, rules []rule, open func(t *testing.T) Harness) {
	t.Helper()
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			h := open(t)
			if h.Store == nil || h.Entries == nil || h.Advance == nil {
				t.Fatal("the harness needs Store, Entries and Advance")
			}
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("the rule: %s", r.reason)
				}
			})
			r.check(newSite(t, h))
		})
	}
}
