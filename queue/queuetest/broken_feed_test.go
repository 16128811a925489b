package queuetest_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/feed"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/queue/queuetest"
)

// A brokenFeed is a good store whose feeds are replaced.
type brokenFeed struct {
	*memstore.Store
	claim  func(context.Context, feed.Claim) (feed.Given, bool, error)
	settle func(context.Context, feed.Settle) error
}

func (b *brokenFeed) ClaimFeed(ctx context.Context, c feed.Claim) (feed.Given, bool, error) {
	return b.claim(ctx, c)
}

func (b *brokenFeed) SettleFeed(ctx context.Context, s feed.Settle) error { return b.settle(ctx, s) }

// given lets every claim look different.
func (b *brokenFeed) given(change func(*feed.Given)) {
	b.claim = func(ctx context.Context, c feed.Claim) (feed.Given, bool, error) {
		g, ok, err := b.Store.ClaimFeed(ctx, c)
		change(&g)
		return g, ok, err
	}
}

// asked lets every claim ask for something else.
func (b *brokenFeed) asked(change func(*feed.Claim)) {
	b.claim = func(ctx context.Context, c feed.Claim) (feed.Given, bool, error) {
		change(&c)
		return b.Store.ClaimFeed(ctx, c)
	}
}

// told lets every end be another one.
func (b *brokenFeed) told(change func(*feed.Settle)) {
	b.settle = func(ctx context.Context, s feed.Settle) error {
		change(&s)
		return b.Store.SettleFeed(ctx, s)
	}
}

// feedMutants are stores that each break one promise of a feed, and the rules that find it.
var feedMutants = []struct {
	name     string
	caughtBy []string
	damage   func(*brokenFeed)
}{
	{"no limit", []string{"A16_FeedGivesEntriesInOrder"}, func(b *brokenFeed) { b.asked(func(c *feed.Claim) { c.Limit = 100 }) }},
	{"newest first", []string{"A16_FeedGivesEntriesInOrder"}, func(b *brokenFeed) {
		b.given(func(g *feed.Given) { slices.Reverse(g.Entries) })
	}},
	{"entries without data", []string{"A16_FeedGivesEntriesInOrder"}, func(b *brokenFeed) {
		b.given(func(g *feed.Given) {
			for i := range g.Entries {
				g.Entries[i].Data = queue.Payload{}
			}
		})
	}},
	{"no platform", []string{"A16_FeedOfEachTenant"}, func(b *brokenFeed) {
		b.claim = func(ctx context.Context, c feed.Claim) (feed.Given, bool, error) {
			g, ok, err := b.Store.ClaimFeed(ctx, c)
			if ok && g.Tenant == "" {
				return b.Store.ClaimFeed(ctx, c)
			}
			return g, ok, err
		}
	}},
	{"claims that do not last", []string{"A16_FeedIsGivenAgain", "A16_FeedOfEachTenant"}, func(b *brokenFeed) {
		b.asked(func(c *feed.Claim) { c.Lease = -time.Second })
	}},
	{"claims that last for ever", []string{"A16_FeedIsGivenAgain"}, func(b *brokenFeed) {
		b.asked(func(c *feed.Claim) { c.Lease = 10_000 * time.Hour })
	}},
	{"too late is not too late", []string{"A16_FeedIsGivenAgain", "A16_FeedUnknown"}, func(b *brokenFeed) {
		b.settle = func(ctx context.Context, s feed.Settle) error {
			_ = b.Store.SettleFeed(ctx, s)
			return nil
		}
	}},
	{"no delay", []string{"A16_FeedWaits"}, func(b *brokenFeed) { b.told(func(s *feed.Settle) { s.Delay = 0 }) }},
	{"forgets what comes meanwhile", []string{"A16_FeedOfWhatComesMeanwhile"}, func(b *brokenFeed) {
		b.told(func(s *feed.Settle) {
			all, _ := b.Entries(context.Background(), s.Tenant, queue.Audit, 0, 1000)
			s.Taken = all[len(all)-1].Seq
		})
	}},
	{"two at a time", []string{"A16_FeedRace"}, func(b *brokenFeed) {
		var last atomic.Pointer[feed.Given]
		b.claim = func(ctx context.Context, c feed.Claim) (feed.Given, bool, error) {
			if twice := last.Swap(nil); twice != nil {
				return *twice, true, nil
			}
			g, ok, err := b.Store.ClaimFeed(ctx, c)
			if ok {
				last.Store(&g)
			}
			return g, ok, err
		}
	}},
}

func feedHarness(damage func(*brokenFeed)) queuetest.Harness {
	var ahead atomic.Int64
	good := memstore.New(&memstore.Options{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	b := &brokenFeed{Store: good, claim: good.ClaimFeed, settle: good.SettleFeed}
	damage(b)
	return queuetest.Harness{Store: b, Entries: b, Advance: func(d time.Duration) { ahead.Add(int64(d)) }}
}

func TestR14_BrokenFeedsAreCaught(t *testing.T) {
	t.Parallel()
	caught := map[string]bool{}
	for _, m := range feedMutants {
		for _, rule := range m.caughtBy {
			caught[rule] = true
		}
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			for _, rule := range m.caughtBy {
				require.NotEmpty(t, queuetest.Check(t, rule, feedHarness(m.damage)), "rule %s passed", rule)
				require.Empty(t, queuetest.Check(t, rule, feedHarness(func(*brokenFeed) {})), "rule %s complains of a good store", rule)
			}
		})
	}
	for _, rule := range queuetest.FeedRules() {
		require.True(t, caught[rule], "no broken store needs the rule %s", rule)
	}
}
