package queuetest

import (
	"bytes"
	"fmt"
	"time"

	"github.com/exportyard/exportyard/queue"
)

var finishRules = []rule{
	{"SealRecordsTheReceipt", "a sealed part has its receipt, rows and bytes, and is counted", func(s *site) {
		j := s.running(2)
		c := s.claimOf(j.ID)
		got := s.seal(c, func(f *queue.Finish) {
			f.Receipt, f.Rows, f.Bytes = queue.Payload{Version: 4, Data: []byte("key")}, 10, 100
		})
		equal(s, got.PartsSealed, 2, "the number of sealed parts")
		s.same(got, s.get(j), "the job")
		want := c.Part
		want.State, want.LeaseUntil, want.Receipt, want.Rows, want.Bytes = queue.Sealed, time.Time{}, queue.Payload{Version: 4, Data: []byte("key")}, 10, 100
		equal(s, s.part(j, c.Part.Number), want, "the part")
	}},
	{"CompleteKeepsTheResult", "sealing the seal part completes the job, with its result and its expiry", func(s *site) {
		j := s.completed(36 * time.Hour)
		equal(s, j.State, queue.Completed, "the state")
		equal(s, j.PartsSealed, j.Parts, "the number of sealed parts")
		equal(s, j.Result, text("result"), "the result")
		equal(s, j.FinishedAt, j.Now, "the end")
		equal(s, j.ExpiresAt, j.Now.Add(36*time.Hour), "the expiry")
	}},
	{"ReleaseGivesBack", "a released part is ready again, with nothing counted and no progress", func(s *site) {
		j := s.running(1)
		c := s.claimOf(j.ID)
		s.renew(leaseOf(c, 5, 50))
		s.finish(finish(c, queue.Release))
		want := queue.Part{Job: j.ID, Tenant: tenant, Number: 1, Kind: queue.RowsPart, Payload: text("rows 1"), State: queue.Ready, Fence: 1, Holder: "w"}
		equal(s, s.part(j, 1), want, "the part")
		s.claimOf(j.ID)
	}},
	{"ReleaseMayWait", "a part that is released with a delay is ready after it, with nothing counted", func(s *site) {
		j := s.running(1)
		f := finish(s.claimOf(j.ID), queue.Release)
		f.Delay = time.Hour
		got := s.finish(f)
		p := s.part(j, 1)
		equal(s, p.NotBefore, got.Now.Add(time.Hour), "when it is ready")
		equal(s, p.Failures, 0, "the number of failures")
		s.nothing("a part before its time")
		s.Advance(time.Hour)
		s.claimOf(j.ID)
	}},
	{"RetryWaits", "a part with a retryable error counts it, keeps the reason, and is ready after the delay", func(s *site) {
		j := s.running(1)
		for failures := 1; failures <= 2; failures++ {
			c := s.claimOf(j.ID)
			f := finish(c, queue.Retry)
			f.Reason, f.Delay = text(fmt.Sprint("error ", failures)), time.Hour
			got := s.finish(f)
			p := s.part(j, 1)
			equal(s, p.State, queue.Ready, "the state")
			equal(s, p.Failures, failures, "the number of failures")
			equal(s, p.Reason, f.Reason, "the reason")
			equal(s, p.NotBefore, got.Now.Add(time.Hour), "when it is ready")
			s.Advance(50 * time.Minute)
			s.nothing("a part before its time")
			s.Advance(10 * time.Minute)
		}
		equal(s, s.get(j).Crashes, 0, "the number of crashes")
		s.claimOf(j.ID)
	}},
	{"RefuseFailsTheJob", "an error that will not pass fails the part and the job, with the reason", func(s *site) {
		j := s.running(3)
		one, two := s.claimOf(j.ID), s.claimOf(j.ID)
		f := finish(two, queue.Refuse)
		f.Reason = text("bad column")
		got := s.finish(f)
		equal(s, got.State, queue.Failed, "the state")
		equal(s, got.Reason, f.Reason, "the reason")
		equal(s, got.FinishedAt, got.Now, "the end")
		s.same(got, s.get(j), "the job")
		equal(s, s.part(j, two.Part.Number).State, queue.PartFailed, "the state of the part")
		equal(s, s.part(j, two.Part.Number).Reason, f.Reason, "the part's reason")
		equal(s, s.part(j, one.Part.Number).State, queue.PartCanceled, "the state of another leased part")
		equal(s, s.part(j, 3).State, queue.PartCanceled, "the state of a ready part")
	}},
	{"RefuseOfThePlanFailsTheJob", "a plan that cannot be made fails the job", func(s *site) {
		j := s.pending()
		equal(s, s.finish(finish(s.claimOf(j.ID), queue.Refuse)).State, queue.Failed, "the state")
	}},
	{"FinishOfNoPart", "a part that is not there is not found", func(s *site) {
		j := s.running(1)
		_, err := s.Store.Finish(s.ctx, queue.Finish{Tenant: tenant, Job: j.ID, Number: 9, Fence: 1, Outcome: queue.Seal}, nil)
		s.wantError(err, queue.ErrNotFound, "finish")
	}},
	{"VersionsGrow", "each change of a job is a new version, and looking is none", func(s *site) {
		j := s.pending()
		last := j.Version
		grown := func(after string) {
			s.Helper()
			now := s.get(j).Version
			if now <= last {
				s.Fatalf("the version was %d and is %d after %s", last, now, after)
			}
			last = now
		}
		plan := s.claimOf(j.ID)
		grown("the first claim")
		s.seal(plan, func(f *queue.Finish) { f.Planned = rowsParts(1) })
		grown("the plan")
		s.finish(finish(s.claimOf(j.ID), queue.Release))
		grown("a release")
		s.finish(finish(s.claimOf(j.ID), queue.Retry))
		grown("a retry")
		s.lose(s.claimOf(j.ID))
		grown("a lost lease")
		s.update(j, queue.Cancel)
		grown("a cancel")
		s.due()
		s.view(j)
		equal(s, s.get(j).Version, last, "the version after looking")
	}},
}

