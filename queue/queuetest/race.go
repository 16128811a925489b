package queuetest

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/exportyard/exportyard/queue"
)

var raceRules = []rule{
	{"R12_CancelOrComplete", "of a cancel and a completion at the same time exactly one wins, and the entries agree", func(s *site) {
		// In either order first, since a race may always have one winner.
		s.cancelOrComplete(func(_ int, f func(int)) { f(0); f(1) })
		s.cancelOrComplete(func(_ int, f func(int)) { f(1); f(0) })
		for range 20 * s.Rounds {
			s.cancelOrComplete(together)
		}
	}},
	{"R12_CancelOrPlan", "of a cancel and a plan at the same time none is half done", func(s *site) {
		for range 10 * s.Rounds {
			s.cancelOrPlan()
		}
	}},
	{"R6_OneEndOfALease", "of eight workers that end one lease at the same time exactly one does", func(s *site) {
		for range 5 * s.Rounds {
			j := s.running(1)
			c := s.claimOf(j.ID)
			outcomes := []queue.Outcome{queue.Seal, queue.Release, queue.Retry, queue.Seal, queue.Release, queue.Retry, queue.Seal, queue.Release}
			drafts := make([]queue.Entry, len(outcomes))
			before := len(s.written())
			for i := range drafts {
				drafts[i] = s.entry("")
			}
			var won atomic.Int64
			together(len(outcomes), func(i int) {
				_, err := s.Store.Finish(s.ctx, finish(c, outcomes[i]), drafts[i:i+1])
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, queue.ErrFenced):
					s.Errorf("finish: %v", err)
				}
			})
			equal(s, won.Load(), 1, "the number of those who ended it")
			equal(s, len(s.written())-before, 1, "the number of entries")
			s.update(j, queue.Cancel)
		}
	}},
	{"R6_SealOrTakeBack", "of a late seal and the sweeper at the same time exactly one wins", func(s *site) {
		for range 10 * s.Rounds {
			j := s.running(1)
			c := s.claimOf(j.ID)
			s.Advance(lease)
			var won atomic.Int64
			together(2, func(i int) {
				_, err := s.Store.Finish(s.ctx, finish(c, []queue.Outcome{queue.Seal, queue.LeaseOver}[i]), nil)
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, queue.ErrFenced):
					s.Errorf("finish: %v", err)
				}
			})
			equal(s, won.Load(), 1, "the number of winners")
			p, now := s.part(j, 1), s.get(j)
			if sealed := p.State == queue.Sealed; sealed != (now.PartsSealed == 2) || sealed == p.Suspect {
				s.Fatalf("the part is %+v, the job %+v", p, now)
			}
			s.update(j, queue.Cancel)
		}
	}},
	{"PartsSealedAddUp", "parts that are sealed at the same time are all counted", func(s *site) {
		j := s.running(40)
		claimed := s.claim(40)
		together(len(claimed), func(i int) {
			f := finish(claimed[i], queue.Seal)
			f.Rows, f.Bytes = 1, 10
			if _, err := s.Store.Finish(s.ctx, f, nil); err != nil {
				s.Errorf("finish: %v", err)
			}
		})
		equal(s, s.get(j).PartsSealed, 41, "the number of sealed parts")
		s.progress(j, 40, 400)
		equal(s, s.claimOf(j.ID).Part.Kind, queue.SealPart, "the kind of the next part")
	}},
}

func (s *site) cancelOrComplete(run func(n int, f func(i int))) {
	s.Helper()
	j := s.running(0)
	c := s.claimOf(j.ID)
	canceled, completed := s.entry(queue.Canceled), s.entry(queue.Completed)
	before := len(s.written())
	errs := make([]error, 2)
	run(2, func(i int) {
		if i == 0 {
			_, errs[0] = s.Store.Update(s.ctx, queue.Update{Tenant: tenant, Job: j.ID, Event: queue.Cancel}, []queue.Entry{canceled})
			return
		}
		_, errs[1] = s.Store.Finish(s.ctx, finish(c, queue.Seal), []queue.Entry{completed})
	})
	want := queue.Canceled
	entry := canceled.ID
	switch {
	case errs[0] == nil && errors.Is(errs[1], queue.ErrFenced):
	case errs[1] == nil && errors.Is(errs[0], queue.ErrBadTransition):
		want, entry = queue.Completed, completed.ID
	default:
		s.Fatalf("cancel: %v, complete: %v", errs[0], errs[1])
	}
	equal(s, s.get(j).State, want, "the state")
	equal(s, s.written()[before:], []string{entry}, "the entries")
}

