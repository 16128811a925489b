package journal

import (
	"context"
	"slices"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/chain"
	"github.com/exportyard/exportyard/queue/feed"
)

// ClaimFeed gives a tenant's next audit entries.
func (s *Store) ClaimFeed(ctx context.Context, c feed.Claim) (feed.Given, bool, error) {
	now, err := s.latch.Begin(ctx)
	if err != nil {
		return feed.Given{}, false, err
	}
	defer s.latch.End()
	var oldest feed.Feed
	for _, f := range s.feeds {
		if f.Claimable(now) && (oldest.DueAt.IsZero() || f.DueAt.Before(oldest.DueAt)) {
			oldest = f
		}
	}
	if oldest.DueAt.IsZero() {
		return feed.Given{}, false, nil
	}
	given := feed.Given{Feed: c.Claim(oldest, now)}
	s.feeds[given.Tenant] = given.Feed
	for _, e := range s.page(given.Tenant, queue.Audit, given.Taken, c.Entries()) {
		given.Entries = append(given.Entries, e.Entry)
	}
	return given, true, nil
}

// SettleFeed ends a claim.
func (s *Store) SettleFeed(ctx context.Context, q feed.Settle) error {
	now, err := s.latch.Begin(ctx)
	if err != nil {
		return err
	}
	defer s.latch.End()
	var last int64
	for _, e := range slices.Backward(s.entries[q.Tenant]) {
		if e.Kind == queue.Audit {
			last = e.Seq
			break
		}
	}
	f, err := q.Apply(s.feeds[q.Tenant], last, now)
	if err != nil {
		return err
	}
	s.feeds[q.Tenant] = f
	return nil
}

// feedOn notes that an entry waits in its tenant's feed.
func (s *Store) feedOn(e chain.Entry) {
	f := s.feeds[e.Tenant]
	f.Tenant = e.Tenant
	s.feeds[e.Tenant] = f.Appended(e.At)
}
