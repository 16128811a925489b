package queuetest

import (
	"slices"
	"time"

	"github.com/exportyard/exportyard/queue"
)

const (
	keep     = 24 * time.Hour
	nonsense = "nonsense"
)

// jobStates leads to each state of a job.
var jobStates = []struct {
	state queue.State
	reach func(*site) queue.Job
	// allowed are the events that an update may bring.
	allowed []queue.Event
}{
	{queue.Pending, (*site).pending, []queue.Event{queue.Fail, queue.Cancel, queue.Hold}},
	{queue.Running, func(s *site) queue.Job { return s.running(2) }, []queue.Event{queue.Fail, queue.Cancel, queue.Hold}},
	{queue.Completed, func(s *site) queue.Job { return s.completed(keep) }, []queue.Event{queue.Retire, queue.Clean, queue.Hold}},
	{queue.Failed, func(s *site) queue.Job { return s.update(s.running(2), queue.Fail) }, []queue.Event{queue.Clean}},
	{queue.Canceled, func(s *site) queue.Job { return s.update(s.running(2), queue.Cancel) }, []queue.Event{queue.Clean}},
	{queue.Expired, func(s *site) queue.Job {
		j := s.completed(keep)
		s.Advance(keep)
		return s.update(j, queue.Expire)
	}, []queue.Event{queue.Clean}},
}

// partStates leads to each state of a part and gives the lease that a worker shows.
var partStates = []struct {
	name  string
	reach func(*site) queue.Claimed
	// held says that the lease is held.
	held bool
}{
	{"ready", func(s *site) queue.Claimed {
		c := s.claimOf(s.running(2).ID)
		s.finish(finish(c, queue.Release))
		return c
	}, false},
	{"leased", func(s *site) queue.Claimed { return s.claimOf(s.running(2).ID) }, true},
	{"leased-to-another", func(s *site) queue.Claimed {
		c := s.claimOf(s.running(2).ID)
		s.finish(finish(c, queue.Release))
		s.claimOf(c.Job.ID)
		return c
	}, false},
	{"leased-under-a-lower-fence", func(s *site) queue.Claimed {
		c := s.claimOf(s.running(2).ID)
		c.Part.Fence++
		return c
	}, false},
	{"sealed", func(s *site) queue.Claimed {
		c := s.claimOf(s.running(2).ID)
		s.seal(c)
		return c
	}, false},
	{"failed", func(s *site) queue.Claimed {
		c := s.claimOf(s.running(2).ID)
		s.finish(finish(c, queue.Refuse))
		return c
	}, false},
	{"canceled", func(s *site) queue.Claimed {
		c := s.claimOf(s.running(2).ID)
		s.update(c.Job, queue.Cancel)
		return c
	}, false},
}

// pairRules are a rule for every state and event, of jobs and of parts.
func pairRules() []rule {
	var all []rule
	events := []queue.Event{queue.Plan, queue.Complete, queue.Fail, queue.Cancel, queue.Retire, queue.Expire, queue.Clean, queue.Hold, queue.Unhold, queue.Notice, nonsense}
	for _, st := range jobStates {
		for _, e := range events {
			all = append(all, rule{
				"R4_Job/" + string(st.state) + "/" + string(e),
				"an event that the table does not allow is refused and changes no byte; one that it allows happens",
				func(s *site) { s.jobPair(st.reach(s), st.state, e, slices.Contains(st.allowed, e)) },
			})
		}
	}
	outcomes := []queue.Outcome{queue.Seal, queue.Release, queue.Retry, queue.Refuse, queue.LeaseOver, nonsense}
	for _, st := range partStates {
		for _, o := range outcomes {
			all = append(all, rule{
				"R4_Part/" + st.name + "/" + string(o),
				"an outcome of a lease that is not held is fenced and changes no byte",
				func(s *site) { s.partPair(st.reach(s), o, st.held) },
			})
		}
	}
	return all
}

func (s *site) jobPair(j queue.Job, state queue.State, e queue.Event, allowed bool) {
	s.Helper()
	was := s.view(j)
	equal(s, was.Job.State, state, "the state before")
	u := queue.Update{Tenant: tenant, Job: j.ID, Event: e, Reason: text("reason"), Result: text("result"), Keep: keep, Parts: 9, Again: time.Hour}
	_, err := s.Store.Update(s.ctx, u, []queue.Entry{s.entry("")})
	if !allowed {
		s.wantError(err, queue.ErrBadTransition, "update")
		s.unchanged(was, "a refused event")
		return
	}
	s.noError(err, "update")
	if now := s.get(j); now.Version <= was.Job.Version {
		s.Fatalf("the version was %d and is %d", was.Job.Version, now.Version)
	}
}

