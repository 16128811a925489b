package queuetest

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/feed"
)

var feedRules = []rule{
	{"A16_FeedGivesEntriesInOrder", "a feed gives a tenant's audit entries, whole and in order, at most as many as asked for", func(s *site) {
		event := s.entry("")
		event.Kind = queue.Outbox
		s.create(s.draft(), s.entry(""), event, s.entry(""))
		s.append(tenant)
		want, err := s.Entries.Entries(s.ctx, tenant, queue.Audit, 0, 10)
		s.noError(err, "entries")
		first := s.fed(2)
		equal(s, first.Tenant, tenant, "the tenant")
		equal(s, first.Entries, want[:2], "the entries")
		s.settled(first, first.Entries[1].Seq, 0)
		rest := s.fed(10)
		equal(s, rest.Entries, want[2:], "the rest")
		s.settled(rest, rest.Entries[0].Seq, 0)
		s.starved()
		s.append(tenant)
		equal(s, len(s.fed(10).Entries), 1, "the number of new entries")
	}},
	{"A16_FeedOfEachTenant", "each tenant has a feed, and so has the platform; the one that is due the longest comes first", func(s *site) {
		for _, of := range []string{"other", "", tenant} {
			s.append(of)
			s.Advance(time.Second)
		}
		s.append("other")
		var got []string
		for range 3 {
			given := s.fed(10)
			got = append(got, fmt.Sprintf("%q %d", given.Tenant, len(given.Entries)))
		}
		equal(s, got, []string{`"other" 2`, `"" 1`, `"acme" 1`}, "the feeds")
		s.starved()
	}},
	{"A16_FeedIsGivenAgain", "what was not settled is given again when the claim is over, and who settles the first claim then is too late", func(s *site) {
		s.append(tenant)
		first := s.fed(10)
		s.starved()
		s.Advance(lease)
		second := s.fed(10)
		equal(s, second.Entries, first.Entries, "the entries")
		s.wantError(s.settleFeed(first, first.Entries[0].Seq), queue.ErrFenced, "settling the first claim")
		s.settled(second, second.Entries[0].Seq, 0)
		s.wantError(s.settleFeed(second, second.Entries[0].Seq), queue.ErrFenced, "settling twice")
		s.starved()
	}},
	{"A16_FeedWaits", "a feed of which entries are left is due again after the delay", func(s *site) {
		s.append(tenant)
		given := s.fed(10)
		s.settled(given, given.Taken, time.Minute)
		s.append(tenant)
		s.starved()
		s.Advance(time.Minute)
		equal(s, len(s.fed(10).Entries), 2, "the number of entries")
	}},
	{"A16_FeedOfWhatComesMeanwhile", "entries that are appended while a claim lasts are given after it", func(s *site) {
		s.append(tenant)
		given := s.fed(10)
		s.append(tenant)
		s.settled(given, given.Entries[0].Seq, 0)
		later := s.fed(10)
		equal(s, len(later.Entries), 1, "the number of entries")
		if later.Entries[0].Seq <= given.Entries[0].Seq {
			s.Fatalf("entry %d comes after entry %d", later.Entries[0].Seq, given.Entries[0].Seq)
		}
	}},
	{"A16_FeedUnknown", "a feed that was not claimed cannot be settled, nor further than there are entries", func(s *site) {
		s.append(tenant)
		s.wantError(s.settleFeed(feed.Given{Feed: feed.Feed{Tenant: "nobody", Attempt: 1}}, 0), queue.ErrFenced, "settling the feed of nobody")
		given := s.fed(10)
		s.wantError(s.settleFeed(given, given.Entries[0].Seq+1), queue.ErrBadTransition, "settling what is not there")
		s.settled(given, given.Entries[0].Seq, 0)
	}},
	{"A16_FeedRace", "many who hand on at the same time, while others append, give every entry once and in order", func(s *site) {
		const appenders, each = 5, 12
		var mu sync.Mutex
		got := map[string][]int64{}
		hand := func() bool {
			given, ok, err := as[feed.Store](s).ClaimFeed(s.ctx, feed.Claim{Lease: lease, Limit: 3})
			if err != nil || !ok {
				if err != nil {
					s.Errorf("claim feed: %v", err)
				}
				return false
			}
			mu.Lock()
			for _, e := range given.Entries {
				got[e.Tenant] = append(got[e.Tenant], e.Seq)
			}
			mu.Unlock()
			if err := s.settleFeed(given, given.Entries[len(given.Entries)-1].Seq); err != nil {
				s.Errorf("settle feed: %v", err)
			}
			return true
		}
		together(2*appenders, func(i int) {
			for n := range each {
				if i%2 == 0 {
					hand()
					continue
				}
				e := queue.Entry{ID: fmt.Sprintf("%d-%d", i, n), Kind: queue.Audit, Tenant: []string{tenant, "other"}[n%2]}
				if _, err := s.Store.Update(s.ctx, queue.Update{}, []queue.Entry{e}); err != nil {
					s.Errorf("update: %v", err)
				}
			}
		})
		for hand() {
			continue
		}
		for of, seqs := range got {
			if !slices.IsSorted(seqs) || len(slices.Compact(slices.Clone(seqs))) != len(seqs) {
				s.Fatalf("tenant %q was given the entries %v", of, seqs)
			}
		}
		equal(s, len(got[tenant])+len(got["other"]), appenders*each, "the number of entries that were given")
	}},
}

// fed claims the feed that is due, which there must be.
func (s *site) fed(limit int) feed.Given {
	s.Helper()
	given, ok, err := as[feed.Store](s).ClaimFeed(s.ctx, feed.Claim{Lease: lease, Limit: limit})
	s.noError(err, "claim feed")
	if !ok || len(given.Entries) == 0 {
		s.Fatalf("no feed is due, or one without entries")
	}
	return given
}

// starved fails if a feed is due.
func (s *site) starved() {
	s.Helper()
	given, ok, err := as[feed.Store](s).ClaimFeed(s.ctx, feed.Claim{Lease: lease, Limit: 1})
	s.noError(err, "claim feed")
	if ok {
		s.Fatalf("the feed of tenant %q is due, want none", given.Tenant)
	}
}

func (s *site) settleFeed(given feed.Given, taken int64) error {
	return as[feed.Store](s).SettleFeed(s.ctx, feed.Settle{Tenant: given.Tenant, Attempt: given.Attempt, Taken: taken})
}

func (s *site) settled(given feed.Given, taken int64, delay time.Duration) {
	s.Helper()
	err := as[feed.Store](s).SettleFeed(s.ctx, feed.Settle{Tenant: given.Tenant, Attempt: given.Attempt, Taken: taken, Delay: delay})
	s.noError(err, "settle feed")
}
