package queuetest_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/operator"
	"github.com/exportyard/exportyard/queue/queuetest"
)

// A brokenOperator is a good store of which some methods for operators are replaced.
type brokenOperator struct {
	*broken
	active  func(context.Context, operator.Query) ([]operator.Job, string, error)
	requeue func(context.Context, operator.Requeue, []queue.Entry) (queue.Job, error)
	forget  func(context.Context, operator.Forget, []queue.Entry) error
	gauges  func(context.Context, int) (operator.Gauges, error)
}

func (b *brokenOperator) ActiveJobs(ctx context.Context, q operator.Query) ([]operator.Job, string, error) {
	return b.active(ctx, q)
}

func (b *brokenOperator) Requeue(ctx context.Context, r operator.Requeue, e []queue.Entry) (queue.Job, error) {
	return b.requeue(ctx, r, e)
}

func (b *brokenOperator) Forget(ctx context.Context, f operator.Forget, e []queue.Entry) error {
	return b.forget(ctx, f, e)
}

func (b *brokenOperator) Gauges(ctx context.Context, most int) (operator.Gauges, error) {
	return b.gauges(ctx, most)
}

// seen replaces a job as the operator sees it, and leaves out those that it refuses.
func seen(as func(*operator.Job) bool) func(*brokenOperator) {
	return func(b *brokenOperator) {
		b.active = func(ctx context.Context, q operator.Query) ([]operator.Job, string, error) {
			jobs, next, err := b.Store.ActiveJobs(ctx, q)
			return slices.DeleteFunc(jobs, func(j operator.Job) bool { return !as(&j) }), next, err
		}
	}
}

// asked replaces the query that an operator asks.
func asked(as func(*operator.Query)) func(*brokenOperator) {
	return func(b *brokenOperator) {
		b.active = func(ctx context.Context, q operator.Query) ([]operator.Job, string, error) {
			as(&q)
			return b.Store.ActiveJobs(ctx, q)
		}
	}
}

// told lets only the entries of a requeue happen, and what else happens.
func told(also func(*brokenOperator, context.Context, operator.Requeue) error) func(*brokenOperator) {
	return func(b *brokenOperator) {
		b.requeue = func(ctx context.Context, r operator.Requeue, e []queue.Entry) (queue.Job, error) {
			if err := also(b, ctx, r); err != nil {
				return queue.Job{}, err
			}
			j, err := b.Store.Get(ctx, r.Tenant, r.Job)
			_, appendErr := b.Store.Update(ctx, queue.Update{}, queue.EntriesIn(j.State, e))
			return j, errors.Join(err, appendErr)
		}
	}
}

