package queue

import (
	"context"
	"fmt"
	"time"
)

// An OutboxStore is a [JobStore] that hands out the events of its outbox, which are
// its entries of kind [Outbox], until each is settled. It is safe for concurrent use
// by any number of processes, and decides by the rules of this package:
// [Delivery.Claimable], [OutboxClaim.Claim], [Settle.Apply].
type OutboxStore interface {
	// ClaimOutbox gives at most Limit claimable events to a courier. Those that
	// nobody has tried come first, in order of their time, then the longest due.
	// It returns none when there are none.
	ClaimOutbox(ctx context.Context, c OutboxClaim) ([]Delivery, error)

	// SettleOutbox ends a claim, by [Settle.Apply]. It returns an error that wraps
	// ErrNotFound when the tenant has no such event, and one that wraps ErrFenced
	// when the claim is not the event's last; nothing is changed then.
	SettleOutbox(ctx context.Context, s Settle) error

	// OutboxAge returns how long ago the oldest event that is not settled was
	// appended, or 0 when all are.
	OutboxAge(ctx context.Context) (time.Duration, error)
}

// A DeliveryState is where an event of the outbox stands.
type DeliveryState string

// The states of an event. Delivered and GivenUp are final.
const (
	Undelivered DeliveryState = ""          // due now or later
	Delivered   DeliveryState = "delivered" // everyone who wants it has it
	GivenUp     DeliveryState = "given-up"  // it will not be tried again
)

// A Delivery is an event of the outbox on its way.
type Delivery struct {
	Entry Entry
	State DeliveryState
	// Attempt counts the claims; whoever shows a smaller one is too late.
	Attempt int64
	// DueAt is from when on it may be claimed; zero for at once. While a claim
	// lasts it is the end of that claim.
	DueAt time.Time
	// Progress is what the claim before left.
	Progress Payload
	// Now is the store's time when it answered.
	Now time.Time
}

// An OutboxClaim asks for events to deliver.
type OutboxClaim struct {
	Limit int
	// Lease is how long the claim lasts. An event that is not settled until then
	// is given out again.
	Lease time.Duration
}

// Claimable reports whether the event may be given out now.
func (d Delivery) Claimable(now time.Time) bool {
	return d.Entry.Kind == Outbox && d.State == Undelivered && !d.DueAt.After(now)
}

// Claim returns the event as it is given out.
func (c OutboxClaim) Claim(d Delivery, now time.Time) Delivery {
	d.Attempt++
	d.DueAt, d.Now = after(now, c.Lease), now
	return d
}

// A Settle ends a claim of an event.
type Settle struct {
	Tenant string
	Entry  string
	// Attempt is that of the claim.
	Attempt int64
	// State is where the event goes. Undelivered means that it is tried again
	// after Delay.
	State DeliveryState
	Delay time.Duration
	// Progress is kept with the event.
	Progress Payload
}

// Apply returns the event after the claim has ended so, or the event as it was and
// an error: one that wraps [ErrFenced] when the claim is not its last or the event
// is settled, and one that wraps [ErrBadTransition] for an unknown state.
func (s Settle) Apply(d Delivery, now time.Time) (Delivery, error) {
	if d.State != Undelivered || d.Attempt == 0 || d.Attempt != s.Attempt {
		return d, fmt.Errorf("queue: attempt %d of event %s: %w", s.Attempt, s.Entry, ErrFenced)
	}
	switch s.State {
	case Undelivered:
		d.DueAt = after(now, s.Delay)
	case Delivered, GivenUp:
		d.State, d.DueAt = s.State, time.Time{}
	default:
		return d, fmt.Errorf("queue: event %s to %q: %w", s.Entry, s.State, ErrBadTransition)
	}
	d.Progress, d.Now = s.Progress, now
	return d, nil
}

// An InboxStore is a [JobStore] whose outbox can also be read as people's inboxes.
// An event belongs to its Actor and knows whether that person has read it.
type InboxStore interface {
	// Inbox returns a page of the tenant's events, newest first, and the cursor of
	// the next page, which is empty at the end.
	Inbox(ctx context.Context, q InboxQuery) (events []InboxEvent, next string, err error)

	// CountUnread counts the unread events that the query selects, up to its Limit.
	CountUnread(ctx context.Context, q InboxQuery) (int, error)

	// MarkRead notes the store's time at the unread events that the mark selects,
	// and returns how many they were. It may do so in steps, in order of their numbers:
	// after an error some may be marked, and marking again does the rest.
	MarkRead(ctx context.Context, m ReadMark) (int, error)
}

// An InboxQuery selects events.
type InboxQuery struct {
	Tenant string
	// Actor and Types restrict when not empty.
	Actor string
	Types []string
	// Unread leaves out what was read.
	Unread bool
	// Limit is the page's size, 1 to 1,000; 0 means 50.
	Limit int
	// After is the cursor that the page before returned.
	After string
}

// PageSize returns Limit within its bounds.
func (q InboxQuery) PageSize() int { return ListQuery{Limit: q.Limit}.PageSize() }

// An InboxEvent is an event with the time at which it was read; zero for not yet.
type InboxEvent struct {
	Entry  Entry
	ReadAt time.Time
}

// A ReadMark selects events that were read: those with these IDs, and all up to and
// including the number UpTo. It reaches no further than tenant and, if it is not
// empty, actor.
type ReadMark struct {
	Tenant string
	Actor  string
	IDs    []string
	UpTo   int64
}
