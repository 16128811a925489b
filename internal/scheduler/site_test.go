package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
	_ "time/tzdata" // so that the zones are the same on every machine without its own

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/scheduler"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore"
)

// A site is a store with a clock of its own, and a scheduler.
type site struct {
	*testing.T
	store  *memstore.Store
	config scheduler.Config
	*scheduler.Scheduler

	mu    sync.Mutex
	now   time.Time
	ids   int
	made  []scheduler.Order
	make  func(o scheduler.Order) error
	slots func(o scheduler.Order) string
}

func newSite(t *testing.T, at string) *site {
	t.Helper()
	s := &site{T: t, now: moment(t, at)}
	s.store = memstore.New(&memstore.Options{Now: s.time})
	s.config = scheduler.Config{
		Store: s.store, MaxFailures: 3, Now: s.time,
		PauseReason: func(_ queue.Schedule, n int) queue.Payload {
			return queue.Payload{Version: 1, Data: fmt.Appendf(nil, "%d failures", n)}
		},
		Entry: func(kind queue.EntryKind, of queue.Schedule, what, actor string, data queue.Payload) queue.Entry {
			return queue.Entry{ID: s.id("entry"), Kind: kind, Tenant: of.Tenant, Type: what, Actor: actor, Data: data}
		},
		Make: func(_ context.Context, o scheduler.Order) (queue.NewJob, []queue.Entry, error) { return s.order(o) },
	}
	s.Scheduler = scheduler.New(s.config)
	return s
}

func moment(t require.TestingT, text string) time.Time {
	at, err := time.Parse("2006-01-02T15:04Z07:00", text)
	require.NoError(t, err)
	return at
}

func (s *site) time() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *site) set(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = now
}

func (s *site) at(text string) { s.set(moment(s, text)) }

func (s *site) id(of string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids++
	return fmt.Sprint(of, "-", s.ids)
}

// order is the engine's part: it makes a job, of a slot of its own unless slots says
// another, or what make says goes wrong.
func (s *site) order(o scheduler.Order) (queue.NewJob, []queue.Entry, error) {
	if s.make != nil {
		if err := s.make(o); err != nil {
			return queue.NewJob{}, nil, err
		}
	}
	id := s.id("job")
	n := queue.NewJob{
		Job:   queue.Job{ID: id, Tenant: o.Schedule.Tenant, Slot: id, Actor: o.Actor},
		First: []queue.Part{{Kind: queue.PlanPart}, {Kind: queue.SealPart}},
	}
	if s.slots != nil {
		n.Slot = s.slots(o)
	}
	s.mu.Lock()
	s.made = append(s.made, o)
	s.mu.Unlock()
	return n, []queue.Entry{{ID: s.id("entry"), Kind: queue.Audit, Tenant: n.Tenant, Job: id, Type: "export.requested"}}, nil
}

func (s *site) payload(of scheduler.Settings) queue.Payload {
	s.Helper()
	p, err := of.Payload()
	require.NoError(s, err)
	return p
}

// create makes a schedule of the tenant acme, or of whom with says.
func (s *site) create(of scheduler.Settings, with ...func(*queue.Schedule)) queue.Schedule {
	s.Helper()
	n := queue.Schedule{ID: "nightly", Tenant: "acme", Owner: "ann", Settings: s.payload(of)}
	for _, w := range with {
		w(&n)
	}
	made, existing, err := s.Create(s.Context(), n)
	require.NoError(s, err)
	require.False(s, existing)
	return made
}

func (s *site) sweep() {
	s.Helper()
	_, err := s.Sweep(s.Context())
	require.NoError(s, err)
}

func (s *site) get(of queue.Schedule) queue.Schedule {
	s.Helper()
	got, err := s.store.GetSchedule(s.Context(), of.Tenant, of.ID)
	require.NoError(s, err)
	return got
}

// runs returns the runs of a schedule, the oldest first.
func (s *site) runs(of queue.Schedule) []queue.Run {
	s.Helper()
	runs, err := s.store.Runs(s.Context(), of.Tenant, of.ID, 0, 1_000_000)
	require.NoError(s, err)
	for i, k := 0, len(runs)-1; i < k; i, k = i+1, k-1 {
		runs[i], runs[k] = runs[k], runs[i]
	}
	return runs
}

func (s *site) end(job string, e queue.Event) {
	s.Helper()
	_, err := s.store.Update(s.Context(), queue.Update{Tenant: "acme", Job: job, Event: e}, nil)
	require.NoError(s, err)
}

// complete does the work of the only job that has any.
func (s *site) complete() queue.Job {
	s.Helper()
	var j queue.Job
	for range 2 {
		got, err := s.store.Claim(s.Context(), queue.Claim{Worker: "w", Limit: 1, Lease: time.Hour})
		require.NoError(s, err)
		require.Len(s, got, 1)
		p := got[0].Part
		j, err = s.store.Finish(s.Context(), queue.Finish{Tenant: p.Tenant, Job: p.Job, Number: p.Number, Fence: p.Fence, Outcome: queue.Seal}, nil)
		require.NoError(s, err)
	}
	require.Equal(s, queue.Completed, j.State)
	return j
}

func (s *site) entries(kind queue.EntryKind) []string {
	s.Helper()
	list, err := s.store.Entries(s.Context(), "acme", kind, 0, 1000)
	require.NoError(s, err)
	var types []string
	for _, e := range list {
		types = append(types, e.Type)
	}
	return types
}

var errTrouble = errors.New("the database is away")