// operatorMutants are stores that each break one rule of what is for operators, and the
// rules that find it.
var operatorMutants = []struct {
	name     string
	caughtBy []string
	damage   func(*brokenOperator)
}{
	{"one tenant's jobs", []string{"ActiveJobsOfAllTenants", "LateJobs"}, seen(func(j *operator.Job) bool { return j.Tenant == "t1" })},
	{"jobs without their progress", []string{"ActiveJobsOfAllTenants"}, func(b *brokenOperator) {
		b.active = func(ctx context.Context, q operator.Query) ([]operator.Job, string, error) {
			jobs, next, err := b.Store.ActiveJobs(ctx, q)
			for i := range jobs {
				jobs[i].Parts = 0
			}
			return jobs, next, err
		}
	}},
	{"newest first", []string{"ActiveJobsOfAllTenants", "SuspectJobs"}, func(b *brokenOperator) {
		b.active = func(ctx context.Context, q operator.Query) ([]operator.Job, string, error) {
			jobs, next, err := b.Store.ActiveJobs(ctx, q)
			slices.Reverse(jobs)
			return jobs, next, err
		}
	}},
	{"the first page again", []string{"ActiveJobsCursor"}, func(b *brokenOperator) {
		b.active = func(ctx context.Context, q operator.Query) ([]operator.Job, string, error) {
			jobs, next, err := b.Store.ActiveJobs(ctx, q)
			if errors.Is(err, queue.ErrCursor) {
				q.After = ""
				return b.Store.ActiveJobs(ctx, q)
			}
			return jobs, next, err
		}
	}},
	{"a page less", []string{"ActiveJobsOfAllTenants", "LateJobs", "IdleJobs"}, func(b *brokenOperator) {
		b.active = func(ctx context.Context, q operator.Query) ([]operator.Job, string, error) {
			jobs, _, err := b.Store.ActiveJobs(ctx, q)
			return jobs, "", err
		}
	}},
	{"late when it is over", []string{"LateJobs"}, asked(func(q *operator.Query) { q.Span = 0 })},
	{"all in any trouble", []string{"LateJobs", "IdleJobs", "SuspectJobs"}, asked(func(q *operator.Query) { q.Only = "" })},
	{"claims not noted", []string{"IdleJobs"}, func(b *brokenOperator) {
		b.active = func(ctx context.Context, q operator.Query) ([]operator.Job, string, error) {
			jobs, next, err := b.Store.ActiveJobs(ctx, q)
			for i := range jobs {
				jobs[i].ClaimedAt = jobs[i].CreatedAt
			}
			return jobs, next, err
		}
	}},
	{"idle at work", []string{"AtWorkIsNotIdle"}, func(b *brokenOperator) {
		b.active = func(ctx context.Context, q operator.Query) ([]operator.Job, string, error) {
			if q.Only == operator.Idle {
				q.Only = ""
			}
			return b.Store.ActiveJobs(ctx, q)
		}
	}},
	{"suspects not seen", []string{"SuspectJobs"}, seen(func(j *operator.Job) bool { return !j.Suspect })},

	{"who holds a part keeps it", []string{"RequeueTakesAway", "RequeueIsNow", "RequeueClears"}, told(func(*brokenOperator, context.Context, operator.Requeue) error { return nil })},
	{"a requeue is a release", []string{"RequeueIsNow", "RequeueClears"}, told(func(b *brokenOperator, ctx context.Context, r operator.Requeue) error {
		_, err := b.Store.Finish(ctx, queue.Finish{Tenant: r.Tenant, Job: r.Job, Number: r.Number, Fence: b.held(ctx, r.Tenant, r.Job, r.Number), Outcome: queue.Release}, nil)
		if errors.Is(err, queue.ErrFenced) {
			return nil
		}
		return err
	})},
	{"requeues what has ended", []string{"RequeueRefused"}, func(b *brokenOperator) {
		b.requeue = func(ctx context.Context, r operator.Requeue, e []queue.Entry) (queue.Job, error) {
			j, err := b.Store.Requeue(ctx, r, e)
			if errors.Is(err, queue.ErrBadTransition) {
				return b.Store.Get(ctx, r.Tenant, r.Job)
			}
			return j, err
		}
	}},
	{"requeues for any tenant", []string{"R32_RequeueIsTheTenants"}, func(b *brokenOperator) {
		b.requeue = func(ctx context.Context, r operator.Requeue, e []queue.Entry) (queue.Job, error) {
			r.Tenant = "acme"
			return b.Store.Requeue(ctx, r, e)
		}
	}},
	{"requeues in silence", []string{"RequeueIsTold"}, func(b *brokenOperator) {
		b.requeue = func(ctx context.Context, r operator.Requeue, _ []queue.Entry) (queue.Job, error) {
			return b.Store.Requeue(ctx, r, nil)
		}
	}},

	{"forgets nothing", []string{"B17_ForgetRemoves", "B17_ForgetWhileListing"}, func(b *brokenOperator) {
		b.forget = func(ctx context.Context, _ operator.Forget, e []queue.Entry) error {
			_, err := b.Store.Update(ctx, queue.Update{}, e)
			return err
		}
	}},
	{"forgets in silence", []string{"B17_ForgetRemoves"}, func(b *brokenOperator) {
		b.forget = func(ctx context.Context, f operator.Forget, _ []queue.Entry) error {
			return b.Store.Forget(ctx, f, nil)
		}
	}},
	{"forgets what must stay", []string{"B17_ForgetKeeps"}, func(b *brokenOperator) {
		b.forget = func(ctx context.Context, f operator.Forget, e []queue.Entry) error {
			for _, event := range []queue.Event{queue.Cancel, queue.Unhold, queue.Clean} {
				_, err := b.Store.Update(ctx, queue.Update{Tenant: f.Tenant, Job: f.Job, Event: event}, nil)
				if err != nil && !errors.Is(err, queue.ErrBadTransition) {
					return err
				}
			}
			f.LeaveFiles = true
			return b.Store.Forget(ctx, f, e)
		}
	}},
	{"forgets the held", []string{"B17_ForgetKeeps"}, func(b *brokenOperator) {
		b.forget = func(ctx context.Context, f operator.Forget, e []queue.Entry) error {
			_, err := b.Store.Update(ctx, queue.Update{Tenant: f.Tenant, Job: f.Job, Event: queue.Unhold}, nil)
			if err != nil && !errors.Is(err, queue.ErrBadTransition) {
				return err
			}
			return b.Store.Forget(ctx, f, e)
		}
	}},
	{"keeps what has files anywhere", []string{"B17_ForgetLeavesFiles"}, func(b *brokenOperator) {
		b.forget = func(ctx context.Context, f operator.Forget, e []queue.Entry) error {
			f.LeaveFiles = false
			return b.Store.Forget(ctx, f, e)
		}
	}},
	{"forgets for any tenant", []string{"R32_ForgetIsTheTenants"}, func(b *brokenOperator) {
		b.forget = func(ctx context.Context, f operator.Forget, e []queue.Entry) error {
			f.Tenant = "acme"
			return b.Store.Forget(ctx, f, e)
		}
	}},
	{"pages by offset", []string{"B17_ForgetWhileListing"}, func(b *brokenOperator) {
		for _, m := range mutants {
			if m.name == "pages by offset" {
				m.damage(b.broken)
			}
		}
	}},
	{"ends the run itself", []string{"B17_ForgetWaitsForTheRun"}, func(b *brokenOperator) {
		b.forget = func(ctx context.Context, f operator.Forget, e []queue.Entry) error {
			due, err := b.Store.DueSchedules(ctx, 100)
			for _, d := range due {
				if d.Kind == queue.DueRun {
					_, _, endErr := b.Store.EndRun(ctx, queue.RunEnd{Tenant: f.Tenant, Schedule: d.Schedule.ID, Number: d.Run.Number}, nil)
					err = errors.Join(err, endErr)
				}
			}
			return errors.Join(err, b.Store.Forget(ctx, f, e))
		}
	}},
	{"forgets all at a restart", []string{"B17_ForgottenIsKept"}, func(*brokenOperator) {}},

	{"gauges that are never zero", []string{"GaugesOfNothing"}, gauged(func(g *operator.Gauges) { g.LeaseOver++ })},
	{"ended jobs are active", []string{"GaugesCount"}, gauged(func(g *operator.Gauges) { g.Active++ })},
	{"counts to the end", []string{"GaugesCount"}, func(b *brokenOperator) {
		b.gauges = func(ctx context.Context, _ int) (operator.Gauges, error) { return b.Store.Gauges(ctx, 1_000_000) }
	}},
	{"nobody waits", []string{"GaugesOfTime"}, gauged(func(g *operator.Gauges) { g.PendingAge = 0 })},
	{"the lease that was over last", []string{"GaugesOfTime"}, gauged(func(g *operator.Gauges) { g.LeaseOver -= min(g.LeaseOver, time.Hour) })},
}

// gauged replaces what the gauges say.
func gauged(as func(*operator.Gauges)) func(*brokenOperator) {
	return func(b *brokenOperator) {
		b.gauges = func(ctx context.Context, most int) (operator.Gauges, error) {
			g, err := b.Store.Gauges(ctx, most)
			as(&g)
			return g, err
		}
	}
}

func operatorHarness(damage func(*brokenOperator)) queuetest.Harness {
	h := harness(func(*broken) {})
	good := h.Store.(*broken)
	s := good.Store
	b := &brokenOperator{broken: good, active: s.ActiveJobs, requeue: s.Requeue, forget: s.Forget, gauges: s.Gauges}
	damage(b)
	h.Store = b
	return h
}

func TestR14_BrokenStoresOfOperatorsAreCaught(t *testing.T) {
	t.Parallel()
	for _, m := range operatorMutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			for _, rule := range m.caughtBy {
				require.NotEmpty(t, queuetest.Check(t, rule, operatorHarness(m.damage)), "rule %s passed", rule)
				if rule != "B17_ForgottenIsKept" { // this store forgets
					require.Empty(t, queuetest.Check(t, rule, operatorHarness(func(*brokenOperator) {})), rule)
				}
			}
		})
	}
}