var planRules = []rule{
	{"PlanStoresItsParts", "a sealed plan makes the job running, with its rows parts numbered from 1 and the seal after them", func(s *site) {
		j := s.running(3)
		equal(s, j.State, queue.Running, "the state")
		equal(s, j.Parts, 5, "the number of parts")
		equal(s, j.PartsSealed, 1, "the number of sealed parts")
		equal(s, j.RowsPlanned, 30, "the planned rows")
		parts := s.parts(j)
		for i := 1; i <= 3; i++ {
			want := queue.Part{Job: j.ID, Tenant: tenant, Number: i, Kind: queue.RowsPart, Payload: text(fmt.Sprintf("rows %d", i)), State: queue.Ready}
			equal(s, parts[i], want, "the planned part")
		}
		want := queue.Part{Job: j.ID, Tenant: tenant, Number: 4, Kind: queue.SealPart, Payload: text("seal"), State: queue.Ready}
		equal(s, parts[4], want, "the seal part")
		equal(s, len(parts), 5, "the number of stored parts")
	}},
	{"PlanDecidesOnlyPayloads", "planned parts are ready rows parts of this job, whatever else the planner filled in", func(s *site) {
		j := s.pending()
		s.seal(s.claimOf(j.ID), func(f *queue.Finish) {
			f.Planned = []queue.Part{{Job: "x", Tenant: "x", Number: 77, Kind: queue.SealPart, State: queue.Sealed, Fence: 9, Suspect: true, Payload: text("p")}}
		})
		want := queue.Part{Job: j.ID, Tenant: tenant, Number: 1, Kind: queue.RowsPart, Payload: text("p"), State: queue.Ready}
		equal(s, s.part(j, 1), want, "the planned part")
	}},
	{"PlanOnce", "a plan that is sealed again stores nothing new, whatever it planned", func(s *site) {
		j := s.pending()
		c := s.claimOf(j.ID)
		s.seal(c, func(f *queue.Finish) { f.Planned = rowsParts(2) })
		was := s.view(j)
		again := finish(c, queue.Seal)
		again.Planned = rowsParts(5)
		for _, fence := range []int64{c.Part.Fence, c.Part.Fence + 1} {
			again.Fence = fence
			_, err := s.Store.Finish(s.ctx, again, nil)
			s.wantError(err, queue.ErrFenced, "a second plan")
		}
		s.unchanged(was, "a second plan")
	}},
	{"PlanOfALaterFence", "when a plan is taken over, only the taker's parts are stored", func(s *site) {
		j := s.pending()
		old := s.claimOf(j.ID)
		s.lose(old)
		taken := s.claimAlone(j.ID)
		f := finish(old, queue.Seal)
		f.Planned = rowsParts(9)
		_, err := s.Store.Finish(s.ctx, f, nil)
		s.wantError(err, queue.ErrFenced, "the old plan")
		j = s.seal(taken, func(f *queue.Finish) { f.Planned = rowsParts(2) })
		equal(s, len(s.parts(j)), 4, "the number of parts")
	}},
	{"PlanOfNothing", "a plan without parts leaves the seal part, which is claimable at once", func(s *site) {
		j := s.running(0)
		equal(s, j.Parts, 2, "the number of parts")
		c := s.claimOf(j.ID)
		equal(s, c.Part.Kind, queue.SealPart, "the kind")
		equal(s, c.Part.Number, 1, "the number")
	}},
	{"OnlyThePlanPlans", "parts that another part's receipt brings along are not stored", func(s *site) {
		j := s.running(1)
		s.seal(s.claimOf(j.ID), func(f *queue.Finish) { f.Planned = rowsParts(3) })
		equal(s, len(s.parts(j)), 3, "the number of parts")
	}},
	{"LargePlan", "ten thousand parts are planned in one step and claimed in order", func(s *site) {
		n := s.Harness.Parts
		j := s.running(n)
		equal(s, j.Parts, n+2, "the number of parts")
		parts := s.parts(j)
		equal(s, len(parts), n+2, "the number of stored parts")
		for i, p := range parts {
			if p.Number != i || i > 0 && i <= n && !bytes.Equal(p.Payload.Data, []byte(fmt.Sprintf("rows %d", i))) {
				s.Fatalf("part %d is %+v", i, p)
			}
		}
		equal(s, parts[n+1].Kind, queue.SealPart, "the kind of the last part")
		for i, c := range s.claim(100) {
			equal(s, c.Part.Number, i+1, "the claimed part")
		}
		s.update(j, queue.Cancel)
		equal(s, s.part(j, n).State, queue.PartCanceled, "the state of the last rows part")
		s.nothing("a canceled job")
	}},
}