func (s *site) partPair(c queue.Claimed, o queue.Outcome, held bool) {
	s.Helper()
	was := s.view(c.Job)
	_, err := s.Store.Finish(s.ctx, finish(c, o), []queue.Entry{s.entry("")})
	switch {
	case held && o == nonsense:
		s.wantError(err, queue.ErrBadTransition, "finish")
	case !held || o == queue.LeaseOver: // the lease is not over yet
		s.wantError(err, queue.ErrFenced, "finish")
	default:
		s.noError(err, "finish")
		if now := s.get(c.Job); now.Version <= was.Job.Version {
			s.Fatalf("the version was %d and is %d", was.Job.Version, now.Version)
		}
		return
	}
	s.unchanged(was, "a refused outcome")
}

var stateRules = []rule{
	{"CancelEndsTheOpenParts", "a cancel ends ready and leased parts and leaves sealed ones", ending(queue.Cancel, queue.Canceled)},
	{"FailEndsTheOpenParts", "a failure ends ready and leased parts and leaves sealed ones", ending(queue.Fail, queue.Failed)},
	{"RetireIsNow", "a job that is retired is past its expiry at once", func(s *site) {
		j := s.update(s.completed(keep), queue.Retire)
		equal(s, j.ExpiresAt, j.Now, "the expiry")
		equal(s, s.update(j, queue.Expire).State, queue.Expired, "the state")
	}},
	{"RetireNeverProlongs", "a job that is past its expiry stays so from then on when it is retired", func(s *site) {
		j := s.completed(keep)
		s.Advance(keep + time.Hour)
		equal(s, s.update(j, queue.Retire).ExpiresAt, j.ExpiresAt, "the expiry")
	}},
	{"RetireOfAJobForEver", "a job without an expiry can be retired", func(s *site) {
		j := s.completed(0)
		if !j.ExpiresAt.IsZero() {
			s.Fatalf("the expiry is %v", j.ExpiresAt)
		}
		j = s.update(j, queue.Retire)
		equal(s, j.ExpiresAt, j.Now, "the expiry")
	}},
	{"R31_ExpireOnlyAfterExpiry", "a job does not become expired before its time, and does from then on", func(s *site) {
		j := s.completed(keep)
		s.Advance(keep - time.Hour)
		was := s.view(j)
		_, err := s.Store.Update(s.ctx, queue.Update{Tenant: tenant, Job: j.ID, Event: queue.Expire}, nil)
		s.wantError(err, queue.ErrBadTransition, "expire")
		s.unchanged(was, "an early expiry")
		s.Advance(time.Hour)
		equal(s, s.update(j, queue.Expire).State, queue.Expired, "the state")
	}},
	{"CleaningsAreCounted", "each cleaning is counted and says when the next is due", func(s *site) {
		j := s.update(s.pending(), queue.Cancel)
		equal(s, j.CleanAt, j.FinishedAt, "the first cleaning")
		j = s.update(j, queue.Clean, func(u *queue.Update) { u.Again = 5 * time.Minute })
		equal(s, j.CleanAt, j.Now.Add(5*time.Minute), "the second cleaning")
		j = s.update(j, queue.Clean)
		equal(s, j.Cleanings, 2, "the number of cleanings")
		if !j.CleanAt.IsZero() {
			s.Fatalf("another cleaning is due at %v", j.CleanAt)
		}
	}},
	{"UpdateAnswersTheJob", "an update answers with the job as Get gives it", func(s *site) {
		j := s.running(3)
		s.renew(leaseOf(s.claimOf(j.ID), 5, 50))
		got := s.update(j, queue.Cancel)
		s.same(got, s.get(j), "the job")
		equal(s, got.FinishedAt, got.Now, "the end")
		equal(s, got.Reason, text("reason"), "the reason")
	}},
}

// ending checks what becomes of the parts of a job that ends by an event.
func ending(e queue.Event, state queue.State) func(*site) {
	return func(s *site) {
		j := s.running(3)
		s.seal(s.claimOf(j.ID))
		s.claimOf(j.ID)
		j = s.update(j, e)
		equal(s, j.State, state, "the state")
		var states []queue.PartState
		for _, p := range s.parts(j) {
			states = append(states, p.State)
			if !p.LeaseUntil.IsZero() {
				s.Fatalf("part %d is leased until %v", p.Number, p.LeaseUntil)
			}
		}
		equal(s, states, []queue.PartState{
			queue.Sealed, queue.Sealed, queue.PartCanceled, queue.PartCanceled, queue.PartCanceled,
		}, "the list of the parts' states")
		s.nothing("an ended job")
	}
}
