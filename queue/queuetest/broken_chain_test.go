package queuetest_test

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/chain"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/queue/queuetest"
)

// A brokenChain is a good store of which what it says of its chain is replaced.
type brokenChain struct {
	*memstore.Store
	update func(context.Context, queue.Update, []queue.Entry) (queue.Job, error)
	pages  func(ctx context.Context, tenant string, after int64, limit int) (chain.Page, error)
	verify func(ctx context.Context, tenant string, known ...chain.Head) (chain.Head, error)
}

func (b *brokenChain) Update(ctx context.Context, u queue.Update, e []queue.Entry) (queue.Job, error) {
	return b.update(ctx, u, e)
}

func (b *brokenChain) AuditChain(ctx context.Context, tenant string, after int64, limit int) (chain.Page, error) {
	return b.pages(ctx, tenant, after, limit)
}

func (b *brokenChain) VerifyAudit(ctx context.Context, tenant string, known ...chain.Head) (chain.Head, error) {
	return b.verify(ctx, tenant, known...)
}

// seen lets every page look different.
func (b *brokenChain) seen(change func(*chain.Page)) {
	b.pages = func(ctx context.Context, tenant string, after int64, limit int) (chain.Page, error) {
		page, err := b.Store.AuditChain(ctx, tenant, after, limit)
		change(&page)
		return page, err
	}
}

// chainMutants are stores that each break one promise of a chain, and the rules that
// find it.
var chainMutants = []struct {
	name     string
	caughtBy []string
	damage   func(*brokenChain)
}{
	{"no links", []string{"R41_ChainLinksAuditEntries", "R41_ChainOfEachTenant"}, func(b *brokenChain) {
		b.seen(func(p *chain.Page) {
			p.Head = chain.Head{Tenant: p.Head.Tenant}
			for i := range p.Entries {
				p.Entries[i].Link = chain.Link{}
			}
		})
	}},
	{"the last link lacks", []string{"R41_ChainLinksAuditEntries"}, func(b *brokenChain) {
		b.seen(func(p *chain.Page) { p.Entries = p.Entries[:max(len(p.Entries)-1, 0)] })
	}},
	{"an update's entries are lost", []string{"R41_ChainLinksAuditEntries"}, func(b *brokenChain) {
		b.update = func(ctx context.Context, u queue.Update, e []queue.Entry) (queue.Job, error) {
			return queue.Job{}, nil
		}
	}},
	{"times are cut after they were linked", []string{"R41_ChainGivesEveryField"}, func(b *brokenChain) {
		b.seen(func(p *chain.Page) {
			for i := range p.Entries {
				p.Entries[i].At = p.Entries[i].At.Truncate(time.Hour)
			}
		})
	}},
	{"bytes that are no text are lost", []string{"R41_ChainGivesEveryField"}, func(b *brokenChain) {
		b.seen(func(p *chain.Page) {
			for i := range p.Entries {
				p.Entries[i].Job = string(bytes.ToValidUTF8([]byte(p.Entries[i].Job), []byte("?")))
			}
		})
	}},
	{"one chain for all", []string{"R41_ChainOfEachTenant"}, func(b *brokenChain) {
		b.pages = func(ctx context.Context, _ string, after int64, limit int) (chain.Page, error) {
			return b.Store.AuditChain(ctx, "acme", after, limit)
		}
	}},
	{"the platform has none", []string{"R41_ChainOfEachTenant", "R41_ChainDoesNotFork"}, func(b *brokenChain) {
		b.pages = func(ctx context.Context, tenant string, after int64, limit int) (chain.Page, error) {
			if tenant == "" {
				return chain.Page{}, nil
			}
			return b.Store.AuditChain(ctx, tenant, after, limit)
		}
	}},
	{"links of changes that failed", []string{"R41_ChainKeepsStepWithTheChange"}, func(b *brokenChain) {
		b.update = func(ctx context.Context, u queue.Update, e []queue.Entry) (queue.Job, error) {
			j, err := b.Store.Update(ctx, u, e)
			if err != nil {
				_, _ = b.Store.Update(ctx, queue.Update{}, []queue.Entry{{ID: "of a failure", Kind: queue.Audit, Tenant: "acme"}})
			}
			return j, err
		}
	}},
	{"no limit", []string{"R41_ChainInPages"}, func(b *brokenChain) {
		b.pages = func(ctx context.Context, tenant string, after int64, _ int) (chain.Page, error) {
			return b.Store.AuditChain(ctx, tenant, after, 1000)
		}
	}},
	{"always from the beginning", []string{"R41_ChainInPages"}, func(b *brokenChain) {
		b.pages = func(ctx context.Context, tenant string, _ int64, limit int) (chain.Page, error) {
			return b.Store.AuditChain(ctx, tenant, 0, limit)
		}
	}},
	{"newest first", []string{"R41_ChainInPages", "R41_ChainLinksAuditEntries"}, func(b *brokenChain) {
		b.seen(func(p *chain.Page) { slices.Reverse(p.Entries) })
	}},
	{"a head of another moment", []string{"R41_ChainInPages"}, func(b *brokenChain) {
		var first *chain.Head
		b.seen(func(p *chain.Page) {
			if first == nil {
				head := p.Head
				first = &head
			}
			p.Head = *first
		})
	}},
	{"two that go on from the same", []string{"R41_ChainDoesNotFork"}, func(b *brokenChain) {
		b.seen(func(p *chain.Page) {
			if len(p.Entries) > 50 {
				p.Entries[40].Link = p.Entries[39].Link
			}
		})
	}},
	{"says yes to everything", []string{"R41_ChainIsProvedByItsStore"}, func(b *brokenChain) {
		b.verify = func(ctx context.Context, tenant string, _ ...chain.Head) (chain.Head, error) {
			page, err := b.Store.AuditChain(ctx, tenant, 0, 1)
			return page.Head, err
		}
	}},
	{"does not ask for known heads", []string{"R41_ChainIsProvedByItsStore"}, func(b *brokenChain) {
		b.verify = func(ctx context.Context, tenant string, _ ...chain.Head) (chain.Head, error) {
			return b.Store.VerifyAudit(ctx, tenant)
		}
	}},
	{"begins anew at a restart", []string{"R41_ChainGoesOnAfterARestart"}, func(*brokenChain) {}},
}