func (s *site) cancelOrPlan() {
	s.Helper()
	j := s.pending()
	f := finish(s.claimOf(j.ID), queue.Seal)
	f.Planned = rowsParts(20)
	var planned atomic.Bool
	together(2, func(i int) {
		if i == 0 {
			if _, err := s.Store.Update(s.ctx, queue.Update{Tenant: tenant, Job: j.ID, Event: queue.Cancel}, nil); err != nil {
				s.Errorf("cancel: %v", err)
			}
			return
		}
		_, err := s.Store.Finish(s.ctx, f, nil)
		if err != nil && !errors.Is(err, queue.ErrFenced) {
			s.Errorf("finish: %v", err)
		}
		planned.Store(err == nil)
	})
	want := 2
	if planned.Load() {
		want = 22
	}
	parts := s.parts(j)
	equal(s, len(parts), want, "the number of parts")
	equal(s, s.get(j).Parts, want, "the counted parts")
	for _, p := range parts {
		if p.State == queue.Ready || p.State == queue.Leased {
			s.Fatalf("part %d of a canceled job is %s", p.Number, p.State)
		}
	}
}

var keepRules = []rule{
	{"PayloadsAreVerbatim", "payloads come back byte for byte, with their version", func(s *site) {
		all := make([]byte, 256)
		for i := range all {
			all[i] = byte(i)
		}
		big := make([]byte, 1<<20)
		for i := range big {
			big[i] = byte(i * i >> 8)
		}
		for _, data := range [][]byte{all, big, []byte(`{"b":1,"a":01}`), {0}, []byte("\xff\xfe"), {}} {
			p := queue.Payload{Version: 1<<31 - 1, Data: data}
			n := s.draft()
			n.Request, n.First[0].Payload = p, p
			j := s.create(n)
			s.samePayload(s.get(j).Request, p)
			s.samePayload(s.part(j, 0).Payload, p)
			s.seal(s.claimOf(j.ID), func(f *queue.Finish) {
				f.Receipt, f.Planned = p, []queue.Part{{Kind: queue.RowsPart, Payload: p}}
			})
			s.samePayload(s.part(j, 0).Receipt, p)
			s.samePayload(s.part(j, 1).Payload, p)
			s.update(j, queue.Fail, func(u *queue.Update) { u.Reason = p })
			s.samePayload(s.get(j).Reason, p)
		}
	}},
	{"TextIsVerbatim", "names come back as they were, also when they are strange", func(s *site) {
		n := s.draft()
		n.ID, n.Slot, n.Actor, n.Kind = `i'd "x"`, "a/b\x00c; drop table jobs", "ann%_\\ ünï 日本", ""
		n.Tenant, n.IdempotencyKey = "tenant\n1", " key "
		j := s.create(n)
		s.same(s.get(j), j, "the job")
		equal(s, []string{j.ID, j.Slot, j.Actor, j.Tenant, j.IdempotencyKey}, []string{n.ID, n.Slot, n.Actor, n.Tenant, n.IdempotencyKey}, "the names")
	}},
	{"SlicesAreTheCallers", "a caller may change what it gave or got; the store keeps its own", func(s *site) {
		n := s.draft()
		e := s.entry("")
		j := s.create(n, e)
		was := s.view(j)
		for _, p := range []queue.Payload{n.Request, n.First[0].Payload, e.Data, j.Request, s.get(j).Request, s.part(j, 0).Payload} {
			p.Data[0] = 'X'
		}
		s.unchanged(was, "a change of the caller's slices")
		c := s.claimOf(j.ID)
		was = s.view(j)
		c.Part.Payload.Data[0], c.Job.Request.Data[0] = 'X', 'X'
		s.unchanged(was, "a change of a claimed part")
		f := finish(c, queue.Seal)
		f.Receipt, f.Planned = text("receipt"), rowsParts(1)
		s.finish(f)
		was = s.view(j)
		f.Receipt.Data[0], f.Planned[0].Payload.Data[0] = 'X', 'X'
		s.unchanged(was, "a change of the caller's slices")
	}},
	{"CanceledContextChangesNothing", "a method whose context is over changes nothing and says so", func(s *site) {
		j := s.running(2)
		c := s.claimOf(j.ID)
		n := s.draft()
		was := s.view(j)
		over, cancel := context.WithCancel(s.ctx)
		cancel()
		errs := map[string]error{}
		_, _, errs["create"] = s.Store.Create(over, n, []queue.Entry{s.entry("")})
		_, errs["get"] = s.Store.Get(over, tenant, j.ID)
		_, _, errs["list"] = s.Store.List(over, queue.ListQuery{Tenant: tenant})
		_, errs["parts"] = s.Store.Parts(over, tenant, j.ID, -1, 10)
		_, errs["update"] = s.Store.Update(over, queue.Update{Tenant: tenant, Job: j.ID, Event: queue.Cancel}, []queue.Entry{s.entry("")})
		_, errs["claim"] = s.Store.Claim(over, queue.Claim{Worker: "w", Limit: 1, Lease: lease})
		_, errs["renew"] = s.Store.Renew(over, queue.Renew{Leases: []queue.Lease{leaseOf(c, 5, 5)}, Lease: lease})
		_, errs["finish"] = s.Store.Finish(over, finish(c, queue.Seal), []queue.Entry{s.entry("")})
		_, errs["due"] = s.Store.Due(over, 10)
		_, errs["entries"] = s.Entries.Entries(over, tenant, queue.Audit, 0, 10)
		for method, err := range errs {
			s.wantError(err, context.Canceled, method)
		}
		s.unchanged(was, "a canceled method")
		_, err := s.Store.Get(s.ctx, tenant, n.ID)
		s.wantError(err, queue.ErrNotFound, "get of the job that was not created")
	}},
	{"ReopenedIsTheSame", "what was answered is there after the process ended: jobs, parts, leases, entries, cursors", func(s *site) {
		if s.Reopen == nil {
			return // a store that keeps nothing promises nothing
		}
		n := s.draft()
		n.IdempotencyKey = "key"
		j := s.create(n, s.entry(""))
		s.seal(s.claimOf(j.ID), func(f *queue.Finish) { f.Planned = rowsParts(3) })
		c := s.claimOf(j.ID)
		s.renew(leaseOf(c, 5, 50))
		s.pending()
		was := s.view(j)
		_, next := s.page(queue.ListQuery{Tenant: tenant, Limit: 1})
		s.Store, s.Entries = s.Reopen(s.TB)
		s.unchanged(was, "a restart")
		jobs, _ := s.page(queue.ListQuery{Tenant: tenant, Limit: 1, After: next})
		equal(s, ids(jobs), []string{j.ID}, "the second page")
		s.again2(n, j)
		s.seal(c)
	}},
}

func (s *site) again2(n queue.NewJob, j queue.Job) {
	s.Helper()
	n.ID = s.id("again")
	got, existing, err := s.Store.Create(s.ctx, n, nil)
	s.noError(err, "create")
	if !existing || got.ID != j.ID {
		s.Fatalf("got job %s, existing %v, want %s", got.ID, existing, j.ID)
	}
}

func (s *site) samePayload(got, want queue.Payload) {
	s.Helper()
	if got.Version != want.Version || string(got.Data) != string(want.Data) {
		s.Fatalf("a payload of %d bytes and version %d came back with %d bytes and version %d", len(want.Data), want.Version, len(got.Data), got.Version)
	}
}
