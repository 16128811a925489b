package queuetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/chain"
)

// chainRules are those of a store that has keys.
var chainRules = []rule{
	{"R41_ChainLinksAuditEntries", "each audit entry has a link in the order of the numbers, however it was appended, and events of the outbox have none", func(s *site) {
		var want, linked []string
		next := func(when queue.State) queue.Entry {
			e := s.entry(when)
			want = append(want, e.ID)
			return e
		}
		event := s.entry("")
		event.Kind = queue.Outbox
		j := s.create(s.draft(), next(""), event, next(""))
		s.finish(finish(s.claimOf(j.ID), queue.Seal), next(queue.Running), s.entry(queue.Completed))
		for _, u := range []queue.Update{{Tenant: tenant, Job: j.ID, Event: queue.Cancel}, {}} {
			_, err := s.Store.Update(s.ctx, u, []queue.Entry{next("")})
			s.noError(err, "update")
		}
		if orders, ok := s.Store.(queue.ScheduleStore); ok {
			_, _, err := orders.CreateSchedule(s.ctx, queue.Schedule{ID: "nightly", Tenant: tenant}, []queue.Entry{next("")})
			s.noError(err, "create a schedule")
		}
		for i, e := range s.chained(0, 100).Entries {
			linked = append(linked, e.ID)
			equal(s, e.Link.Number, int64(i+1), "the number of a link")
		}
		equal(s, linked, want, "the chain")
		s.proved(tenant, int64(len(want)))
	}},
	{"R41_ChainGivesEveryField", "a chain gives entries as they are given without it", func(s *site) {
		e := s.entry("")
		e.Job, e.Actor, e.Data = "job\x00\xff", "o'neil\u241b00", queue.Payload{Version: 3, Data: []byte{0, 255}}
		empty := queue.Entry{ID: s.id("entry"), Kind: queue.Audit, Tenant: tenant}
		s.create(s.draft(), e, empty)
		plain, err := s.Entries.Entries(s.ctx, tenant, queue.Audit, 0, 10)
		s.noError(err, "entries")
		var linked []queue.Entry
		for _, e := range s.chained(0, 10).Entries {
			linked = append(linked, e.Entry)
		}
		equal(s, linked, plain, "the chain's entries")
		s.proved(tenant, 2)
	}},
	{"R41_ChainOfEachTenant", "each tenant has a chain of its own, and so has the platform, also when one change writes to several", func(s *site) {
		of := func(tenant string) queue.Entry {
			e := s.entry("")
			e.Tenant = tenant
			return e
		}
		for range 3 {
			_, err := s.Store.Update(s.ctx, queue.Update{}, []queue.Entry{of("other"), of(tenant), of(""), of("other")})
			s.noError(err, "update")
		}
		s.proved(tenant, 3)
		s.proved("other", 6)
		s.proved("", 3)
		s.proved("nobody", 0)
	}},
	{"R41_ChainKeepsStepWithTheChange", "a change that does not happen leaves the chain as it was", func(s *site) {
		used := s.entry("")
		j := s.create(s.draft(), used)
		was := s.proved(tenant, 1)
		u := queue.Update{Tenant: tenant, Job: j.ID, Event: queue.Cancel}
		if _, err := s.Store.Update(s.ctx, u, []queue.Entry{s.entry(""), used}); err == nil {
			s.Fatalf("an entry with a used ID was appended")
		}
		equal(s, s.proved(tenant, 1), was, "the head after a change that failed")
		s.update(j, queue.Cancel)
		_, err := s.Store.Update(s.ctx, u, []queue.Entry{s.entry("")})
		s.wantError(err, queue.ErrBadTransition, "second cancel")
		equal(s, s.proved(tenant, 1), was, "the head after a change that was refused")
	}},
	{"R41_ChainInPages", "a chain comes in order of the numbers, those above after, at most limit, with the head of that moment", func(s *site) {
		for range 5 {
			s.append(tenant)
		}
		after, number := int64(0), int64(0)
		for _, want := range []int{2, 2, 1, 0} {
			page := s.chained(after, 2)
			equal(s, len(page.Entries), want, "the size of a page")
			equal(s, page.Head.Number, int64(5), "the number of the head")
			for _, e := range page.Entries {
				number++
				equal(s, e.Link.Number, number, "the number of a link")
				after = e.Seq
			}
		}
		s.append(tenant)
		equal(s, s.chained(after, 2).Head.Number, int64(6), "the number of the head")
	}},
	{"R41_ChainDoesNotFork", "many who append to a log at the same time make one chain", func(s *site) {
		const writers, each = 100, 3
		together(writers, func(w int) {
			for i := range each {
				e := queue.Entry{ID: fmt.Sprintf("%d-%d", w, i), Kind: queue.Audit, Tenant: tenant}
				platform := queue.Entry{ID: "platform-" + e.ID, Kind: queue.Audit}
				entries := []queue.Entry{e}
				if w%10 == 0 {
					entries = append(entries, platform)
				}
				if _, err := s.Store.Update(s.ctx, queue.Update{}, entries); err != nil {
					s.Errorf("update: %v", err)
				}
			}
		})
		s.proved(tenant, writers*each)
		s.proved("", writers*each/10)
	}},
	{"R41_ChainIsProvedByItsStore", "a store proves its log with its own keys, and asks for the heads that are known", func(s *site) {
		s.append(tenant)
		early := s.proved(tenant, 1)
		s.append(tenant)
		head, err := as[chain.Store](s).VerifyAudit(s.ctx, tenant, early)
		s.noError(err, "verify")
		equal(s, head, s.proved(tenant, 2), "the head")
		forged := early
		forged.MAC = head.MAC
		var broken *chain.BrokenError
		if _, err := as[chain.Store](s).VerifyAudit(s.ctx, tenant, forged); !errors.As(err, &broken) {
			s.Fatalf("with a head that nobody wrote, verify returned %v", err)
		}
	}},
	{"R41_ChainGoesOnAfterARestart", "a store that is opened again goes on with the chain", func(s *site) {
		if s.Reopen == nil {
			s.Skipf("the store keeps nothing")
		}
		s.append(tenant)
		was := s.proved(tenant, 1)
		s.Store, s.Entries = s.Reopen(s)
		equal(s, s.proved(tenant, 1), was, "the head")
		s.append(tenant)
		s.proved(tenant, 2)
	}},
}

