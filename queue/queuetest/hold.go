package queuetest

import (
	"sync/atomic"
	"time"

	"github.com/exportyard/exportyard/queue"
)

// cleaned returns a completed job of which no cleaning is due.
func (s *site) cleaned(keep time.Duration) queue.Job {
	s.Helper()
	return s.update(s.completed(keep), queue.Clean)
}

// refused fails unless the event is refused and changes nothing.
func (s *site) refused(j queue.Job, e queue.Event) {
	s.Helper()
	was := s.view(j)
	_, err := s.Store.Update(s.ctx, queue.Update{Tenant: j.Tenant, Job: j.ID, Event: e}, []queue.Entry{s.entry("")})
	s.wantError(err, queue.ErrBadTransition, string(e))
	s.unchanged(was, "a refused "+string(e))
}

var holdRules = []rule{
	{"R31_HeldDoesNotExpire", "a held job is past its expiry, is not due and not expired, and both at once when it is held no more", func(s *site) {
		j := s.update(s.cleaned(keep), queue.Hold)
		if !j.Held {
			s.Fatalf("the job is not held")
		}
		s.Advance(keep + time.Hour)
		s.same(s.get(j), j, "the held job")
		equal(s, len(s.due()), 0, "the number of due things")
		s.refused(j, queue.Expire)
		j = s.update(j, queue.Unhold)
		equal(s, j.Held, false, "whether it is held")
		s.dueAre(queue.DueExpiry, j)
		equal(s, s.update(j, queue.Expire).State, queue.Expired, "the state")
	}},
	{"R31_HeldIsNotRetired", "a held job is not retired, and is when it is held no more", func(s *site) {
		j := s.update(s.cleaned(keep), queue.Hold)
		s.refused(j, queue.Retire)
		j = s.update(s.update(j, queue.Unhold), queue.Retire)
		equal(s, j.ExpiresAt, j.Now, "the expiry")
	}},
	{"HeldIsNotCleaned", "of a held job no cleaning is due or noted, until it is held no more", func(s *site) {
		j := s.update(s.completed(keep), queue.Hold)
		equal(s, len(s.due()), 0, "the number of due things")
		s.refused(j, queue.Clean)
		s.dueAre(queue.DueCleaning, s.update(j, queue.Unhold))
	}},
	{"HoldOfAnActiveJob", "an active job can be held: it ends as ever, frees its slot, and keeps what it stored", func(s *site) {
		n := s.draft()
		j := s.update(s.planned(n, 0), queue.Hold)
		j = s.seal(s.claimOf(j.ID), func(f *queue.Finish) { f.Keep = keep })
		equal(s, j.State, queue.Completed, "the state")
		equal(s, j.Held, true, "whether it is held")
		s.Advance(keep)
		equal(s, len(s.due()), 0, "the number of due things")
		next := s.draft()
		next.Slot = n.Slot
		canceled := s.update(s.update(s.create(next), queue.Hold), queue.Cancel)
		equal(s, len(s.due()), 0, "the number of due things after a cancel")
		s.dueAre(queue.DueCleaning, s.update(canceled, queue.Unhold))
	}},
	{"HoldComesTooLate", "a job whose files may be going, or that has none, cannot be held", func(s *site) {
		retired := s.update(s.cleaned(0), queue.Retire)
		s.refused(retired, queue.Hold)
		expired := s.cleaned(keep)
		s.Advance(keep)
		s.refused(expired, queue.Hold)
		s.refused(s.update(expired, queue.Expire), queue.Hold)
		s.refused(s.update(s.pending(), queue.Fail), queue.Hold)
		s.refused(s.update(s.pending(), queue.Cancel), queue.Hold)
	}},
	{"HoldOnce", "a held job is not held again, and one that is not held is not released", func(s *site) {
		j := s.cleaned(keep)
		s.refused(j, queue.Unhold)
		j = s.update(j, queue.Hold)
		s.refused(j, queue.Hold)
		s.refused(s.update(j, queue.Unhold), queue.Unhold)
	}},
	{"HeldHideNothing", "a heap of held jobs past their clocks does not keep others from being seen", func(s *site) {
		for range 6 {
			s.update(s.completed(keep), queue.Hold)
		}
		j := s.cleaned(keep)
		s.Advance(keep)
		due, err := s.Store.Due(s.ctx, 1)
		s.noError(err, "due")
		if len(due) != 1 || due[0].Job.ID != j.ID {
			s.Fatalf("of job %s and held ones these are due: %v", j.ID, due)
		}
	}},
	{"HoldOrRetire", "of a hold and a retirement at the same time exactly one happens", func(s *site) {
		for range s.Rounds {
			j := s.cleaned(keep)
			events := []queue.Event{queue.Hold, queue.Retire}
			errs := make([]error, len(events))
			together(len(events), func(i int) {
				_, errs[i] = s.Store.Update(s.ctx, queue.Update{Tenant: tenant, Job: j.ID, Event: events[i]}, nil)
			})
			for i, e := range events {
				if errs[i] == nil {
					s.wantError(errs[1-i], queue.ErrBadTransition, string(events[1-i])+" beside "+string(e))
				}
			}
			j = s.get(j)
			equal(s, j.Held, errs[0] == nil, "whether it is held")
			equal(s, j.ExpiresAt.After(j.Now), j.Held, "whether it is kept")
		}
	}},
	{"HeldIsKept", "a store that keeps its jobs keeps which are held, and when their notices are due", func(s *site) {
		if s.Reopen == nil {
			return
		}
		j := s.update(s.noticed(), queue.Hold)
		s.Store, s.Entries = s.Reopen(s.TB)
		s.same(s.get(j), j, "the job")
		s.refused(j, queue.Retire)
	}},
}

