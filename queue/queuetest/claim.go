package queuetest

import (
	"sync"
	"time"

	"github.com/exportyard/exportyard/queue"
)

// nothing fails if there is a part to claim, for a worker that is alone or not.
func (s *site) nothing(of string) {
	s.Helper()
	if got := s.claim(10); len(got) > 0 {
		s.Fatalf("%s: claim gave %s", of, names(got))
	}
	if got := s.claimAs(queue.Claim{Worker: "w", Limit: 10, Alone: true, Lease: lease}); len(got) > 0 {
		s.Fatalf("%s: a claim alone gave %s", of, names(got))
	}
}

var claimRules = []rule{
	{"ClaimOfNothing", "where no job is, nothing is claimed", func(s *site) { s.nothing("an empty store") }},
	{"ClaimGivesALease", "a claimed part is leased to the worker, under the next fence, for exactly the time asked, and its job has started", func(s *site) {
		j := s.pending()
		got := s.claimAs(queue.Claim{Worker: "host-1", Limit: 3, Lease: time.Minute})
		c := s.oneOf(j.ID, got)
		want := queue.Part{
			Job: j.ID, Tenant: tenant, Kind: queue.PlanPart, Payload: text("plan"), State: queue.Leased,
			Fence: 1, Holder: "host-1", LeaseUntil: c.Job.Now.Add(time.Minute),
		}
		equal(s, c.Part, want, "the claimed part")
		equal(s, s.part(j, 0), want, "the stored part")
		s.same(c.Job, s.get(j), "the job of the claimed part")
		equal(s, c.Job.StartedAt, c.Job.Now, "the start")
		equal(s, c.Job.Version, j.Version+1, "the version")
	}},
	{"StartIsTheFirstClaim", "later claims do not move a job's start", func(s *site) {
		j := s.running(2)
		s.Advance(time.Minute)
		equal(s, s.claimOf(j.ID).Job.StartedAt, j.StartedAt, "the start")
		equal(s, s.get(j).StartedAt, j.StartedAt, "the stored start")
	}},
	{"ClaimKeepsItsLimit", "a claim gives at most as many parts as the worker has hands", func(s *site) {
		s.running(5)
		equal(s, len(s.claim(0)), 0, "the number of parts for no hand")
		equal(s, len(s.claim(3)), 3, "the number of parts for three hands")
		equal(s, len(s.claim(3)), 2, "the number of parts that are left")
		equal(s, len(s.claim(3)), 0, "the number of parts after all are leased")
	}},
	{"ClaimGoesByNumber", "a job gives its parts in order of their numbers", func(s *site) {
		j := s.running(12)
		for want := 1; want <= 12; want += 3 {
			for i, c := range s.claim(3) {
				equal(s, c.Part.Number, want+i, "the part")
			}
		}
		equal(s, s.part(j, 12).State, queue.Leased, "the state of the last part")
	}},
	{"EachPartToOneWorker", "a part is leased to one worker, whoever claims at the same time", func(s *site) {
		j := s.running(100)
		var mu sync.Mutex
		given := map[int]int{}
		together(20, func(int) {
			for {
				got, err := s.Store.Claim(s.ctx, queue.Claim{Worker: "w", Limit: 3, Lease: lease})
				if err != nil {
					s.Errorf("claim: %v", err)
				}
				if len(got) == 0 {
					return
				}
				mu.Lock()
				for _, c := range got {
					given[c.Part.Number]++
				}
				mu.Unlock()
			}
		})
		equal(s, len(given), 100, "the number of parts given")
		for number, times := range given {
			equal(s, times, 1, "how often a part was given")
			equal(s, s.part(j, number).Fence, 1, "the fence")
		}
	}},
	{"R45_JobsTakeTurns", "of several jobs each gives one part in turn, within a claim and from claim to claim", func(s *site) {
		a, b, c := s.running3(10, 3, 2)
		s.gives(1, a)
		s.gives(1, b)
		s.gives(4, c, a, b, c)
		s.gives(3, a, b, a)
	}},
	{"R45_LongestWaitingFirst", "a job that was never claimed comes before one that has just given a part", func(s *site) {
		big := s.running(100)
		s.gives(2, big, big)
		small := s.pending()
		s.gives(1, small)
		s.gives(3, big, big, big)
	}},
	{"SealComesLast", "the seal part is claimable when all other parts are sealed, not when they are leased", func(s *site) {
		j := s.pending()
		plan := s.claimOf(j.ID)
		s.nothing("a job that is being planned")
		s.seal(plan, func(f *queue.Finish) { f.Planned = rowsParts(2) })
		one, two := s.claimOf(j.ID), s.claimOf(j.ID)
		s.nothing("a job with leased parts")
		s.seal(two)
		s.nothing("a job with one leased part")
		s.finish(finish(one, queue.Retry))
		s.seal(s.claimOf(j.ID))
		c := s.claimOf(j.ID)
		equal(s, c.Part.Kind, queue.SealPart, "the kind of the last part")
		equal(s, c.Part.Number, 3, "the number of the last part")
	}},
	{"SealWaitsForRetries", "the seal part is not claimable while another part waits for its time", func(s *site) {
		j := s.running(1)
		f := finish(s.claimOf(j.ID), queue.Retry)
		f.Delay = time.Hour
		s.finish(f)
		s.nothing("a job with a waiting part")
	}},
	{"NoPartsOfEndedJobs", "a job that ended gives no parts", func(s *site) {
		s.update(s.pending(), queue.Cancel)
		s.update(s.running(2), queue.Fail)
		s.completed(keep)
		s.nothing("ended jobs")
	}},
	{"FenceGrows", "each claim of a part has a higher fence", func(s *site) {
		j := s.running(1)
		for want := int64(1); want < 6; want++ {
			c := s.claimOf(j.ID)
			equal(s, c.Part.Fence, want, "the fence")
			s.finish(finish(c, queue.Release))
		}
	}},
}