// keyed returns the rules as ones that need the store's keys.
func keyed(rules []rule) []rule {
	bound := slices.Clone(rules)
	for i, r := range rules {
		bound[i].check = func(s *site) {
			if s.Keys == nil {
				s.Fatalf("the harness of a chain.Store needs the Keys that it was given")
			}
			r.check(s)
		}
	}
	return bound
}

// append appends one audit entry to a tenant's log.
func (s *site) append(tenant string) {
	s.Helper()
	e := s.entry("")
	e.Tenant = tenant
	_, err := s.Store.Update(s.ctx, queue.Update{}, []queue.Entry{e})
	s.noError(err, "update")
}

func (s *site) chained(after int64, limit int) chain.Page {
	s.Helper()
	page, err := as[chain.Store](s).AuditChain(s.ctx, tenant, after, limit)
	s.noError(err, "audit chain")
	return page
}

// proved proves a tenant's log, which must have so many links, from its beginning.
func (s *site) proved(tenant string, links int64) chain.Head {
	s.Helper()
	head, err := s.Keys.Verify(s.ctx, as[chain.Store](s), tenant)
	s.noError(err, "verify")
	if want := (chain.Head{Tenant: tenant, Number: links, MAC: head.MAC, Key: head.Key, Seal: head.Seal}); !reflect.DeepEqual(head, want) {
		s.Fatalf("the head of tenant %q is %+v, want %d links from the first entry on", tenant, head, links)
	}
	return head
}