func chainHarness(t *testing.T, damage func(*brokenChain)) queuetest.Harness {
	t.Helper()
	keys, err := chain.NewKeys(chain.Key{ID: "a", Secret: make([]byte, chain.MinSecret)})
	require.NoError(t, err)
	good := memstore.New(&memstore.Options{AuditKeys: keys})
	b := &brokenChain{Store: good, update: good.Update, pages: good.AuditChain, verify: good.VerifyAudit}
	damage(b)
	return queuetest.Harness{
		Store: b, Entries: b, Keys: keys, Advance: func(time.Duration) {},
		Reopen: func(testing.TB) (queue.JobStore, queue.EntryReader) {
			empty := memstore.New(&memstore.Options{AuditKeys: keys})
			return empty, empty
		},
	}
}

func TestR14_BrokenChainsAreCaught(t *testing.T) {
	t.Parallel()
	caught := map[string]bool{}
	for _, m := range chainMutants {
		for _, rule := range m.caughtBy {
			caught[rule] = true
		}
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			for _, rule := range m.caughtBy {
				require.NotEmpty(t, queuetest.Check(t, rule, chainHarness(t, m.damage)), "rule %s passed", rule)
				if rule != "R41_ChainGoesOnAfterARestart" {
					require.Empty(t, queuetest.Check(t, rule, chainHarness(t, func(*brokenChain) {})), "rule %s complains of a good store", rule)
				}
			}
		})
	}
	for _, rule := range queuetest.ChainRules() {
		require.True(t, caught[rule], "no broken store needs the rule %s", rule)
	}
}

// A store that keeps chains cannot be tested without its keys by oversight.
func TestR14_ChainNeedsKeys(t *testing.T) {
	t.Parallel()
	h := chainHarness(t, func(*brokenChain) {})
	h.Keys = nil
	require.NotEmpty(t, queuetest.Check(t, "R41_ChainInPages", h))
}
