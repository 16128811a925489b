package queuetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/exportyard/exportyard/queue"
)

func (s *site) inbox() queue.InboxStore { return as[queue.InboxStore](s) }

// inboxPages reads the whole of what the query selects, page by page.
func (s *site) inboxPages(q queue.InboxQuery) []queue.InboxEvent {
	s.Helper()
	var all []queue.InboxEvent
	for {
		page, next, err := s.inbox().Inbox(s.ctx, q)
		s.noError(err, "inbox")
		if len(page) > q.PageSize() || next != "" && len(page) != q.PageSize() {
			s.Fatalf("a page of %d events, asked for %d", len(page), q.PageSize())
		}
		all = append(all, page...)
		if next == "" {
			return all
		}
		q.After = next
	}
}

func (s *site) wantInbox(q queue.InboxQuery, want ...queue.Entry) {
	s.Helper()
	got, ids := []string{}, []string{}
	for _, e := range s.inboxPages(q) {
		got = append(got, e.Entry.ID)
	}
	for _, e := range want {
		ids = append(ids, e.ID)
	}
	equal(s, got, ids, fmt.Sprintf("the inbox %+v", q))
}

func (s *site) markRead(m queue.ReadMark) int {
	s.Helper()
	n, err := s.inbox().MarkRead(s.ctx, m)
	s.noError(err, "mark read")
	return n
}

func (s *site) unread(q queue.InboxQuery) int {
	s.Helper()
	n, err := s.inbox().CountUnread(s.ctx, q)
	s.noError(err, "count unread")
	return n
}

