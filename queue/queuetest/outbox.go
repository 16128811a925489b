package queuetest

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/exportyard/exportyard/queue"
)

func (s *site) outbox() queue.OutboxStore { return as[queue.OutboxStore](s) }

// event appends an event of this type for ann and returns it as it was stored.
func (s *site) event(what string) queue.Entry {
	s.Helper()
	return s.eventOf(queue.Entry{Tenant: tenant, Actor: "ann", Type: what})
}

func (s *site) eventOf(e queue.Entry) queue.Entry {
	s.Helper()
	e.ID, e.Kind, e.Data = s.id("event"), queue.Outbox, text("data")
	_, err := s.Store.Update(s.ctx, queue.Update{}, []queue.Entry{e})
	s.noError(err, "update")
	all, err := s.Entries.Entries(s.ctx, e.Tenant, queue.Outbox, 0, 20_000)
	s.noError(err, "entries")
	return all[slices.IndexFunc(all, func(o queue.Entry) bool { return o.ID == e.ID })]
}

func (s *site) claimOutbox(limit int) []queue.Delivery {
	s.Helper()
	got, err := s.outbox().ClaimOutbox(s.ctx, queue.OutboxClaim{Limit: limit, Lease: lease})
	s.noError(err, "claim outbox")
	return got
}

// claimEvent claims one event, which must be this one.
func (s *site) claimEvent(e queue.Entry) queue.Delivery {
	s.Helper()
	got := s.claimOutbox(1)
	if len(got) != 1 || got[0].Entry.ID != e.ID {
		s.Fatalf("claim of the outbox gave %v, want %s", eventIDs(got), e.ID)
	}
	return got[0]
}

func eventIDs(deliveries []queue.Delivery) []string {
	ids := []string{}
	for _, d := range deliveries {
		ids = append(ids, d.Entry.ID)
	}
	return ids
}

func settle(d queue.Delivery, to queue.DeliveryState) queue.Settle {
	return queue.Settle{Tenant: d.Entry.Tenant, Entry: d.Entry.ID, Attempt: d.Attempt, State: to}
}

func (s *site) settle(q queue.Settle) {
	s.Helper()
	s.noError(s.outbox().SettleOutbox(s.ctx, q), "settle")
}

