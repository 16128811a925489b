// Package feed holds the rules by which a store hands its audit entries on to a log of the
// host's: tenant by tenant, each in the order of its numbers, until every entry was taken.
//
// A store keeps a [Feed] for each tenant, and the platform's for the empty one. Appending
// an audit entry makes it due, see [Feed.Appended]. Whoever hands entries on claims a feed,
// for a while, and then settles it with the number of the last entry that was taken. Who
// settles too late changes nothing, so that no two hand on the entries of one tenant at
// the same time for longer than a claim lasts; what was handed on and not settled is
// handed on again.
//
// A store keeps no rule of its own: it loads the feed, calls the function, and writes the
// result in the same transaction, so that of two changes the second sees the first.
package feed

import (
	"context"
	"fmt"
	"time"

	"github.com/exportyard/exportyard/queue"
)

// A Store is a [queue.JobStore] that hands its audit entries on. It is safe for
// concurrent use by any number of processes.
type Store interface {
	// ClaimFeed gives the feed that is due the longest, with the entries that come next
	// in it: one or more, at most Limit. ok is false when none is due.
	ClaimFeed(ctx context.Context, c Claim) (given Given, ok bool, err error)
	// SettleFeed ends a claim, by [Settle.Apply]. Nothing is changed with an error.
	SettleFeed(ctx context.Context, s Settle) error
}

// Of returns the store as one that hands its audit entries on, if it is one.
func Of(store queue.JobStore) (Store, bool) {
	s, ok := store.(Store)
	return s, ok
}

// A Feed says how far the entries of a tenant were taken.
type Feed struct {
	Tenant string
	// Taken is the number, Seq, of the last entry that was taken.
	Taken int64
	// Attempt grows when a claim begins and when it ends, so that it is odd while one
	// lasts; whoever shows another one is too late.
	Attempt int64
	// DueAt is from when on it may be claimed, and while a claim lasts, the end of that
	// claim. It is zero when every entry was taken.
	DueAt time.Time
}

// Given is a claimed feed with its next entries.
type Given struct {
	Feed
	Entries []queue.Entry
}

// A Claim asks for a feed.
type Claim struct {
	// Lease is how long the claim lasts.
	Lease time.Duration
	// Limit is how many entries are given at most; less than 1 is 1.
	Limit int
}

// A Settle ends a claim.
type Settle struct {
	Tenant string
	// Attempt is that of the claim.
	Attempt int64
	// Taken is the number of the last entry that was taken, the feed's own if none was.
	Taken int64
	// Delay is when the feed is due again, if entries are left.
	Delay time.Duration
}

// Appended returns the feed after audit entries were appended.
func (f Feed) Appended(now time.Time) Feed {
	if f.DueAt.IsZero() {
		f.DueAt = now
	}
	return f
}

// Claimable reports whether the feed may be claimed now.
func (f Feed) Claimable(now time.Time) bool {
	return !f.DueAt.IsZero() && !f.DueAt.After(now)
}

// Entries returns Limit within its bounds.
func (c Claim) Entries() int { return max(c.Limit, 1) }

// Claim returns the feed as it is given out.
func (c Claim) Claim(f Feed, now time.Time) Feed {
	f.Attempt += 1 + f.Attempt%2 // one that ran out ends, too
	f.DueAt = now.Add(c.Lease).UTC().Truncate(time.Microsecond)
	return f
}

// Apply returns the feed after the claim has ended so; last is the number of the tenant's
// last audit entry. It returns an error that wraps [queue.ErrFenced] when the claim is not
// the feed's last, and one that wraps [queue.ErrBadTransition] for entries that were not
// there to be taken.
func (s Settle) Apply(f Feed, last int64, now time.Time) (Feed, error) {
	switch {
	case s.Attempt != f.Attempt || s.Attempt%2 == 0:
		return f, fmt.Errorf("feed: attempt %d of tenant %q: %w", s.Attempt, s.Tenant, queue.ErrFenced)
	case s.Taken < f.Taken, s.Taken > max(last, f.Taken):
		return f, fmt.Errorf("feed: entry %d of tenant %q: %w", s.Taken, s.Tenant, queue.ErrBadTransition)
	}
	f.Attempt++
	f.Taken, f.DueAt = s.Taken, time.Time{}
	if s.Taken < last {
		f.DueAt = now.Add(s.Delay).UTC().Truncate(time.Microsecond)
	}
	return f, nil
}