var inboxRules = []rule{
	{"InboxNewestFirst", "an inbox shows the tenant's events, newest first, page by page, and nothing else", func(s *site) {
		var want []queue.Entry
		for range 5 {
			s.create(s.draft(), s.entry("")) // of the audit log
			want = append(want, s.event("t"))
			s.eventOf(queue.Entry{Tenant: "globex", Actor: "ann", Type: "t"})
		}
		slices.Reverse(want)
		for _, limit := range []int{0, 1, 2, 5} {
			s.wantInbox(queue.InboxQuery{Tenant: tenant, Limit: limit}, want...)
		}
		s.wantInbox(queue.InboxQuery{Tenant: "initech"})
		got := s.inboxPages(queue.InboxQuery{Tenant: tenant})
		equal(s, got[0], queue.InboxEvent{Entry: want[0]}, "the newest event")
	}},
	{"InboxSelects", "an inbox is narrowed by actor, by types and to what is unread", func(s *site) {
		a := s.eventOf(queue.Entry{Tenant: tenant, Actor: "ann", Type: "x"})
		b := s.eventOf(queue.Entry{Tenant: tenant, Actor: "bob", Type: "x"})
		c := s.eventOf(queue.Entry{Tenant: tenant, Actor: "ann", Type: "y"})
		d := s.eventOf(queue.Entry{Tenant: tenant, Actor: "ann", Type: "z"})
		s.wantInbox(queue.InboxQuery{Tenant: tenant, Actor: "ann"}, d, c, a)
		s.wantInbox(queue.InboxQuery{Tenant: tenant, Types: []string{"x", "z"}}, d, b, a)
		s.wantInbox(queue.InboxQuery{Tenant: tenant, Actor: "ann", Types: []string{"x", "y"}, Limit: 1}, c, a)
		s.markRead(queue.ReadMark{Tenant: tenant, IDs: []string{c.ID}})
		s.wantInbox(queue.InboxQuery{Tenant: tenant, Actor: "ann", Unread: true, Limit: 1}, d, a)
	}},
	{"InboxCursor", "a cursor of another tenant is refused", func(s *site) {
		s.event("t")
		s.event("t")
		_, next, err := s.inbox().Inbox(s.ctx, queue.InboxQuery{Tenant: tenant, Limit: 1})
		s.noError(err, "inbox")
		_, _, err = s.inbox().Inbox(s.ctx, queue.InboxQuery{Tenant: "globex", After: next})
		s.wantError(err, queue.ErrCursor, "inbox with a foreign cursor")
	}},
	{"InboxRead", "what was read keeps the time at which it was read first", func(s *site) {
		e := s.event("t")
		s.Advance(time.Hour)
		equal(s, s.markRead(queue.ReadMark{Tenant: tenant, Actor: "ann", IDs: []string{e.ID, "unknown"}}), 1, "how many were marked")
		at := s.inboxPages(queue.InboxQuery{Tenant: tenant})[0].ReadAt
		if at.Before(e.At.Add(time.Hour)) || at.After(e.At.Add(2*time.Hour)) {
			s.Fatalf("an event of %v was read at %v", e.At, at)
		}
		s.Advance(time.Hour)
		equal(s, s.markRead(queue.ReadMark{Tenant: tenant, IDs: []string{e.ID}, UpTo: e.Seq}), 0, "how many were marked again")
		equal(s, s.inboxPages(queue.InboxQuery{Tenant: tenant})[0].ReadAt, at, "the time")
	}},
	{"InboxReadUpTo", "all up to a number are marked, and what came later is not", func(s *site) {
		first, second, third := s.event("t"), s.event("t"), s.event("t")
		equal(s, s.markRead(queue.ReadMark{Tenant: tenant, UpTo: second.Seq}), 2, "how many were marked")
		s.wantInbox(queue.InboxQuery{Tenant: tenant, Unread: true}, third)
		s.wantInbox(queue.InboxQuery{Tenant: tenant}, third, second, first)
	}},
	{"InboxReadOfMany", "any number of events is marked at once, and each is counted", func(s *site) {
		const many = 600
		for range many / 50 {
			entries := make([]queue.Entry, 50)
			for i := range entries {
				entries[i] = queue.Entry{ID: s.id("event"), Kind: queue.Outbox, Tenant: tenant, Type: "t", Actor: "ann"}
			}
			_, err := s.Store.Update(s.ctx, queue.Update{}, entries)
			s.noError(err, "append events")
		}
		later := s.event("t")
		equal(s, s.markRead(queue.ReadMark{Tenant: tenant, Actor: "ann", UpTo: later.Seq - 1, IDs: []string{later.ID}}), many+1, "how many were marked")
		equal(s, s.unread(queue.InboxQuery{Tenant: tenant}), 0, "how many are unread")
	}},
	{"InboxReadByOthers", "nobody marks another tenant's events, or those of another actor than is named", func(s *site) {
		e := s.event("t")
		for _, m := range []queue.ReadMark{{Tenant: "globex"}, {Tenant: tenant, Actor: "bob"}} {
			m.IDs, m.UpTo = []string{e.ID}, e.Seq
			equal(s, s.markRead(m), 0, "how many were marked")
		}
		s.wantInbox(queue.InboxQuery{Tenant: tenant, Unread: true}, e)
	}},
	{"InboxUnread", "unread events are counted as the query selects them, up to its limit", func(s *site) {
		for range 4 {
			s.eventOf(queue.Entry{Tenant: tenant, Actor: "ann", Type: "x"})
		}
		read := s.eventOf(queue.Entry{Tenant: tenant, Actor: "ann", Type: "x"})
		s.eventOf(queue.Entry{Tenant: tenant, Actor: "bob", Type: "x"})
		s.eventOf(queue.Entry{Tenant: tenant, Actor: "ann", Type: "y"})
		s.markRead(queue.ReadMark{Tenant: tenant, IDs: []string{read.ID}})
		equal(s, s.unread(queue.InboxQuery{Tenant: tenant}), 6, "the tenant's count")
		equal(s, s.unread(queue.InboxQuery{Tenant: tenant, Actor: "ann"}), 5, "ann's count")
		equal(s, s.unread(queue.InboxQuery{Tenant: tenant, Actor: "ann", Types: []string{"x"}}), 4, "ann's count of a type")
		equal(s, s.unread(queue.InboxQuery{Tenant: tenant, Limit: 3}), 3, "the count with a limit")
		equal(s, s.unread(queue.InboxQuery{Tenant: "globex"}), 0, "another tenant's count")
	}},
}

// apartRules hold for stores that are both.
var apartRules = []rule{
	{"InboxIsNotDelivery", "reading an event does not settle it, and settling it does not read it", func(s *site) {
		e := s.event("t")
		s.markRead(queue.ReadMark{Tenant: tenant, IDs: []string{e.ID}})
		d := s.claimEvent(e)
		other := s.event("t")
		s.settle(settle(d, queue.Delivered))
		s.settle(settle(s.claimEvent(other), queue.Delivered))
		s.wantInbox(queue.InboxQuery{Tenant: tenant, Unread: true}, other)
	}},
}
