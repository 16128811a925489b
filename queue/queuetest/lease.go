package queuetest

import (
	"time"

	"github.com/exportyard/exportyard/queue"
)

var leaseRules = []rule{
	{"RenewProlongs", "a renewal makes the lease last from now on, and stores progress", func(s *site) {
		j := s.running(2)
		c := s.claimOf(j.ID)
		s.Advance(40 * time.Minute)
		got := s.renew(leaseOf(c, 7, 700))
		equal(s, got, queue.Renewed{JobState: queue.Running}, "the answer")
		p := s.part(j, c.Part.Number)
		now := s.get(j).Now
		if left := p.LeaseUntil.Sub(now); left > lease || left < lease-time.Minute {
			s.Fatalf("the lease has %v left, want %v", left, lease)
		}
		equal(s, p.Rows, 7, "the rows")
		equal(s, p.Bytes, 700, "the bytes")
		equal(s, p.Fence, c.Part.Fence, "the fence")
	}},
	{"RenewedIsNotDue", "a lease that is renewed in time is never over", func(s *site) {
		j := s.running(1)
		c := s.claimOf(j.ID)
		for range 4 {
			s.Advance(40 * time.Minute)
			s.renew(leaseOf(c, 1, 1))
			equal(s, len(s.due()), 0, "the number of due things")
		}
		s.seal(c)
	}},
	{"ProgressIsSeen", "a job's rows and bytes are of the sealed rows parts and, as of their renewals, of the leased ones", func(s *site) {
		j := s.running(3)
		one, two := s.claimOf(j.ID), s.claimOf(j.ID)
		s.progress(j, 0, 0)
		s.renew(leaseOf(one, 5, 50))
		s.renew(leaseOf(two, 7, 70))
		s.progress(j, 12, 120)
		s.seal(one, func(f *queue.Finish) { f.Rows, f.Bytes = 6, 60 })
		s.progress(j, 13, 130)
		s.finish(finish(two, queue.Release))
		s.progress(j, 6, 60)
		two = s.claimOf(j.ID)
		s.progress(j, 6, 60)
		s.renew(leaseOf(two, 1, 1))
		s.update(j, queue.Cancel)
		s.progress(j, 6, 60)
	}},
	{"OnlyRowsPartsHaveProgress", "what plan and seal count is not the job's", func(s *site) {
		j := s.pending()
		plan := s.claimOf(j.ID)
		s.renew(leaseOf(plan, 5, 50))
		s.progress(j, 0, 0)
		s.seal(plan, func(f *queue.Finish) { f.Rows, f.Bytes = 9, 90 })
		seal := s.claimOf(j.ID)
		s.renew(leaseOf(seal, 5, 50))
		s.progress(j, 0, 0)
		s.seal(seal, func(f *queue.Finish) { f.Rows, f.Bytes = 9, 90 })
		s.progress(j, 0, 0)
	}},
	{"RenewAnswersInOrder", "answers come in the order of the leases, each for itself", func(s *site) {
		j := s.running(3)
		one, two, three := s.claimOf(j.ID), s.claimOf(j.ID), s.claimOf(j.ID)
		s.finish(finish(two, queue.Release))
		got, err := s.Store.Renew(s.ctx, queue.Renew{
			Leases: []queue.Lease{leaseOf(three, 3, 0), leaseOf(two, 2, 0), {Tenant: tenant, Job: "nothing"}, leaseOf(one, 1, 0), {Tenant: tenant, Job: j.ID, Number: 99}},
			Lease:  lease,
		})
		s.noError(err, "renew")
		equal(s, got, []queue.Renewed{
			{JobState: queue.Running},
			{Lost: true, JobState: queue.Running},
			{Lost: true},
			{JobState: queue.Running},
			{Lost: true, JobState: queue.Running},
		}, "the list of answers")
		s.progress(j, 4, 0)
	}},
	{"RenewOfNothing", "a renewal of no leases answers nothing", func(s *site) {
		got, err := s.Store.Renew(s.ctx, queue.Renew{Lease: lease})
		s.noError(err, "renew")
		equal(s, len(got), 0, "the number of answers")
	}},
	{"R12_CancelRidesOnRenewals", "the renewal of a part whose job ended says so, and how", func(s *site) {
		for _, c := range []struct {
			event queue.Event
			state queue.State
		}{{queue.Cancel, queue.Canceled}, {queue.Fail, queue.Failed}} {
			j := s.running(1)
			held := s.claimOf(j.ID)
			s.update(j, c.event)
			was := s.view(j)
			equal(s, s.renew(leaseOf(held, 5, 5)), queue.Renewed{Lost: true, JobState: c.state}, "the answer")
			s.unchanged(was, "a renewal of an ended job's part")
		}
	}},
	{"R6_OldFencesAreLost", "a renewal under another fence than the part's is lost and changes nothing", func(s *site) {
		j := s.running(1)
		old := s.claimOf(j.ID)
		s.lose(old)
		taken := s.claimAlone(j.ID)
		was := s.view(j)
		equal(s, s.renew(leaseOf(old, 9, 9)), queue.Renewed{Lost: true, JobState: queue.Running}, "the answer")
		ahead := leaseOf(taken, 9, 9)
		ahead.Fence++
		equal(s, s.renew(ahead).Lost, true, "whether a fence that was never given is lost")
		s.unchanged(was, "a renewal under another fence")
	}},
	{"R6_Zombie", "a worker that slept through its lease cannot end the part in any way once another has it", func(s *site) {
		for _, o := range []queue.Outcome{queue.Seal, queue.Release, queue.Retry, queue.Refuse, queue.LeaseOver} {
			j := s.running(1)
			old := s.claimOf(j.ID)
			s.lose(old)
			s.zombie(j, old, o) // nobody has it
			taken := s.claimAlone(j.ID)
			s.zombie(j, old, o)
			s.seal(taken, func(f *queue.Finish) { f.Receipt, f.Rows = text("second"), 2 })
			s.zombie(j, old, o)
			p := s.part(j, 1)
			equal(s, p.Receipt, text("second"), "the receipt")
			equal(s, p.Rows, 2, "the rows")
			s.update(j, queue.Cancel)
		}
	}},
	{"RenewInTheLastMoment", "a lease that is over is still the holder's until it is taken back", func(s *site) {
		j := s.running(1)
		c := s.claimOf(j.ID)
		s.Advance(2 * lease)
		equal(s, s.renew(leaseOf(c, 1, 1)).Lost, false, "whether the lease is lost")
		_, err := s.Store.Finish(s.ctx, finish(c, queue.LeaseOver), nil)
		s.wantError(err, queue.ErrFenced, "take back a renewed lease")
		s.seal(c)
	}},
	{"R7_LeaseEndsOnTime", "a lease is over exactly when its time has passed: not before, and from then on", func(s *site) {
		j := s.running(1)
		c := s.claimOf(j.ID)
		s.Advance(lease - 10*time.Minute)
		equal(s, len(s.due()), 0, "the number of due things")
		was := s.view(j)
		_, err := s.Store.Finish(s.ctx, finish(c, queue.LeaseOver), nil)
		s.wantError(err, queue.ErrFenced, "take back too early")
		s.unchanged(was, "taking back too early")
		s.Advance(10 * time.Minute)
		due := s.due()
		equal(s, len(due), 1, "the number of due things")
		equal(s, due[0].Kind, queue.DueLease, "the kind")
		equal(s, due[0].Part, s.part(j, 1), "the part")
		s.same(due[0].Job, s.get(j), "the job")
		j = s.finish(finish(c, queue.LeaseOver))
		equal(s, len(s.due()), 0, "the number of due things")
		p := s.part(j, 1)
		if p.State != queue.Ready || !p.Suspect || !p.LeaseUntil.IsZero() {
			s.Fatalf("the part is %+v", p)
		}
	}},
	{"LeaseOverOnce", "a lost lease is taken back once, by whoever comes first", func(s *site) {
		j := s.running(1)
		s.lose(s.claimOf(j.ID))
		c := s.claimAlone(j.ID)
		s.lose(c)
		_, err := s.Store.Finish(s.ctx, finish(c, queue.LeaseOver), nil)
		s.wantError(err, queue.ErrFenced, "take back twice")
		equal(s, s.get(j).Crashes, 1, "the number of crashes")
	}},
}

func (s *site) progress(j queue.Job, rows, bytes int64) {
	s.Helper()
	got := s.get(j)
	if got.Rows != rows || got.Bytes != bytes {
		s.Fatalf("the job has %d rows and %d bytes, want %d and %d", got.Rows, got.Bytes, rows, bytes)
	}
}

func (s *site) zombie(j queue.Job, old queue.Claimed, o queue.Outcome) {
	s.Helper()
	was := s.view(j)
	f := finish(old, o)
	f.Receipt, f.Rows = text("zombie"), 99
	_, err := s.Store.Finish(s.ctx, f, []queue.Entry{s.entry("")})
	s.wantError(err, queue.ErrFenced, "a zombie's "+string(o))
	s.unchanged(was, "a zombie")
}