var outboxRules = []rule{
	{"OutboxGivesEachEvent", "an event is given out as it was appended, and not again while its claim lasts", func(s *site) {
		e := s.event("export.completed")
		d := s.claimEvent(e)
		equal(s, d.Entry, e, "the entry")
		equal(s, d.Attempt, int64(1), "the attempt")
		if d.Now.Before(e.At) || !d.DueAt.Equal(d.Now.Add(lease)) {
			s.Fatalf("the claim at %v of an event of %v is over at %v", d.Now, e.At, d.DueAt)
		}
		equal(s, eventIDs(s.claimOutbox(10)), []string{}, "what a second claim got")
	}},
	{"OutboxOnlyEvents", "entries of the audit log are not given out", func(s *site) {
		s.create(s.draft(), s.entry(""))
		equal(s, eventIDs(s.claimOutbox(10)), []string{}, "the claim")
	}},
	{"OutboxOfAllTenants", "events of all tenants are given out in order of their time, at most Limit", func(s *site) {
		var want []string
		for i := range 5 {
			want = append(want, s.eventOf(queue.Entry{Tenant: fmt.Sprint("tenant-", 5-i), Type: "t"}).ID)
			s.Advance(time.Second)
		}
		equal(s, eventIDs(s.claimOutbox(0)), []string{}, "a claim of none")
		equal(s, eventIDs(s.claimOutbox(3)), want[:3], "the first claim")
		equal(s, eventIDs(s.claimOutbox(3)), want[3:], "the second claim")
	}},
	{"R39_OutboxGivesAgain", "an event that was not settled before its claim ended is given out again, counted", func(s *site) {
		e := s.event("t")
		first := s.claimEvent(e)
		s.Advance(lease)
		second := s.claimEvent(e)
		equal(s, second.Attempt, first.Attempt+1, "the attempt")
		equal(s, second.Entry, first.Entry, "the entry")
	}},
	{"OutboxSettled", "what is delivered or given up is never given out again", func(s *site) {
		for _, to := range []queue.DeliveryState{queue.Delivered, queue.GivenUp} {
			s.settle(settle(s.claimEvent(s.event("t")), to))
		}
		s.Advance(1000 * time.Hour)
		equal(s, eventIDs(s.claimOutbox(10)), []string{}, "the claim")
	}},
	{"OutboxTriedAgain", "an event to be tried again waits its delay and keeps its progress", func(s *site) {
		e := s.event("t")
		q := settle(s.claimEvent(e), queue.Undelivered)
		q.Delay, q.Progress = 2*time.Hour, queue.Payload{Version: 7, Data: []byte("half")}
		s.settle(q)
		s.Advance(time.Hour)
		equal(s, eventIDs(s.claimOutbox(10)), []string{}, "a claim too early")
		s.Advance(time.Hour)
		equal(s, s.claimEvent(e).Progress, q.Progress, "the progress")
	}},
	{"OutboxNewBeforeTried", "an event that nobody has tried comes before one that is tried again", func(s *site) {
		tried := s.event("t")
		s.settle(settle(s.claimEvent(tried), queue.Undelivered))
		fresh := s.event("t")
		equal(s, eventIDs(s.claimOutbox(10)), []string{fresh.ID, tried.ID}, "the claim")
	}},
	{"OutboxFenced", "who settles too late, or twice, changes nothing", func(s *site) {
		e := s.event("t")
		late := s.claimEvent(e)
		s.Advance(lease)
		s.wantError(s.outbox().SettleOutbox(s.ctx, queue.Settle{Tenant: tenant, Entry: s.event("u").ID}), queue.ErrFenced, "settle of an event that nobody claimed")
		got := s.claimOutbox(2)
		s.wantError(s.outbox().SettleOutbox(s.ctx, settle(late, queue.Delivered)), queue.ErrFenced, "late settle")
		for _, d := range got {
			s.settle(settle(d, queue.Delivered))
			s.wantError(s.outbox().SettleOutbox(s.ctx, settle(d, queue.Undelivered)), queue.ErrFenced, "second settle")
		}
		s.Advance(lease)
		equal(s, eventIDs(s.claimOutbox(10)), []string{}, "the claim")
	}},
	{"OutboxLateButFirst", "a claim that is over but was not given out again can still be settled", func(s *site) {
		d := s.claimEvent(s.event("t"))
		s.Advance(2 * lease)
		s.settle(settle(d, queue.Delivered))
		equal(s, eventIDs(s.claimOutbox(10)), []string{}, "the claim")
	}},
	{"OutboxUnknown", "another tenant's event is not found, and a state that does not exist is refused", func(s *site) {
		e := s.event("t")
		q := settle(s.claimEvent(e), queue.Delivered)
		q.Tenant = "globex"
		s.wantError(s.outbox().SettleOutbox(s.ctx, q), queue.ErrNotFound, "settle for another tenant")
		q.Tenant, q.State = tenant, "posted"
		s.wantError(s.outbox().SettleOutbox(s.ctx, q), queue.ErrBadTransition, "settle with an unknown state")
		s.Advance(lease)
		s.claimEvent(e)
	}},
	{"OutboxAge", "the age of the outbox is that of the oldest event that is not settled", func(s *site) {
		age := func() time.Duration {
			s.Helper()
			d, err := s.outbox().OutboxAge(s.ctx)
			s.noError(err, "outbox age")
			return d.Truncate(time.Hour)
		}
		equal(s, age(), 0, "the age of an empty outbox")
		first := s.event("t")
		s.Advance(3 * time.Hour)
		s.event("t")
		equal(s, age(), 3*time.Hour, "the age")
		s.settle(settle(s.claimEvent(first), queue.Delivered))
		s.Advance(time.Hour)
		equal(s, age(), time.Hour, "the age of the second")
	}},
	{"R39_OutboxRace", "of many couriers exactly one gets each event", func(s *site) {
		const events, couriers = 40, 8
		for range events {
			s.event("t")
		}
		var mu sync.Mutex
		got := map[string]int{}
		together(couriers, func(int) {
			for range events + 1 {
				claimed, err := s.outbox().ClaimOutbox(s.ctx, queue.OutboxClaim{Limit: 3, Lease: lease})
				if err != nil {
					s.Errorf("claim outbox: %v", err)
				}
				if len(claimed) == 0 {
					return
				}
				mu.Lock()
				for _, d := range claimed {
					got[d.Entry.ID]++
				}
				mu.Unlock()
			}
		})
		equal(s, len(got), events, "the number of events given out")
		for id, n := range got {
			equal(s, n, 1, "how often "+id+" was given out")
		}
	}},
	{"OutboxIsKept", "a store that keeps its jobs keeps how far its events are", func(s *site) {
		if s.Reopen == nil {
			return
		}
		settled, tried := s.event("t"), s.event("t")
		for _, d := range s.claimOutbox(2) {
			q := settle(d, queue.Undelivered)
			q.Progress = text("progress")
			if d.Entry.ID == settled.ID {
				q.State = queue.Delivered
			}
			s.settle(q)
		}
		s.Store, s.Entries = s.Reopen(s.TB)
		d := s.claimEvent(tried)
		equal(s, d.Attempt, int64(2), "the attempt")
		equal(s, d.Progress, text("progress"), "the progress")
	}},
}
