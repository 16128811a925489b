package queuetest

import (
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/operator"
)

func (s *site) forget(j queue.Job, entries ...queue.Entry) {
	s.Helper()
	s.noError(s.operator().Forget(s.ctx, operator.Forget{Tenant: j.Tenant, Job: j.ID}, entries), "forget")
}

// kept fails unless the job is not forgotten and nothing changes.
func (s *site) kept(f operator.Forget, want error) {
	s.Helper()
	was := s.view(queue.Job{Tenant: tenant, ID: f.Job})
	s.wantError(s.operator().Forget(s.ctx, f, []queue.Entry{s.entry("")}), want, "forget")
	s.unchanged(was, "a refused forget")
}

// failed returns a job that has failed and left nothing.
func (s *site) failed() queue.Job {
	s.Helper()
	return s.update(s.update(s.running(3), queue.Fail), queue.Clean)
}

var forgetRules = []rule{
	{"B17_ForgetRemoves", "a forgotten job and its parts are nowhere, and its entries stay", func(s *site) {
		n := s.draft()
		n.IdempotencyKey = "key"
		before, during := s.entry(""), s.entry("")
		s.create(n, before)
		j := s.update(s.update(queue.Job{Tenant: tenant, ID: n.ID}, queue.Cancel), queue.Clean)
		s.forget(j, during)
		_, err := s.Store.Get(s.ctx, tenant, j.ID)
		s.wantError(err, queue.ErrNotFound, "get")
		_, err = s.Store.Parts(s.ctx, tenant, j.ID, -1, 10)
		s.wantError(err, queue.ErrNotFound, "parts")
		jobs, _, err := s.Store.List(s.ctx, queue.ListQuery{Tenant: tenant})
		s.noError(err, "list")
		equal(s, len(jobs), 0, "the number of jobs")
		equal(s, s.written(), []string{before.ID, during.ID}, "the entries")
		s.wantError(s.operator().Forget(s.ctx, operator.Forget{Tenant: tenant, Job: j.ID}, nil), queue.ErrNotFound, "a second forget")
		equal(s, len(s.parts(s.create(n))), 2, "the number of parts of a new job with its ID and key")
	}},
	{"B17_ForgetKeeps", "what is active, held, or has left something in the sink is not forgotten", func(s *site) {
		active := s.pending()
		s.kept(operator.Forget{Tenant: tenant, Job: active.ID, LeaveFiles: true}, queue.ErrBadTransition)
		s.kept(operator.Forget{Tenant: tenant, Job: s.update(active, queue.Fail).ID}, queue.ErrBadTransition)
		completed := s.cleaned(keep)
		s.kept(operator.Forget{Tenant: tenant, Job: completed.ID}, queue.ErrBadTransition)
		s.kept(operator.Forget{Tenant: tenant, Job: s.update(completed, queue.Hold).ID, LeaveFiles: true}, queue.ErrBadTransition)
		s.kept(operator.Forget{Tenant: tenant, Job: s.completed(keep).ID, LeaveFiles: true}, queue.ErrBadTransition)
	}},
	{"B17_ForgetLeavesFiles", "a completed job is forgotten when its files are to stay, and when they are gone", func(s *site) {
		j := s.cleaned(0)
		s.noError(s.operator().Forget(s.ctx, operator.Forget{Tenant: tenant, Job: j.ID, LeaveFiles: true}, nil), "forget")
		s.forget(s.update(s.update(s.cleaned(0), queue.Retire), queue.Expire))
	}},
	{"R32_ForgetIsTheTenants", "another tenant's job is not found", func(s *site) {
		s.kept(operator.Forget{Tenant: "globex", Job: s.failed().ID}, queue.ErrNotFound)
	}},
	{"B17_ForgetWhileListing", "a tenant's pages go on while its jobs are forgotten, and afterwards", func(s *site) {
		var want, got []queue.Job
		for range 7 {
			want = append([]queue.Job{s.failed()}, want...)
		}
		newest := want[0]
		q := queue.ListQuery{Tenant: tenant, Limit: 3}
		for more := true; more; more = q.After != "" {
			jobs, next, err := s.Store.List(s.ctx, q)
			s.noError(err, "list")
			for _, j := range jobs {
				if j.ID != newest.ID {
					s.forget(j)
				}
			}
			got, q.After = append(got, jobs...), next
		}
		equal(s, ids(got), ids(want), "the list of jobs while they were forgotten")
		first, second := s.pending(), s.pending()
		got = nil
		for more, after := true, ""; more; more = after != "" {
			var jobs []queue.Job
			jobs, after = s.page(queue.ListQuery{Tenant: tenant, Limit: 1, After: after})
			got = append(got, jobs...)
		}
		equal(s, ids(got), ids([]queue.Job{second, first, newest}), "the list of jobs that are there")
		s.activeAre(operator.Query{}, first, second)
	}},
	{"B17_ForgottenIsKept", "a store that keeps its jobs keeps none that was forgotten", func(s *site) {
		if s.Reopen == nil {
			return
		}
		j, stays := s.failed(), s.failed()
		s.forget(j)
		s.Store, s.Entries = s.Reopen(s.TB)
		_, err := s.Store.Get(s.ctx, tenant, j.ID)
		s.wantError(err, queue.ErrNotFound, "get")
		s.get(stays)
	}},
}

// awaitedRules are of a store that also keeps schedules.
var awaitedRules = []rule{
	{"B17_ForgetWaitsForTheRun", "the job of a run is not forgotten before its end is recorded", func(s *site) {
		_, run := s.take(s.tick(s.ticking()))
		j := s.update(s.update(queue.Job{Tenant: tenant, ID: run.Job}, queue.Cancel), queue.Clean)
		s.kept(operator.Forget{Tenant: tenant, Job: j.ID}, queue.ErrBadTransition)
		s.end(run)
		s.forget(j)
		equal(s, len(s.dueSchedules(queue.DueRun)), 0, "the number of runs whose job has ended")
	}},
}
