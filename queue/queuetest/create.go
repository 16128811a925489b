package queuetest

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/exportyard/exportyard/queue"
)

var createRules = []rule{
	{"R1_OneActiveJobASlot", "of 1,000 requests for one slot at the same time one is accepted and 999 are told which", func(s *site) {
		for range s.Rounds {
			slot := s.id("slot")
			s.contend(1000, func(int) string { return slot }, 1)
		}
	}},
	{"R1_SlotsAreIndependent", "50 slots with 20 requests each at the same time take exactly 50 jobs", func(s *site) {
		for range s.Rounds {
			slots := make([]string, 50)
			for i := range slots {
				slots[i] = s.id("slot")
			}
			s.contend(1000, func(i int) string { return slots[i%50] }, 50)
		}
	}},
	{"SlotIsHeldOverTenants", "a slot is one over all tenants", func(s *site) {
		held := s.pending()
		n := s.draft()
		n.Tenant, n.Slot = "other", held.Slot
		_, _, err := s.Store.Create(s.ctx, n, nil)
		var conflict *queue.ConflictError
		if !errors.As(err, &conflict) {
			s.Fatalf("error is %v, want a ConflictError", err)
		}
		equal(s, conflict.Active.ID, held.ID, "the job named")
	}},
	{"ConflictNamesTheActiveJob", "a conflict carries the job as it is now", func(s *site) {
		held := s.running(2)
		n := s.draft()
		n.Slot = held.Slot
		_, _, err := s.Store.Create(s.ctx, n, nil)
		s.wantError(err, queue.ErrConflict, "create")
		var conflict *queue.ConflictError
		if !errors.As(err, &conflict) {
			s.Fatalf("error is %T, want a ConflictError", err)
		}
		s.same(conflict.Active, s.get(held), "the job named")
	}},
	{"ConflictStoresNothing", "a refused request leaves no job, no entry, no idempotency key", func(s *site) {
		held := s.pending()
		n := s.draft()
		n.Slot, n.IdempotencyKey = held.Slot, "key"
		_, _, err := s.Store.Create(s.ctx, n, []queue.Entry{s.entry("")})
		s.wantError(err, queue.ErrConflict, "create")
		_, err = s.Store.Get(s.ctx, tenant, n.ID)
		s.wantError(err, queue.ErrNotFound, "get of the refused job")
		equal(s, s.written(), []string{}, "the entries")
		s.update(held, queue.Cancel)
		s.create(n)
	}},
	{"CreateKeepsEveryField", "a job comes back as it was created, and as Get gives it", func(s *site) {
		n := s.draft()
		n.Kind, n.Actor, n.IdempotencyKey, n.Fingerprint, n.RetryOf = "snapshot", "bob", "key", "print", "job-0"
		n.Request = queue.Payload{Version: 7, Data: []byte("{\"a\": 1}")}
		n.MaxAge = 90 * time.Minute
		got := s.create(n)
		want := queue.Job{
			ID: n.ID, Tenant: tenant, Kind: "snapshot", Slot: n.Slot, Actor: "bob", IdempotencyKey: "key", Fingerprint: "print",
			RetryOf: "job-0", Request: n.Request, State: queue.Pending, Parts: 2, RowsPlanned: -1, Version: 1,
			CreatedAt: got.Now, DeadlineAt: got.Now.Add(n.MaxAge),
		}
		s.same(got, want, "the created job")
		s.same(s.get(got), want, "the job that Get gives")
	}},
	{"CreateDecidesTheState", "state, counts and times of a new job are the store's, whatever the caller filled in", func(s *site) {
		n := s.draft()
		n.State, n.Version, n.Rows, n.Crashes, n.Parts = queue.Completed, 9, 9, 9, 9
		n.CreatedAt, n.ExpiresAt = time.Unix(1, 0), time.Unix(2, 0)
		n.First[0].State, n.First[0].Fence, n.First[0].Suspect, n.First[0].Number = queue.Sealed, 9, true, 9
		j := s.create(n)
		if j.State != queue.Pending || j.Version != 1 || j.Rows != 0 || j.Crashes != 0 || j.Parts != 2 || !j.ExpiresAt.IsZero() || !j.CreatedAt.Equal(j.Now) {
			s.Fatalf("the job is %+v", j)
		}
		want := queue.Part{Job: j.ID, Tenant: tenant, Kind: queue.PlanPart, Payload: text("plan"), State: queue.Ready}
		equal(s, s.part(j, 0), want, "the plan part")
	}},
	{"CreateStoresTheFirstParts", "plan and seal are stored with the job, ready, as 0 and 1", func(s *site) {
		j := s.pending()
		equal(s, s.parts(j), []queue.Part{
			{Job: j.ID, Tenant: tenant, Number: 0, Kind: queue.PlanPart, Payload: text("plan"), State: queue.Ready},
			{Job: j.ID, Tenant: tenant, Number: 1, Kind: queue.SealPart, Payload: text("seal"), State: queue.Ready},
		}, "the list of parts")
	}},
	{"NoMaxAgeIsNoDeadline", "a job without an age limit has no deadline", func(s *site) {
		if j := s.pending(); !j.DeadlineAt.IsZero() {
			s.Fatalf("the deadline is %v", j.DeadlineAt)
		}
	}},
	{"IDsAreUnique", "a job with an ID that is there already is refused, and the first stays as it is", func(s *site) {
		first := s.pending()
		was := s.view(first)
		n := s.draft()
		n.ID, n.Tenant = first.ID, "other"
		if _, _, err := s.Store.Create(s.ctx, n, []queue.Entry{s.entry("")}); err == nil {
			s.Fatalf("a second job %s was stored", first.ID)
		}
		s.unchanged(was, "a second job with its ID")
	}},
	{"SlotFreed/cancel", "a canceled job frees its slot", slotFreed(func(s *site, j queue.Job) { s.update(j, queue.Cancel) })},
	{"SlotFreed/fail", "a failed job frees its slot", slotFreed(func(s *site, j queue.Job) { s.update(j, queue.Fail) })},
	{"SlotFreed/refuse", "a job whose part failed for good frees its slot", slotFreed(func(s *site, j queue.Job) {
		s.finish(finish(s.claimOf(j.ID), queue.Refuse))
	})},
	{"SlotFreed/complete", "a completed job frees its slot", slotFreed(func(s *site, j queue.Job) {
		s.seal(s.claimOf(j.ID))
		s.seal(s.claimOf(j.ID))
	})},
	{"SlotHeldWhileRunning", "a running job holds its slot until its end", func(s *site) {
		j := s.running(1)
		n := s.draft()
		n.Slot = j.Slot
		_, _, err := s.Store.Create(s.ctx, n, nil)
		s.wantError(err, queue.ErrConflict, "create")
	}},
}

