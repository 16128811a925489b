package queuetest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/queuetest"
)

// without makes an event of a held job happen all the same.
func without(event queue.Event) func(*broken) {
	return func(b *broken) {
		b.update = func(ctx context.Context, u queue.Update, e []queue.Entry) (queue.Job, error) {
			if j, err := b.Store.Get(ctx, u.Tenant, u.Job); err == nil && j.Held && u.Event == event {
				if _, err := b.Store.Update(ctx, queue.Update{Tenant: u.Tenant, Job: u.Job, Event: queue.Unhold}, nil); err != nil {
					return j, err
				}
			}
			return b.Store.Update(ctx, u, e)
		}
	}
}

// dueWithHeld lists held jobs as due for a kind.
func dueWithHeld(kind queue.DueKind) func(*broken) {
	return func(b *broken) {
		b.due = func(ctx context.Context, limit int) ([]queue.Due, error) {
			due, err := b.Store.Due(ctx, limit)
			jobs, _, listErr := b.Store.List(ctx, queue.ListQuery{Tenant: "acme"})
			for _, j := range jobs {
				free := j
				free.Held = false
				if j.Held && slices.Contains(free.DueKinds(j.Now), kind) {
					due = append(due, queue.Due{Kind: kind, Job: j})
				}
			}
			return due, errors.Join(err, listErr)
		}
	}
}

// allowed makes events happen in the answer, although they were refused.
func allowed(events ...queue.Event) func(*broken) {
	return func(b *broken) {
		b.update = func(ctx context.Context, u queue.Update, e []queue.Entry) (queue.Job, error) {
			j, err := b.Store.Update(ctx, u, e)
			if slices.Contains(events, u.Event) && errors.Is(err, queue.ErrBadTransition) {
				if _, err = b.Store.Update(ctx, queue.Update{}, e); err == nil {
					return b.Store.Get(ctx, u.Tenant, u.Job)
				}
			}
			return j, err
		}
	}
}

// holdMutants are stores that each break one rule of holds or notices.
var holdMutants = []struct {
	name     string
	caughtBy []string
	damage   func(*broken)
}{
	{"holds not kept", []string{"R31_HeldDoesNotExpire", "HeldIsNotCleaned", "HoldOfAnActiveJob", "NoNoticeOfTheHeld"}, func(b *broken) {
		b.update = func(ctx context.Context, u queue.Update, e []queue.Entry) (queue.Job, error) {
			j, err := b.Store.Update(ctx, u, e)
			if u.Event == queue.Hold && err == nil {
				_, err = b.Store.Update(ctx, queue.Update{Tenant: u.Tenant, Job: u.Job, Event: queue.Unhold}, nil)
			}
			return j, err
		}
	}},
	{"retires the held", []string{"R31_HeldIsNotRetired"}, without(queue.Retire)},
	{"expires the held", []string{"R31_HeldDoesNotExpire"}, without(queue.Expire)},
	{"cleans the held", []string{"HeldIsNotCleaned"}, without(queue.Clean)},
	{"tells of the held", []string{"NoNoticeOfTheHeld"}, without(queue.Notice)},
	{"the held are due to expire", []string{"R31_HeldDoesNotExpire", "HoldOfAnActiveJob"}, dueWithHeld(queue.DueExpiry)},
	{"the held are due to be cleaned", []string{"HeldIsNotCleaned", "HoldOfAnActiveJob"}, dueWithHeld(queue.DueCleaning)},
	{"the held are due to be told of", []string{"NoNoticeOfTheHeld"}, dueWithHeld(queue.DueNotice)},
	{"held jobs take the place of others", []string{"HeldHideNothing"}, func(b *broken) {
		dueWithHeld(queue.DueExpiry)(b)
		all := b.due
		b.due = func(ctx context.Context, limit int) ([]queue.Due, error) {
			due, err := all(ctx, 1000)
			slices.SortStableFunc(due, func(x, y queue.Due) int { return x.Job.ExpiresAt.Compare(y.Job.ExpiresAt) })
			due = due[:min(limit, len(due))]
			return slices.DeleteFunc(due, func(d queue.Due) bool { return d.Job.Held }), err
		}
	}},
	{"holds at any time", []string{"HoldComesTooLate", "HoldOnce"}, allowed(queue.Hold)},
	{"whoever comes second happens too", []string{"HoldOrRetire"}, allowed(queue.Hold, queue.Retire)},
	{"releases what is not held", []string{"HoldOnce"}, allowed(queue.Unhold)},
	{"a hold stops the clocks", []string{"R31_HeldDoesNotExpire"}, func(b *broken) {
		var mu sync.Mutex
		held := map[string]bool{}
		b.update = func(ctx context.Context, u queue.Update, e []queue.Entry) (queue.Job, error) {
			mu.Lock()
			held[u.Job] = held[u.Job] || u.Event == queue.Hold
			mu.Unlock()
			return b.Store.Update(ctx, u, e)
		}
		b.due = func(ctx context.Context, limit int) ([]queue.Due, error) {
			due, err := b.Store.Due(ctx, limit)
			mu.Lock()
			defer mu.Unlock()
			return slices.DeleteFunc(due, func(d queue.Due) bool { return held[d.Job.ID] }), err
		}
	}},
	{"notices not seen", []string{"NoticeIsDue"}, dueWithout(queue.DueNotice)},
	{"told again and again", []string{"NoticeIsDue", "NoticeOnce"}, allowed(queue.Notice)},
	{"notices of all that expires", []string{"NoNotice"}, func(b *broken) {
		b.finish = func(ctx context.Context, f queue.Finish, e []queue.Entry) (queue.Job, error) {
			f.Notice = min(f.Notice, f.Keep/2)
			return b.Store.Finish(ctx, f, e)
		}
	}},
	{"notices of what is gone", []string{"NoNoticeOfTheGone"}, func(b *broken) {
		b.due = func(ctx context.Context, limit int) ([]queue.Due, error) {
			due, err := b.Store.Due(ctx, limit)
			jobs, _, listErr := b.Store.List(ctx, queue.ListQuery{Tenant: "acme", States: []queue.State{queue.Expired}})
			for _, j := range jobs {
				due = append(due, queue.Due{Kind: queue.DueNotice, Job: j})
			}
			return due, errors.Join(err, listErr)
		}
	}},
	{"forgets holds at a restart", []string{"HeldIsKept"}, func(*broken) {}},
	{"notices at the expiry", []string{"NoticeIsDue"}, func(b *broken) {
		b.finish = func(ctx context.Context, f queue.Finish, e []queue.Entry) (queue.Job, error) {
			f.Notice = min(f.Notice, time.Microsecond)
			return b.Store.Finish(ctx, f, e)
		}
	}},
}

func TestR31_BrokenHoldsAreCaught(t *testing.T) {
	t.Parallel()
	for _, m := range holdMutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			for _, rule := range m.caughtBy {
				require.NotEmpty(t, queuetest.Check(t, rule, harness(m.damage)), "rule %s passed", rule)
				if rule != "HeldIsKept" { // this store forgets
					require.Empty(t, queuetest.Check(t, rule, harness(func(*broken) {})), rule)
				}
			}
		})
	}
}
