package queuetest

import (
	"fmt"
	"slices"

	"github.com/exportyard/exportyard/queue"
)

var entryRules = []rule{
	{"EntriesComeWithTheChange", "each change appends its entries, in their order", func(s *site) {
		var want []string
		next := func() queue.Entry {
			e := s.entry("")
			want = append(want, e.ID)
			return e
		}
		j := s.create(s.draft(), next(), next())
		s.finish(finish(s.claimOf(j.ID), queue.Seal), next())
		_, err := s.Store.Update(s.ctx, queue.Update{Tenant: tenant, Job: j.ID, Event: queue.Cancel}, []queue.Entry{next()})
		s.noError(err, "update")
		equal(s, s.written(), want, "the entries")
	}},
	{"EntriesKeepEveryField", "an entry comes back as it was given, with the store's time and a number", func(s *site) {
		e := queue.Entry{
			ID: "e", Kind: queue.Outbox, Tenant: tenant, Job: "job", Type: "export.requested", Actor: "ann",
			Data: queue.Payload{Version: 3, Data: []byte{0, 255, '"'}},
		}
		j := s.create(s.draft(), e)
		got, err := s.Entries.Entries(s.ctx, tenant, queue.Outbox, 0, 10)
		s.noError(err, "entries")
		equal(s, len(got), 1, "the number of entries")
		if !got[0].At.Equal(j.Now) || got[0].Seq < 1 {
			s.Fatalf("the entry is at %v with number %d, the change at %v", got[0].At, got[0].Seq, j.Now)
		}
		e.At, e.Seq = got[0].At, got[0].Seq
		equal(s, got[0], e, "the entry")
	}},
	{"EntriesWhen", "a conditional entry is appended only if the change leaves the job in its state", func(s *site) {
		never, created := s.entry(queue.Running), s.entry(queue.Pending)
		j := s.create(s.draft(), never, created)
		running, completed := s.entry(queue.Running), s.entry(queue.Completed)
		s.finish(finish(s.claimOf(j.ID), queue.Seal), completed, running)
		completed, failed := s.entry(queue.Completed), s.entry(queue.Failed)
		s.finish(finish(s.claimOf(j.ID), queue.Seal), failed, completed)
		equal(s, s.written(), []string{created.ID, running.ID, completed.ID}, "the entries")
	}},
	{"EntriesWhenOnUpdate", "a conditional entry of an update goes by the state after it", func(s *site) {
		j := s.pending()
		before, after := s.entry(queue.Pending), s.entry(queue.Canceled)
		_, err := s.Store.Update(s.ctx, queue.Update{Tenant: tenant, Job: j.ID, Event: queue.Cancel}, []queue.Entry{before, after})
		s.noError(err, "update")
		equal(s, s.written(), []string{after.ID}, "the entries")
	}},
	{"EntriesAlone", "an update without a job only appends entries, but no conditional ones", func(s *site) {
		e := s.entry("")
		got, err := s.Store.Update(s.ctx, queue.Update{}, []queue.Entry{s.entry(queue.Running), e})
		s.noError(err, "update")
		equal(s, got, queue.Job{}, "the job")
		equal(s, s.written(), []string{e.ID}, "the entries")
	}},
	{"NoEntriesOfARefusedUpdate", "a change that the state forbids appends nothing", func(s *site) {
		j := s.pending()
		s.update(j, queue.Cancel)
		was := s.view(j)
		_, err := s.Store.Update(s.ctx, queue.Update{Tenant: tenant, Job: j.ID, Event: queue.Cancel}, []queue.Entry{s.entry("")})
		s.wantError(err, queue.ErrBadTransition, "second cancel")
		s.unchanged(was, "a refused update")
	}},
	{"NoEntriesOfAFencedFinish", "a worker that is too late appends nothing", func(s *site) {
		j := s.running(1)
		c := s.claimOf(j.ID)
		s.seal(c)
		was := s.view(j)
		_, err := s.Store.Finish(s.ctx, finish(c, queue.Seal), []queue.Entry{s.entry("")})
		s.wantError(err, queue.ErrFenced, "second seal")
		s.unchanged(was, "a fenced finish")
	}},
	{"NoCreateWithoutItsEntries", "a request whose entry cannot be appended is not stored", func(s *site) {
		used := s.entry("")
		s.create(s.draft(), used)
		n := s.draft()
		if _, _, err := s.Store.Create(s.ctx, n, []queue.Entry{s.entry(""), used}); err == nil {
			s.Fatalf("an entry with a used ID was appended")
		}
		_, err := s.Store.Get(s.ctx, tenant, n.ID)
		s.wantError(err, queue.ErrNotFound, "get")
		equal(s, s.written(), []string{used.ID}, "the entries")
		s.create(n)
	}},
	{"NoUpdateWithoutItsEntries", "an update whose entry cannot be appended does not happen", func(s *site) {
		used := s.entry("")
		j := s.create(s.draft(), used)
		was := s.view(j)
		u := queue.Update{Tenant: tenant, Job: j.ID, Event: queue.Cancel}
		if _, err := s.Store.Update(s.ctx, u, []queue.Entry{s.entry(""), used}); err == nil {
			s.Fatalf("an entry with a used ID was appended")
		}
		s.unchanged(was, "an update that failed")
	}},
	{"NoFinishWithoutItsEntries", "a receipt whose entry cannot be appended is not recorded, nor is a plan", func(s *site) {
		used := s.entry("")
		j := s.create(s.draft(), used)
		f := finish(s.claimOf(j.ID), queue.Seal)
		f.Planned = rowsParts(3)
		was := s.view(j)
		if _, err := s.Store.Finish(s.ctx, f, []queue.Entry{s.entry(""), used}); err == nil {
			s.Fatalf("an entry with a used ID was appended")
		}
		s.unchanged(was, "a finish that failed")
		s.finish(f)
	}},
	{"EntriesComeInPages", "entries come by kind in order of their numbers, those above after, at most limit", func(s *site) {
		var audit []string
		for i := range 9 {
			e := s.entry("")
			if i%3 == 2 {
				e.Kind = queue.Outbox
			} else {
				audit = append(audit, e.ID)
			}
			_, err := s.Store.Update(s.ctx, queue.Update{}, []queue.Entry{e})
			s.noError(err, "update")
		}
		got, after := []string{}, int64(0)
		for range 3 {
			page, err := s.Entries.Entries(s.ctx, tenant, queue.Audit, after, 2)
			s.noError(err, "entries")
			equal(s, len(page), 2, "the size of a page")
			for _, e := range page {
				got, after = append(got, e.ID), e.Seq
			}
		}
		equal(s, got, audit, "the pages")
		page, err := s.Entries.Entries(s.ctx, tenant, queue.Audit, after, 2)
		s.noError(err, "entries")
		equal(s, len(page), 0, "the size of the page behind the last")
	}},
	{"R41_SeqGrows", "numbers of a tenant's entries are never equal, also from many writers, and grow in the order of the writes", func(s *site) {
		const writers, each = 20, 10
		together(writers, func(w int) {
			for i := range each {
				e := queue.Entry{ID: fmt.Sprintf("%d-%d", w, i), Kind: queue.Audit, Tenant: tenant}
				if _, err := s.Store.Update(s.ctx, queue.Update{}, []queue.Entry{e}); err != nil {
					s.Errorf("update: %v", err)
				}
			}
		})
		entries, err := s.Entries.Entries(s.ctx, tenant, queue.Audit, 0, writers*each+1)
		s.noError(err, "entries")
		equal(s, len(entries), writers*each, "the number of entries")
		for i := 1; i < len(entries); i++ {
			if entries[i].Seq <= entries[i-1].Seq {
				s.Fatalf("number %d follows %d", entries[i].Seq, entries[i-1].Seq)
			}
		}
		at := s.written()
		for w := range writers {
			for i := 1; i < each; i++ {
				if slices.Index(at, fmt.Sprintf("%d-%d", w, i)) < slices.Index(at, fmt.Sprintf("%d-%d", w, i-1)) {
					s.Fatalf("entry %d of writer %d is before the one written earlier", i, w)
				}
			}
		}
	}},
}