// contend sends requests from 100 goroutines and counts the accepted.
func (s *site) contend(requests int, slot func(int) string, accepted int64) {
	s.Helper()
	drafts := make([]queue.NewJob, requests)
	for i := range drafts {
		drafts[i] = s.draft()
		drafts[i].Slot = slot(i)
	}
	var created, conflicts, next atomic.Int64
	together(100, func(int) {
		for i := next.Add(1) - 1; i < int64(requests); i = next.Add(1) - 1 {
			_, existing, err := s.Store.Create(s.ctx, drafts[i], []queue.Entry{{ID: drafts[i].ID, Kind: queue.Audit, Tenant: drafts[i].Slot, Job: drafts[i].ID}})
			var conflict *queue.ConflictError
			switch {
			case err == nil && !existing:
				created.Add(1)
			case errors.As(err, &conflict) && conflict.Active.Slot == drafts[i].Slot && conflict.Active.State == queue.Pending:
				conflicts.Add(1)
			default:
				s.Errorf("request %d: existing %v, error %v", i, existing, err)
			}
		}
	})
	if created.Load() != accepted || conflicts.Load() != int64(requests)-accepted {
		s.Fatalf("%d accepted and %d conflicts, want %d and %d", created.Load(), conflicts.Load(), accepted, int64(requests)-accepted)
	}
	s.oneEntryEach(drafts)
}