// running3 returns three jobs of which none has given a part since all were planned,
// in the order in which it is their turn.
func (s *site) running3(a, b, c int) (queue.Job, queue.Job, queue.Job) {
	s.Helper()
	drafts := []queue.NewJob{s.draft(), s.draft(), s.draft()}
	for _, n := range drafts {
		s.create(n)
	}
	plans := s.claim(3)
	equal(s, len(plans), 3, "the number of plans")
	var jobs []queue.Job
	for i, n := range []int{a, b, c} {
		equal(s, plans[i].Job.ID, drafts[i].ID, "the job whose turn it is")
		jobs = append(jobs, s.seal(plans[i], func(f *queue.Finish) { f.Planned = rowsParts(n) }))
	}
	return jobs[0], jobs[1], jobs[2]
}

// gives claims without limits and checks which jobs gave a part, in order.
func (s *site) gives(hands int, want ...queue.Job) {
	s.Helper()
	s.givesTo(queue.Claim{Worker: "w", Limit: hands, Lease: lease}, want...)
}

var suspectRules = []rule{
	{"SuspectOnlyAlone", "a part whose lease was lost is given only to a worker that runs nothing else", func(s *site) {
		j := s.running(1)
		s.lose(s.claimOf(j.ID))
		equal(s, s.part(j, 1).Suspect, true, "whether the part is a suspect")
		equal(s, len(s.claim(5)), 0, "the number of parts for a worker that is not alone")
		c := s.claimAlone(j.ID)
		if !c.Part.Suspect || !c.Part.Alone {
			s.Fatalf("the part is %+v", c.Part)
		}
	}},
	{"SuspectNothingBeside", "a worker that gets a suspect gets nothing beside it", func(s *site) {
		j := s.running(6)
		for _, c := range s.claim(3) {
			s.lose(c)
		}
		for range 3 {
			got := s.claimAs(queue.Claim{Worker: "w", Limit: 5, Alone: true, Lease: lease})
			c := s.oneOf(j.ID, got)
			equal(s, c.Part.Suspect && c.Part.Alone, true, "whether the part is a suspect, alone")
			s.seal(c)
		}
		equal(s, len(s.claim(5)), 3, "the number of other parts")
	}},
	{"OthersPassSuspects", "a suspect does not keep other parts from workers that are not alone", func(s *site) {
		j := s.running(3)
		s.lose(s.claimOf(j.ID))
		got := s.claim(5)
		equal(s, len(got), 2, "the number of parts")
		equal(s, got[0].Part.Number, 2, "the first part")
	}},
	{"OnlySuspectsAreAlone", "a part that is no suspect does not count as alone, since its worker may take more", func(s *site) {
		s.running(3)
		for _, c := range s.claimAs(queue.Claim{Worker: "w", Limit: 2, Alone: true, Lease: lease}) {
			equal(s, c.Part.Alone, false, "whether the part is alone")
		}
		for _, c := range s.claimAs(queue.Claim{Worker: "w", Limit: 1, Alone: true, Lease: lease}) {
			equal(s, c.Part.Alone, false, "whether the part is alone")
		}
	}},
	{"SuspectsComeFirst", "a worker that is alone is given a suspect before any other part, of the job whose turn it is", func(s *site) {
		one, two, other := s.running3(2, 2, 2)
		for _, c := range s.claim(2) {
			s.lose(c)
		}
		s.gives(1, other)
		equal(s, s.claimAlone(one.ID).Part.Number, 1, "the part")
		equal(s, s.claimAlone(two.ID).Part.Number, 1, "the part")
	}},
	{"SuspectWaitsForItsTime", "a suspect that failed waits for its time like any part", func(s *site) {
		j := s.running(1)
		s.lose(s.claimOf(j.ID))
		f := finish(s.claimAlone(j.ID), queue.Retry)
		f.Delay = time.Hour
		s.finish(f)
		s.nothing("a suspect before its time")
		s.Advance(time.Hour)
		s.claimAlone(j.ID)
	}},
	{"R9_CrashesBesideOthersCountNothing", "a lease lost by a process that ran more than this part counts nothing", func(s *site) {
		j := s.running(4)
		for _, c := range s.claim(4) {
			j = s.lose(c)
		}
		equal(s, j.State, queue.Running, "the state")
		equal(s, j.Crashes, 0, "the number of crashes")
	}},
	{"R9_CrashesAloneFailTheJob", "MaxCrashes crashes alone fail the job, with the reason, and end its parts", func(s *site) {
		j := s.running(2)
		j = s.lose(s.claimOf(j.ID))
		for crash := 1; crash <= 3; crash++ {
			equal(s, j.Crashes, crash-1, "the number of crashes")
			equal(s, j.State, queue.Running, "the state")
			j = s.lose(s.claimAlone(j.ID))
		}
		equal(s, j.State, queue.Failed, "the state")
		equal(s, j.Reason, text("reason"), "the reason")
		p := s.part(j, 1)
		equal(s, p.State, queue.PartFailed, "the state of the part")
		equal(s, p.Reason, text("reason"), "the part's reason")
		equal(s, s.part(j, 2).State, queue.PartCanceled, "the state of the other part")
	}},
	{"R9_ASealedPartResets", "sealing any part of the job begins the count again", func(s *site) {
		j := s.running(3)
		s.lose(s.claimOf(j.ID))
		s.lose(s.claimAlone(j.ID))
		j = s.lose(s.claimAlone(j.ID))
		equal(s, j.Crashes, 2, "the number of crashes")
		j = s.seal(s.claimAlone(j.ID))
		equal(s, j.Crashes, 0, "the number of crashes")
		equal(s, s.part(j, 1).Suspect, false, "whether the sealed part is a suspect")
		s.lose(s.claimOf(j.ID))
		j = s.lose(s.claimAlone(j.ID))
		equal(s, j.Crashes, 1, "the number of crashes")
	}},
	{"R9_ReleasesCountNothing", "50 releases count neither as crash nor as failure", func(s *site) {
		j := s.running(1)
		for range 50 {
			j = s.finish(finish(s.claimAlone(j.ID), queue.Release))
		}
		p := s.part(j, 1)
		if j.Crashes != 0 || p.Failures != 0 || p.Suspect || p.State != queue.Ready {
			s.Fatalf("%d crashes, and the part is %+v", j.Crashes, p)
		}
	}},
}
