package journal

import (
	"context"
	"slices"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/cursor"
	"github.com/exportyard/exportyard/queue/memstore/internal/row"
)

// Inbox returns a page of the tenant's events, newest first.
func (s *Store) Inbox(ctx context.Context, q queue.InboxQuery) ([]queue.InboxEvent, string, error) {
	if _, err := s.latch.Begin(ctx); err != nil {
		return nil, "", err
	}
	defer s.latch.End()
	before := int64(len(s.entries[q.Tenant]) + 1)
	if q.After != "" {
		var err error
		if before, err = cursor.Seq(q.Tenant, q.After); err != nil {
			return nil, "", err
		}
	}
	var found []queue.InboxEvent
	for _, e := range slices.Backward(s.events[q.Tenant]) {
		if e.Entry.Seq >= before || !e.isIn(q) {
			continue
		}
		if len(found) == q.PageSize() {
			return found, cursor.Make(q.Tenant, found[len(found)-1].Entry.Seq), nil
		}
		one := queue.InboxEvent{Entry: e.Entry, ReadAt: e.readAt}
		one.Entry.Data = row.ClonePayload(e.Entry.Data)
		found = append(found, one)
	}
	return found, "", nil
}

func (e *event) isIn(q queue.InboxQuery) bool {
	return (q.Actor == "" || q.Actor == e.Entry.Actor) &&
		(len(q.Types) == 0 || slices.Contains(q.Types, e.Entry.Type)) &&
		(!q.Unread || e.readAt.IsZero())
}

// CountUnread counts unread events.
func (s *Store) CountUnread(ctx context.Context, q queue.InboxQuery) (int, error) {
	q.Unread, q.After = true, ""
	unread, _, err := s.Inbox(ctx, q)
	return len(unread), err
}

// MarkRead notes that events were read.
func (s *Store) MarkRead(ctx context.Context, m queue.ReadMark) (int, error) {
	now, err := s.latch.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer s.latch.End()
	marked := 0
	for _, e := range s.events[m.Tenant] {
		if !e.isIn(queue.InboxQuery{Actor: m.Actor, Unread: true}) || e.Entry.Seq > m.UpTo && !slices.Contains(m.IDs, e.Entry.ID) {
			continue
		}
		e.readAt = now
		marked++
	}
	return marked, nil
}
