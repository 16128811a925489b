// Package journal keeps the entries of a store in memory, hands out the events of its
// outbox, and shows them as people's inboxes.
package journal

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/chain"
	"github.com/exportyard/exportyard/queue/feed"
	"github.com/exportyard/exportyard/queue/memstore/internal/latch"
	"github.com/exportyard/exportyard/queue/memstore/internal/row"
)

var (
	_ queue.EntryReader = (*Store)(nil)
	_ queue.OutboxStore = (*Store)(nil)
	_ queue.InboxStore  = (*Store)(nil)
	_ chain.Store       = (*Store)(nil)
	_ feed.Store        = (*Store)(nil)
)

// A Store is a store's entries.
type Store struct {
	latch   *latch.Latch
	entries map[string][]chain.Entry // by tenant, in order of Seq
	heads   map[string]chain.Head    // by tenant
	keys    *chain.Keys              // nil for no chains
	feeds   map[string]feed.Feed     // by tenant
	ids     map[string]struct{}
	events  map[string][]*event // the entries of the outbox, by tenant
	// unsettled are the events that are not delivered yet, oldest first.
	unsettled []*event
}

// New returns the entries of the store behind this lock, whose audit log these keys
// chain.
func New(l *latch.Latch, keys *chain.Keys) *Store {
	return &Store{
		latch:   l,
		keys:    keys,
		entries: make(map[string][]chain.Entry),
		heads:   make(map[string]chain.Head),
		feeds:   make(map[string]feed.Feed),
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
	byTenant := map[string][]queue.Entry{}
	for _, e := range entries {
		e.At, e.Seq = now, int64(len(s.entries[e.Tenant])+len(byTenant[e.Tenant])+1)
		e.Data = row.ClonePayload(e.Data)
		byTenant[e.Tenant] = append(byTenant[e.Tenant], e)
	}
	linked := map[string][]chain.Link{}
	heads := map[string]chain.Head{}
	for tenant, entries := range byTenant {
		head := s.heads[tenant]
		head.Tenant = tenant
		var err error
		if linked[tenant], heads[tenant], err = s.keys.Extend(head, entries); err != nil {
			return err
		}
	}
	for tenant, entries := range byTenant {
		s.heads[tenant] = heads[tenant]
		for i, e := range entries {
			s.store(chain.Entry{Entry: e, Link: linked[tenant][i]})
		}
	}
	return nil
}

func (s *Store) store(e chain.Entry) {
	s.entries[e.Tenant] = append(s.entries[e.Tenant], e)
	s.ids[e.ID] = struct{}{}
	switch e.Kind {
	case queue.Audit:
		s.feedOn(e)
	case queue.Outbox:
		sent := &event{Delivery: queue.Delivery{Entry: e.Entry}}
		s.events[e.Tenant] = append(s.events[e.Tenant], sent)
		s.unsettled = append(s.unsettled, sent)
	}
}

// Entries returns the tenant's entries of a kind.
func (s *Store) Entries(ctx context.Context, tenant string, kind queue.EntryKind, after int64, limit int) ([]queue.Entry, error) {
	if _, err := s.latch.Begin(ctx); err != nil {
		return nil, err
	}
	defer s.latch.End()
	var found []queue.Entry
	for _, e := range s.page(tenant, kind, after, limit) {
		found = append(found, e.Entry)
	}
	return found, nil
}

func (s *Store) page(tenant string, kind queue.EntryKind, after int64, limit int) []chain.Entry {
	var found []chain.Entry
	all := s.entries[tenant]
	for _, e := range all[min(max(after, 0), int64(len(all))):] { // the number of the first is 1
		if len(found) >= limit {
			break
		}
		if e.Kind == kind {
			e.Data, e.Link.MAC = row.ClonePayload(e.Data), bytes.Clone(e.Link.MAC)
			found = append(found, e)
		}
	}
	return found
}

// AuditChain returns the tenant's audit entries with their links.
func (s *Store) AuditChain(ctx context.Context, tenant string, after int64, limit int) (chain.Page, error) {
	if _, err := s.latch.Begin(ctx); err != nil {
		return chain.Page{}, err
	}
	defer s.latch.End()
	head := s.heads[tenant]
	head.Tenant, head.MAC, head.Seal = tenant, bytes.Clone(head.MAC), bytes.Clone(head.Seal)
	return chain.Page{Entries: s.page(tenant, queue.Audit, after, limit), Head: head}, nil
}

// VerifyAudit proves the tenant's audit log.
func (s *Store) VerifyAudit(ctx context.Context, tenant string, known ...chain.Head) (chain.Head, error) {
	return s.keys.Verify(ctx, s, tenant, known...)
}