// oneEntryEach checks that each slot has the one entry of the job that holds it.
func (s *site) oneEntryEach(drafts []queue.NewJob) {
	s.Helper()
	seen := map[string]bool{}
	for _, n := range drafts {
		if seen[n.Slot] {
			continue
		}
		seen[n.Slot] = true
		entries, err := s.Entries.Entries(s.ctx, n.Slot, queue.Audit, 0, 10)
		s.noError(err, "entries")
		if len(entries) != 1 {
			s.Fatalf("slot %s has %d entries, want that of the accepted job", n.Slot, len(entries))
		}
		if j := s.get(queue.Job{ID: entries[0].Job, Tenant: tenant}); j.Slot != n.Slot {
			s.Fatalf("the entry of slot %s is of job %+v", n.Slot, j)
		}
	}
}

func slotFreed(end func(*site, queue.Job)) func(*site) {
	return func(s *site) {
		j := s.pending()
		end(s, j)
		n := s.draft()
		n.Slot = j.Slot
		s.create(n)
	}
}

var idempotencyRules = []rule{
	{"R2_SameKeySameJob", "a key that comes again gives the job that it made, also after its end, and stores nothing", func(s *site) {
		n := s.draft()
		n.IdempotencyKey = "key"
		first := s.create(n)
		s.again(n, first, 100*s.Rounds)
		s.seal(s.claimOf(first.ID))
		s.seal(s.claimOf(first.ID))
		s.again(n, first, 100*s.Rounds)
	}},
	{"R2_SameKeyAtTheSameTime", "of 100 requests with one key at the same time one creates and 99 get its job", func(s *site) {
		for range s.Rounds {
			key := s.id("key")
			drafts := make([]queue.NewJob, 100)
			for i := range drafts {
				drafts[i] = s.draft()
				drafts[i].IdempotencyKey = key
			}
			var created atomic.Int64
			got := make([]string, len(drafts))
			together(len(drafts), func(i int) {
				j, existing, err := s.Store.Create(s.ctx, drafts[i], nil)
				if err != nil {
					s.Errorf("create: %v", err)
				}
				if !existing {
					created.Add(1)
				}
				got[i] = j.ID
			})
			equal(s, created.Load(), 1, "the number of created jobs")
			for _, id := range got {
				equal(s, id, got[0], "the job")
			}
		}
	}},
	{"R2_OtherRequestIsAMismatch", "a key with another fingerprint is refused, and nothing is stored", func(s *site) {
		n := s.draft()
		n.IdempotencyKey = "key"
		first := s.create(n)
		was := s.view(first)
		other := s.draft()
		other.IdempotencyKey, other.Fingerprint = "key", "another"
		_, _, err := s.Store.Create(s.ctx, other, []queue.Entry{s.entry("")})
		s.wantError(err, queue.ErrIdempotencyMismatch, "create")
		s.unchanged(was, "a mismatch")
		_, err = s.Store.Get(s.ctx, tenant, other.ID)
		s.wantError(err, queue.ErrNotFound, "get of the refused job")
	}},
	{"R2_KeyComesBeforeTheSlot", "a request that comes again is no conflict with the job it made", func(s *site) {
		n := s.draft()
		n.IdempotencyKey = "key"
		first := s.create(n)
		again := s.draft()
		again.IdempotencyKey, again.Slot = "key", n.Slot
		s.again(again, first, 1)
	}},
	{"R2_KeyIsTheTenantsOwn", "two tenants may use one key", func(s *site) {
		for _, of := range []string{"one", "two"} {
			n := s.draft()
			n.Tenant, n.IdempotencyKey = of, "key"
			s.create(n)
		}
	}},
	{"R2_EmptyKeyIsNone", "requests without a key are never the same", func(s *site) {
		s.pending()
		s.pending()
	}},
}

// again repeats a request that made a job.
func (s *site) again(n queue.NewJob, first queue.Job, times int) {
	s.Helper()
	for range times {
		n.ID = s.id("again")
		j, existing, err := s.Store.Create(s.ctx, n, []queue.Entry{s.entry("")})
		s.noError(err, "create")
		if !existing || j.ID != first.ID {
			s.Fatalf("got job %s, existing %v, want %s", j.ID, existing, first.ID)
		}
		s.same(j, s.get(first), "the existing job")
	}
	equal(s, s.written(), []string{}, "the entries")
}
