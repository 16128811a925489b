// Package journal keeps the entries of a store in memory, hands out the events of its
// outbox, and shows them as people's inboxes.
package journal

import (
	"context"
	"fmt"
	"time"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore/internal/latch"
	"github.com/exportyard/exportyard/queue/memstore/internal/row"
)

var (
	_ queue.EntryReader = (*Store)(nil)
	_ queue.OutboxStore = (*Store)(nil)
	_ queue.InboxStore  = (*Store)(nil)
)

// A Store is a store's entries.
type Store struct {
	latch   *latch.Latch
	entries map[string][]queue.Entry // by tenant, in order of Seq
	ids     map[string]struct{}
	events  map[string][]*event // the entries of the outbox, by tenant
	// unsettled are the events that are not delivered yet, oldest first.
	unsettled []*event
}

// New returns the entries of the store behind this lock.
func New(l *latch.Latch) *Store {
	return &Store{
		latch:   l,
		entries: make(map[string][]queue.Entry),
		ids:     make(map[string]struct{}),
		events:  make(map[string][]*event),
	}
}

// Append appends all entries that are for this state, or none. Its caller is the store
// itself, which holds the lock.
func Append(s *Store, state queue.State, entries []queue.Entry, now time.Time) error {
	entries = queue.EntriesIn(state, entries)
	ids := make(map[string]struct{}, len(entries))
	for _, e := range entries {
		_, stored := s.ids[e.ID]
		if _, twice := ids[e.ID]; stored || twice {
			return fmt.Errorf("memstore: there is an entry %q already", e.ID)
		}
		ids[e.ID] = struct{}{}
	}
	for _, e := range entries {
		e.At, e.Seq = now, int64(len(s.entries[e.Tenant])+1)
		e.Data = row.ClonePayload(e.Data)
		s.entries[e.Tenant] = append(s.entries[e.Tenant], e)
		s.ids[e.ID] = struct{}{}
		if e.Kind == queue.Outbox {
			sent := &event{Delivery: queue.Delivery{Entry: e}}
			s.events[e.Tenant] = append(s.events[e.Tenant], sent)
			s.unsettled = append(s.unsettled, sent)
		}
	}
	return nil
}

// Entries returns the tenant's entries of a kind.
func (s *Store) Entries(ctx context.Context, tenant string, kind queue.EntryKind, after int64, limit int) ([]queue.Entry, error) {
	if _, err := s.latch.Begin(ctx); err != nil {
		return nil, err
	}
	defer s.latch.End()
	var found []queue.Entry
	for _, e := range s.entries[tenant] {
		if e.Kind == kind && e.Seq > after && len(found) < limit {
			e.Data = row.ClonePayload(e.Data)
			found = append(found, e)
		}
	}
	return found, nil
}