// noticed returns a completed job whose notice is due an hour before its expiry.
func (s *site) noticed() queue.Job {
	s.Helper()
	j := s.running(0)
	j = s.seal(s.claimOf(j.ID), func(f *queue.Finish) { f.Keep, f.Notice = keep, time.Hour })
	return s.update(j, queue.Clean)
}

var noticeRules = []rule{
	{"NoticeIsDue", "a completed job is due for its notice from its time on, until it is told, once", func(s *site) {
		j := s.noticed()
		equal(s, j.NoticeAt, j.ExpiresAt.Add(-time.Hour), "the time of the notice")
		s.Advance(keep - time.Hour - time.Minute)
		equal(s, len(s.due()), 0, "the number of due things")
		s.refused(j, queue.Notice)
		s.Advance(time.Minute)
		s.dueAre(queue.DueNotice, j)
		e := s.entry("")
		_, err := s.Store.Update(s.ctx, queue.Update{Tenant: tenant, Job: j.ID, Event: queue.Notice}, []queue.Entry{e})
		s.noError(err, "notice")
		equal(s, s.written(), []string{e.ID}, "the entries")
		equal(s, len(s.due()), 0, "the number of due things")
		s.refused(j, queue.Notice)
		if at := s.get(j).NoticeAt; !at.IsZero() {
			s.Fatalf("another notice is due at %v", at)
		}
	}},
	{"NoNotice", "a job has no notice when it is kept for ever, or not longer than the notice is long", func(s *site) {
		for _, kept := range []time.Duration{0, time.Minute, time.Hour} {
			j := s.running(0)
			j = s.seal(s.claimOf(j.ID), func(f *queue.Finish) { f.Keep, f.Notice = kept, time.Hour })
			if !j.NoticeAt.IsZero() {
				s.Fatalf("the notice of a job kept for %v is due at %v", kept, j.NoticeAt)
			}
		}
		s.Advance(time.Hour)
		equal(s, s.count(queue.DueNotice), 0, "the number of notices")
	}},
	{"NoNoticeOfTheGone", "a job that was retired or has expired is not due for its notice", func(s *site) {
		s.update(s.noticed(), queue.Retire)
		j := s.noticed()
		s.Advance(keep)
		s.update(j, queue.Expire)
		equal(s, s.count(queue.DueNotice), 0, "the number of notices")
	}},
	{"NoNoticeOfTheHeld", "a held job does not expire, so its notice is not due until it is held no more", func(s *site) {
		j := s.update(s.noticed(), queue.Hold)
		s.Advance(keep - time.Minute)
		equal(s, len(s.due()), 0, "the number of due things")
		s.refused(j, queue.Notice)
		s.dueAre(queue.DueNotice, s.update(j, queue.Unhold))
	}},
	{"NoticeOnce", "of many sweepers that tell at the same time one does", func(s *site) {
		j := s.noticed()
		s.Advance(keep - time.Hour)
		var told atomic.Int64
		together(8, func(int) {
			_, err := s.Store.Update(s.ctx, queue.Update{Tenant: tenant, Job: j.ID, Event: queue.Notice}, []queue.Entry{s.entry("")})
			if err == nil {
				told.Add(1)
			}
		})
		equal(s, told.Load(), int64(1), "how many told")
		equal(s, len(s.written()), 1, "the number of entries")
	}},
}
