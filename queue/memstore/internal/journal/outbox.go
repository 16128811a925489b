package journal

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore/internal/row"
)

// An event is an entry of the outbox.
type event struct {
	queue.Delivery
	readAt time.Time
}

func (e *event) read(now time.Time) queue.Delivery {
	d := e.Delivery
	d.Entry.Data, d.Progress, d.Now = row.ClonePayload(d.Entry.Data), row.ClonePayload(d.Progress), now
	return d
}

// ClaimOutbox gives events to a courier.
func (s *Store) ClaimOutbox(ctx context.Context, c queue.OutboxClaim) ([]queue.Delivery, error) {
	now, err := s.latch.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer s.latch.End()
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
	now, err := s.latch.Begin(ctx)
	if err != nil {
		return err
	}
	defer s.latch.End()
	i := slices.IndexFunc(s.events[q.Tenant], func(e *event) bool { return e.Entry.ID == q.Entry })
	if i < 0 {
		return fmt.Errorf("memstore: event %s: %w", q.Entry, queue.ErrNotFound)
	}
	e := s.events[q.Tenant][i]
	d, err := q.Apply(e.Delivery, now)
	if err != nil {
		return err
	}
	d.Progress = row.ClonePayload(d.Progress)
	e.Delivery = d
	if d.State != queue.Undelivered {
		s.unsettled = slices.DeleteFunc(s.unsettled, func(o *event) bool { return o == e })
	}
	return nil
}

// OutboxAge returns the age of the oldest event that is not settled.
func (s *Store) OutboxAge(ctx context.Context) (time.Duration, error) {
	now, err := s.latch.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer s.latch.End()
	var age time.Duration
	for _, e := range s.unsettled {
		age = max(age, now.Sub(e.Entry.At))
	}
	return age, nil
}
