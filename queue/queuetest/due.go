package queuetest

import (
	"time"

	"github.com/exportyard/exportyard/queue"
)

var dueRules = []rule{
	{"NothingIsDue", "jobs that go their way are not due", func(s *site) {
		s.running(2)
		s.claim(1)
		s.pending()
		equal(s, len(s.due()), 0, "the number of due things")
	}},
	{"R13_DeadlineIsDue", "an active job is due from its deadline on, pending or running, until it is failed", func(s *site) {
		n := s.draft()
		n.MaxAge = 2 * time.Hour
		running := s.planned(n, 1)
		n = s.draft()
		n.MaxAge = 2 * time.Hour
		pending := s.create(n)
		s.Advance(time.Hour)
		equal(s, len(s.due()), 0, "the number of due things")
		s.Advance(time.Hour)
		s.dueAre(queue.DueDeadline, running, pending)
		s.update(running, queue.Fail)
		s.update(pending, queue.Fail)
		equal(s, s.count(queue.DueDeadline), 0, "the number of deadlines")
	}},
	{"R31_ExpiryIsDue", "a completed job is due from its expiry on, until it is expired", func(s *site) {
		j := s.update(s.completed(keep), queue.Clean)
		s.Advance(keep - time.Hour)
		equal(s, len(s.due()), 0, "the number of due things")
		s.Advance(time.Hour)
		s.dueAre(queue.DueExpiry, j)
		s.update(j, queue.Expire)
		equal(s, len(s.due()), 0, "the number of due things")
	}},
	{"CleaningIsDue", "a job that ended is due for cleaning until the last one, a completed one too", func(s *site) {
		j := s.running(1)
		s.update(j, queue.Cancel)
		s.dueAre(queue.DueCleaning, j)
		s.update(j, queue.Clean, func(u *queue.Update) { u.Again = time.Hour })
		equal(s, len(s.due()), 0, "the number of due things")
		s.Advance(time.Hour)
		s.dueAre(queue.DueCleaning, j)
		s.update(j, queue.Clean)
		s.Advance(1000 * time.Hour)
		equal(s, len(s.due()), 0, "the number of due things")
		s.dueAre(queue.DueCleaning, s.completed(0))
	}},
	{"LostLeasesAreDue", "each lost lease is due with its part and its job, the longest lost first", func(s *site) {
		j := s.running(3)
		first := s.claimOf(j.ID)
		s.Advance(time.Minute)
		second := s.claimOf(j.ID)
		s.Advance(time.Minute)
		s.claimOf(j.ID)
		s.Advance(lease - time.Minute)
		due := s.due()
		equal(s, len(due), 2, "the number of due things")
		for i, c := range []queue.Claimed{first, second} {
			equal(s, due[i].Kind, queue.DueLease, "the kind")
			equal(s, due[i].Part, c.Part, "the part")
			equal(s, due[i].Job.ID, j.ID, "the job")
		}
	}},
	{"LongestDueFirst", "of one kind, what is due longest comes first", func(s *site) {
		var want []queue.Job
		for i := range 5 {
			n := s.draft()
			n.MaxAge = time.Duration(5-i) * time.Hour
			want = append([]queue.Job{s.create(n)}, want...)
		}
		s.Advance(5 * time.Hour)
		s.dueAre(queue.DueDeadline, want...)
	}},
	{"DueKeepsItsLimit", "at most limit things come at once", func(s *site) {
		for range 6 {
			s.update(s.pending(), queue.Cancel)
		}
		for limit, want := range map[int]int{0: 0, 1: 1, 4: 4, 100: 6} {
			due, err := s.Store.Due(s.ctx, limit)
			s.noError(err, "due")
			equal(s, len(due), want, "the number of due things")
		}
	}},
	{"NoKindHidesAnother", "a heap of due things of one kind does not keep others from being seen", func(s *site) {
		for range 10 {
			s.update(s.pending(), queue.Cancel)
		}
		n := s.draft()
		n.MaxAge = time.Minute
		s.create(n)
		j := s.running2()
		s.Advance(lease)
		due, err := s.Store.Due(s.ctx, 4)
		s.noError(err, "due")
		kinds := map[queue.DueKind]int{}
		for _, d := range due {
			kinds[d.Kind]++
		}
		if len(due) != 4 || kinds[queue.DueLease] == 0 || kinds[queue.DueDeadline] == 0 || kinds[queue.DueCleaning] == 0 {
			s.Fatalf("of job %s and others these are due: %v", j.ID, kinds)
		}
	}},
	{"LookingChangesNothing", "two sweepers may see the same, and a job is as it was", func(s *site) {
		j := s.running(1)
		c := s.claimOf(j.ID)
		s.Advance(lease)
		was := s.view(j)
		s.due()
		s.dueAre(queue.DueLease, j)
		s.unchanged(was, "looking")
		s.finish(finish(c, queue.LeaseOver))
	}},
}

// running2 returns a job with a leased part, while others have claimable ones.
func (s *site) running2() queue.Job {
	s.Helper()
	s.pending()
	got := s.claim(1)
	equal(s, len(got), 1, "the number of claimed parts")
	return got[0].Job
}

// dueAre checks that exactly these jobs are due, in this order, for one kind.
func (s *site) dueAre(kind queue.DueKind, want ...queue.Job) {
	s.Helper()
	var got []queue.Job
	for _, d := range s.due() {
		if d.Kind == kind {
			s.same(d.Job, s.get(d.Job), "the due job")
			got = append(got, d.Job)
		}
	}
	equal(s, ids(got), ids(want), "the list of jobs that are due for "+string(kind))
}

func (s *site) count(kind queue.DueKind) int {
	s.Helper()
	n := 0
	for _, d := range s.due() {
		if d.Kind == kind {
			n++
		}
	}
	return n
}
