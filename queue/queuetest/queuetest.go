// Package queuetest holds the rules of [queue.JobStore], and of what a store may be beside
// it, as tests for whoever writes a store. It needs the standard library only.
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
//
// Whether the rules would notice a fault, [Check] shows with a store that has one.
package queuetest

import (
	"database/sql"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/chain"
	"github.com/exportyard/exportyard/queue/feed"
	"github.com/exportyard/exportyard/queue/operator"
)

// A Harness is a new, empty store and what the rules need to test it.
type Harness struct {
	// Store is what is tested, also as a [queue.ScheduleStore], a [queue.OutboxStore], a
	// [queue.InboxStore], an [operator.Store], a [chain.Store] and a [feed.Store] if it is one.
	Store queue.JobStore
	// Keys are those that a [chain.Store] was given. Default: nil, for a store that is none.
	Keys *chain.Keys
	// Entries reads what the store appended.
	Entries queue.EntryReader
	// Advance moves the store's clock forward. Between two calls the clock may
	// stand still or go with real time.
	Advance func(d time.Duration)
	// Reopen returns the store as it is after its process has ended and another
	// has begun, on the same data. Default: nil, for a store that keeps nothing.
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
		claimRules, fairRules, suspectRules, leaseRules, finishRules, planRules, dueRules, holdRules, noticeRules, raceRules, keepRules, hostRules,
		only[queue.ScheduleStore](scheduleRules()),
		only[queue.OutboxStore](outboxRules),
		only[queue.InboxStore](inboxRules),
		only[operator.Store](slices.Concat(activeRules, requeueRules, forgetRules, gaugeRules)),
		only[queue.ScheduleStore](only[operator.Store](awaitedRules)),
		only[queue.OutboxStore](only[queue.InboxStore](apartRules)),
		only[chain.Store](keyed(chainRules)),
		only[feed.Store](feedRules),
	)
}

// only returns the rules as ones that are skipped for a store that is no T.
func only[T any](rules []rule) []rule {
	bound := slices.Clone(rules)
	for i, r := range rules {
		bound[i].check = func(s *site) {
			if _, ok := s.Store.(T); !ok {
				s.Skipf("the store is no %v", reflect.TypeFor[T]())
			}
			r.check(s)
		}
	}
	return bound
}

// as returns the store as a T, which it must be, also when it was reopened.
func as[T any](s *site) T {
	s.Helper()
	store, ok := s.Store.(T)
	if !ok {
		s.Fatalf("the store is no %v", reflect.TypeFor[T]())
	}
	return store
}

// Run tests a store against every rule, each on a harness of its own. The rules of what
// the store is not are skipped.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	t.Helper()
	for _, r := range rules() {
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
