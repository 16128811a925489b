package memstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/exportyard/exportyard/queue"
)

var (
	_ queue.OutboxStore = (*Store)(nil)
	_ queue.InboxStore  = (*Store)(nil)
)

// An event is an entry of the outbox.
type event struct {
	queue.Delivery
	readAt time.Time
}

func (e *event) read(now time.Time) queue.Delivery {
	d := e.Delivery
	d.Entry.Data, d.Progress, d.Now = clonePayload(d.Entry.Data), clonePayload(d.Progress), now
	return d
}

// ClaimOutbox gives events to a courier.
func (s *Store) ClaimOutbox(ctx context.Context, c queue.OutboxClaim) ([]queue.Delivery, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var due []*event
	for _, e := range s.unsettled {
		if e.Claimable(now) {
			due = append(due, e)
		}
	}
	slices.SortStableFunc(due, func(a, b *event) int {
		return cmp.Or(a.DueAt.Compare(b.DueAt), a.Entry.At.Compare(b.Entry.At))
	})
	var claimed []queue.Delivery
	for _, e := range due[:min(max(c.Limit, 0), len(due))] {
		e.Delivery = c.Claim(e.Delivery, now)
		claimed = append(claimed, e.read(now))
	}
	return claimed, nil
}

// SettleOutbox ends a claim.
func (s *Store) SettleOutbox(ctx context.Context, q queue.Settle) error {
	now, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.events[q.Tenant], func(e *event) bool { return e.Entry.ID == q.Entry })
	if i < 0 {
		return fmt.Errorf("memstore: event %s: %w", q.Entry, queue.ErrNotFound)
	}
	e := s.events[q.Tenant][i]
	d, err := q.Apply(e.Delivery, now)
	if err != nil {
		return err
	}
	d.Progress = clonePayload(d.Progress)
	e.Delivery = d
	if d.State != queue.Undelivered {
		s.unsettled = slices.DeleteFunc(s.unsettled, func(o *event) bool { return o == e })
	}
	return nil
}

// OutboxAge returns the age of the oldest event that is not settled.
func (s *Store) OutboxAge(ctx context.Context) (time.Duration, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	var age time.Duration
	for _, e := range s.unsettled {
		age = max(age, now.Sub(e.Entry.At))
	}
	return age, nil
}

// Inbox returns a page of the tenant's events, newest first.
func (s *Store) Inbox(ctx context.Context, q queue.InboxQuery) ([]queue.InboxEvent, string, error) {
	if _, err := s.begin(ctx); err != nil {
		return nil, "", err
	}
	defer s.mu.Unlock()
	before := int64(len(s.entries[q.Tenant]) + 1)
	if q.After != "" {
		var err error
		if before, err = queue.ParseCursor(q.Tenant, q.After); err != nil {
			return nil, "", err
		}
	}
	var found []queue.InboxEvent
	for _, e := range slices.Backward(s.events[q.Tenant]) {
		if e.Entry.Seq >= before || !e.isIn(q) {
			continue
		}
		if len(found) == q.PageSize() {
			return found, queue.Cursor(q.Tenant, found[len(found)-1].Entry.Seq), nil
		}
		one := queue.InboxEvent{Entry: e.Entry, ReadAt: e.readAt}
		one.Entry.Data = clonePayload(e.Entry.Data)
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
	now, err := s.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
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
