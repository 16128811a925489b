package queuetest_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/queue/queuetest"
)

// A misplanned store is a good one of which some methods for schedules are replaced.
type misplanned struct {
	*memstore.Store
	create func(context.Context, queue.Schedule, []queue.Entry) (queue.Schedule, bool, error)
	change func(context.Context, queue.ScheduleChange, []queue.Entry) (queue.Schedule, error)
	get    func(context.Context, string, string) (queue.Schedule, error)
	list   func(context.Context, string, string, int) ([]queue.Schedule, error)
	due    func(context.Context, int) ([]queue.DueSchedule, error)
	take   func(context.Context, queue.Tick, []queue.Entry) (queue.Schedule, queue.Run, error)
	end    func(context.Context, queue.RunEnd, []queue.Entry) (queue.Schedule, queue.Run, error)
	runs   func(context.Context, string, string, int64, int) ([]queue.Run, error)
}

func misplan(s *memstore.Store) *misplanned {
	return &misplanned{
		Store: s, create: s.CreateSchedule, change: s.ChangeSchedule, get: s.GetSchedule, list: s.Schedules,
		due: s.DueSchedules, take: s.TakeTick, end: s.EndRun, runs: s.Runs,
	}
}

func (m *misplanned) CreateSchedule(ctx context.Context, s queue.Schedule, e []queue.Entry) (queue.Schedule, bool, error) {
	return m.create(ctx, s, e)
}

func (m *misplanned) ChangeSchedule(ctx context.Context, c queue.ScheduleChange, e []queue.Entry) (queue.Schedule, error) {
	return m.change(ctx, c, e)
}

func (m *misplanned) GetSchedule(ctx context.Context, tenant, id string) (queue.Schedule, error) {
	return m.get(ctx, tenant, id)
}

func (m *misplanned) Schedules(ctx context.Context, tenant, after string, limit int) ([]queue.Schedule, error) {
	return m.list(ctx, tenant, after, limit)
}

func (m *misplanned) DueSchedules(ctx context.Context, limit int) ([]queue.DueSchedule, error) {
	return m.due(ctx, limit)
}

func (m *misplanned) TakeTick(ctx context.Context, t queue.Tick, e []queue.Entry) (queue.Schedule, queue.Run, error) {
	return m.take(ctx, t, e)
}

func (m *misplanned) EndRun(ctx context.Context, e queue.RunEnd, entries []queue.Entry) (queue.Schedule, queue.Run, error) {
	return m.end(ctx, e, entries)
}

func (m *misplanned) Runs(ctx context.Context, tenant, schedule string, before int64, limit int) ([]queue.Run, error) {
	return m.runs(ctx, tenant, schedule, before, limit)
}

// seen makes every method that finds a schedule show it in another way.
func (m *misplanned) seen(as func(*queue.Schedule)) {
	m.get = func(ctx context.Context, tenant, id string) (queue.Schedule, error) {
		s, err := m.Store.GetSchedule(ctx, tenant, id)
		as(&s)
		return s, err
	}
}

var scheduleMutants = []struct {
	name     string
	caughtBy []string
	damage   func(*misplanned)
}{
	{"no version for ticks", []string{"StaleChangesAreRefused", "B11_TickOnce"}, func(m *misplanned) {
		var mu sync.Mutex
		m.take = func(ctx context.Context, t queue.Tick, e []queue.Entry) (queue.Schedule, queue.Run, error) {
			mu.Lock()
			defer mu.Unlock()
			s, err := m.Store.GetSchedule(ctx, t.Tenant, t.Schedule)
			if err != nil {
				return s, queue.Run{}, err
			}
			if t.Version != s.Version && !t.Manual {
				s, err = m.Store.ChangeSchedule(ctx, queue.ScheduleChange{
					Tenant: t.Tenant, Schedule: t.Schedule, Version: s.Version, Event: queue.EditSchedule, Owner: s.Owner, Settings: s.Settings, NextTick: t.Nominal,
				}, nil)
				if err != nil {
					return s, queue.Run{}, err
				}
			}
			t.Version = s.Version
			return m.Store.TakeTick(ctx, t, e)
		}
	}},
	{"looked at before it is taken, not when", []string{"B11_TickOnce"}, func(m *misplanned) {
		var mu sync.Mutex
		taken := map[string]bool{}
		m.take = func(ctx context.Context, t queue.Tick, e []queue.Entry) (queue.Schedule, queue.Run, error) {
			mu.Lock()
			done := taken[t.Schedule]
			mu.Unlock()
			if done {
				return queue.Schedule{}, queue.Run{}, queue.ErrStale
			}
			runtime.Gosched() // another host looks at the same time
			if _, _, err := m.Create(ctx, t.NewJob(), e); err != nil {
				return queue.Schedule{}, queue.Run{}, err
			}
			mu.Lock()
			taken[t.Schedule] = true
			mu.Unlock()
			return queue.Schedule{}, queue.Run{}, nil
		}
	}},
	{"no version for changes", []string{"StaleChangesAreRefused", "OneOfManyChangesWins"}, func(m *misplanned) {
		m.change = func(ctx context.Context, c queue.ScheduleChange, e []queue.Entry) (queue.Schedule, error) {
			for {
				s, err := m.Store.GetSchedule(ctx, c.Tenant, c.Schedule)
				if err != nil {
					return s, err
				}
				c.Version = s.Version
				if s, err = m.Store.ChangeSchedule(ctx, c, e); !errors.Is(err, queue.ErrStale) {
					return s, err
				}
			}
		}
	}},
	{"job beside the tick, not with it", []string{"R3_TickIsAllOrNothing", "B7_BusySlotSkipsTheTick"}, func(m *misplanned) {
		m.take = func(ctx context.Context, t queue.Tick, e []queue.Entry) (queue.Schedule, queue.Run, error) {
			n := t.Job
			t.Job.ID, t.Job.Slot = "ghost-of-"+n.ID, "ghost-of-"+n.ID
			s, r, err := m.Store.TakeTick(ctx, t, e)
			if err == nil && t.Outcome == queue.RunStarted {
				_, _, err = m.Create(ctx, n, nil)
			}
			r.Job = n.ID
			return s, r, err
		}
	}},
	{"a busy slot is an error", []string{"B7_BusySlotSkipsTheTick", "B7_SlotOfTwoSchedules"}, func(m *misplanned) {
		m.take = func(ctx context.Context, t queue.Tick, e []queue.Entry) (queue.Schedule, queue.Run, error) {
			s, r, err := m.Store.TakeTick(ctx, t, e)
			if err == nil && r.Outcome == queue.RunSkipped && r.Job != "" {
				return s, r, &queue.ConflictError{Active: queue.Job{ID: r.Job}}
			}
			return s, r, err
		}
	}},
	{"skipped without the job that was there", []string{"B7_BusySlotSkipsTheTick"}, func(m *misplanned) {
		m.take = func(ctx context.Context, t queue.Tick, e []queue.Entry) (queue.Schedule, queue.Run, error) {
			s, r, err := m.Store.TakeTick(ctx, t, e)
			if r.Outcome == queue.RunSkipped {
				r.Job = ""
			}
			return s, r, err
		}
	}},
	{"a run by hand is skipped like a tick", []string{"B7_RunNowConflicts"}, func(m *misplanned) {
		m.take = func(ctx context.Context, t queue.Tick, e []queue.Entry) (queue.Schedule, queue.Run, error) {
			s, r, err := m.Store.TakeTick(ctx, t, e)
			if errors.Is(err, queue.ErrConflict) {
				err = nil
			}
			return s, r, err
		}
	}},
	{"a run by hand takes the tick", []string{"B11_RunNow"}, func(m *misplanned) {
		m.take = func(ctx context.Context, t queue.Tick, e []queue.Entry) (queue.Schedule, queue.Run, error) {
			if t.Manual {
				t.Manual, t.Next = false, t.Nominal.Add(time.Hour)
			}
			return m.Store.TakeTick(ctx, t, e)
		}
	}},
	{"the caller's time", []string{"B11_NotBeforeItIsDue", "TicksLongestDueFirst"}, func(m *misplanned) {
		m.create = func(ctx context.Context, s queue.Schedule, e []queue.Entry) (queue.Schedule, bool, error) {
			// Due at once by the store's clock; the caller would have waited.
			if !s.NextTick.IsZero() {
				s.NextTick, s.DueAt = s.NextTick.Add(-1000*time.Hour), time.Time{}
			}
			return m.Store.CreateSchedule(ctx, s, e)
		}
	}},
	{"every missed tick is due", []string{"B11_MissedTicksAreMadeUpForOnce", "B11_TickMakesAJob"}, func(m *misplanned) {
		m.take = func(ctx context.Context, t queue.Tick, e []queue.Entry) (queue.Schedule, queue.Run, error) {
			t.Next, t.NextDue = t.Nominal.Add(time.Microsecond), time.Time{}
			return m.Store.TakeTick(ctx, t, e)
		}
	}},
	{"failures are not counted", []string{"B11_FailuresInARowPause", "B11_OutcomeOfAJob"}, func(m *misplanned) {
		m.seen(func(s *queue.Schedule) { s.Failures = 0 })
		m.end = func(ctx context.Context, e queue.RunEnd, entries []queue.Entry) (queue.Schedule, queue.Run, error) {
			s, r, err := m.Store.EndRun(ctx, e, entries)
			s.Failures = 0
			return s, r, err
		}
	}},
	{"never paused", []string{"B11_FailuresInARowPause", "B11_RefusalsInARowPause"}, func(m *misplanned) {
		m.end = func(ctx context.Context, e queue.RunEnd, entries []queue.Entry) (queue.Schedule, queue.Run, error) {
			e.MaxFailures = 0
			return m.Store.EndRun(ctx, e, entries)
		}
		m.take = func(ctx context.Context, t queue.Tick, e []queue.Entry) (queue.Schedule, queue.Run, error) {
			t.MaxFailures = 0
			return m.Store.TakeTick(ctx, t, e)
		}
	}},
	{"paused without a word", []string{"B11_FailuresInARowPause"}, func(m *misplanned) {
		m.end = func(ctx context.Context, e queue.RunEnd, entries []queue.Entry) (queue.Schedule, queue.Run, error) {
			return m.Store.EndRun(ctx, e, slices.DeleteFunc(slices.Clone(entries), func(e queue.Entry) bool { return e.When == queue.State(queue.SchedulePaused) }))
		}
	}},
	{"every entry, whatever happened", []string{"ScheduleEntriesGoByWhatHappened", "B7_BusySlotSkipsTheTick"}, func(m *misplanned) {
		m.take = func(ctx context.Context, t queue.Tick, e []queue.Entry) (queue.Schedule, queue.Run, error) {
			e = slices.Clone(e)
			for i := range e {
				e[i].When = ""
			}
			return m.Store.TakeTick(ctx, t, e)
		}
	}},
	{"ended as often as one likes", []string{"R12_EndOnce", "B11_OutcomeOfAJob"}, func(m *misplanned) {
		m.end = func(ctx context.Context, e queue.RunEnd, entries []queue.Entry) (queue.Schedule, queue.Run, error) {
			s, r, err := m.Store.EndRun(ctx, e, entries)
			if errors.Is(err, queue.ErrBadTransition) {
				err = nil
			}
			return s, r, err
		}
	}},
	{"no ends are due", []string{"EndedRunsAreDue", "DueSchedulesKeepTheirLimit", "LookingLeavesSchedules"}, schedulesWithout(queue.DueRun)},
	{"no followers are due", []string{"FollowersAreDue", "DueSchedulesKeepTheirLimit"}, schedulesWithout(queue.DueFollower)},
	{"no ticks are due", []string{"TicksLongestDueFirst", "SchedulePausesAndResumes"}, schedulesWithout(queue.DueTick)},
	{"the last due first", []string{"TicksLongestDueFirst"}, func(m *misplanned) {
		m.due = func(ctx context.Context, limit int) ([]queue.DueSchedule, error) {
			due, err := m.Store.DueSchedules(ctx, limit)
			slices.Reverse(due)
			return due, err
		}
	}},
	{"one kind hides another", []string{"DueSchedulesKeepTheirLimit"}, func(m *misplanned) {
		m.due = func(ctx context.Context, limit int) ([]queue.DueSchedule, error) {
			all, err := m.Store.DueSchedules(ctx, 1000)
			slices.SortStableFunc(all, func(a, b queue.DueSchedule) int { return strings.Compare(string(a.Kind), string(b.Kind)) })
			return all[:min(limit, len(all))], err
		}
	}},
	{"due without a limit", []string{"DueSchedulesKeepTheirLimit"}, func(m *misplanned) {
		m.due = func(ctx context.Context, _ int) ([]queue.DueSchedule, error) { return m.Store.DueSchedules(ctx, 1000) }
	}},
	{"schedules of all tenants", []string{"R32_SchedulesOfTenants"}, func(m *misplanned) {
		m.get = func(ctx context.Context, tenant, id string) (queue.Schedule, error) {
			for _, one := range []string{tenant, "acme", "other", "clock"} {
				if s, err := m.Store.GetSchedule(ctx, one, id); err == nil {
					return s, nil
				}
			}
			return m.Store.GetSchedule(ctx, tenant, id)
		}
	}},
	{"removed for good", []string{"RemovedScheduleIsGone"}, func(m *misplanned) {
		m.get = func(ctx context.Context, tenant, id string) (queue.Schedule, error) {
			s, err := m.Store.GetSchedule(ctx, tenant, id)
			if s.State == queue.ScheduleRemoved {
				return queue.Schedule{}, queue.ErrNotFound
			}
			return s, err
		}
	}},
	{"removed ones in the list", []string{"SchedulesAreListed"}, func(m *misplanned) {
		m.list = func(ctx context.Context, tenant, after string, limit int) ([]queue.Schedule, error) {
			list, err := m.Store.Schedules(ctx, tenant, after, limit)
			if gone, e := m.Store.GetSchedule(ctx, tenant, "gone"); e == nil && after < "gone" && len(list) > 0 && len(list) < limit {
				list = append(list, gone)
			}
			return list, err
		}
	}},
	{"a list without regard to case", []string{"SchedulesAreListed"}, func(m *misplanned) {
		m.list = func(ctx context.Context, tenant, after string, limit int) ([]queue.Schedule, error) {
			list, err := m.Store.Schedules(ctx, tenant, "", 1000)
			slices.SortFunc(list, func(a, b queue.Schedule) int { return strings.Compare(strings.ToLower(a.ID), strings.ToLower(b.ID)) })
			i := slices.IndexFunc(list, func(s queue.Schedule) bool { return s.ID == after })
			return list[i+1 : min(i+1+limit, len(list))], err
		}
	}},
	{"made again", []string{"ScheduleIsMadeOnce", "ScheduleIsMadeOnceByMany"}, func(m *misplanned) {
		m.create = func(ctx context.Context, s queue.Schedule, e []queue.Entry) (queue.Schedule, bool, error) {
			made, existing, err := m.Store.CreateSchedule(ctx, s, e)
			if existing {
				_, err = m.Update(ctx, queue.Update{}, e)
			}
			return made, existing, err
		}
	}},
	{"runs oldest first", []string{"RunsAreListed"}, func(m *misplanned) {
		m.runs = func(ctx context.Context, tenant, schedule string, before int64, limit int) ([]queue.Run, error) {
			runs, err := m.Store.Runs(ctx, tenant, schedule, before, limit)
			slices.Reverse(runs)
			return runs, err
		}
	}},
	{"a key for the job of a tick", []string{"TickNeedsNoKey"}, func(m *misplanned) {
		m.take = func(ctx context.Context, t queue.Tick, e []queue.Entry) (queue.Schedule, queue.Run, error) {
			if t.Job.IdempotencyKey != "" {
				if _, existing, err := m.Create(ctx, t.Job, nil); existing || err != nil {
					return queue.Schedule{}, queue.Run{}, err
				}
			}
			return m.Store.TakeTick(ctx, t, e)
		}
	}},
	{"text for bytes in settings", []string{"ScheduleIsVerbatim"}, func(m *misplanned) {
		m.seen(func(s *queue.Schedule) { s.Settings.Data = []byte(strings.ToValidUTF8(string(s.Settings.Data), "?")) })
	}},
	{"settings shared with the caller", []string{"ScheduleSlicesAreTheCallers"}, func(m *misplanned) {
		shared := map[string][]byte{}
		m.create = func(ctx context.Context, s queue.Schedule, e []queue.Entry) (queue.Schedule, bool, error) {
			shared[s.ID] = s.Settings.Data
			return m.Store.CreateSchedule(ctx, s, e)
		}
		m.seen(func(s *queue.Schedule) { s.Settings.Data = shared[s.ID] })
	}},
	{"context ignored", []string{"CanceledContextLeavesSchedules"}, func(m *misplanned) {
		m.take = func(ctx context.Context, t queue.Tick, e []queue.Entry) (queue.Schedule, queue.Run, error) {
			return m.Store.TakeTick(context.WithoutCancel(ctx), t, e)
		}
	}},
	{"edits half of it", []string{"ScheduleIsEdited"}, func(m *misplanned) {
		m.change = func(ctx context.Context, c queue.ScheduleChange, e []queue.Entry) (queue.Schedule, error) {
			c.DueAt = c.NextTick
			return m.Store.ChangeSchedule(ctx, c, e)
		}
	}},
	{"given as it came", []string{"ScheduleAsMade"}, func(m *misplanned) {
		m.seen(func(s *queue.Schedule) { s.Failures = 4 })
	}},
	{"a tick that does not fit", []string{"B11_TickThatDoesNotFit"}, func(m *misplanned) {
		m.take = func(ctx context.Context, t queue.Tick, e []queue.Entry) (queue.Schedule, queue.Run, error) {
			t.Job.Tenant = t.Tenant
			return m.Store.TakeTick(ctx, t, e)
		}
	}},
	{"forgets schedules at a restart", []string{"ReopenedSchedulesAreTheSame"}, func(*misplanned) {}},
}

func schedulesWithout(kind queue.DueKind) func(*misplanned) {
	return func(m *misplanned) {
		m.due = func(ctx context.Context, limit int) ([]queue.DueSchedule, error) {
			due, err := m.Store.DueSchedules(ctx, limit)
			return slices.DeleteFunc(due, func(d queue.DueSchedule) bool { return d.Kind == kind }), err
		}
	}
}

func scheduleHarness(damage func(*misplanned)) queuetest.Harness {
	return harnessOf(func(s *memstore.Store) *misplanned {
		m := misplan(s)
		damage(m)
		return m
	})
}

func TestR14_BrokenSchedulesAreCaught(t *testing.T) {
	t.Parallel()
	caught := map[string]bool{}
	for _, m := range scheduleMutants {
		for _, rule := range m.caughtBy {
			caught[rule] = true
		}
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			for _, rule := range m.caughtBy {
				require.NotEmpty(t, queuetest.Check(t, rule, scheduleHarness(m.damage)), "rule %s passed", rule)
				if rule != "ReopenedSchedulesAreTheSame" {
					require.Empty(t, queuetest.Check(t, rule, scheduleHarness(func(*misplanned) {})), "rule %s complains of a good store", rule)
				}
			}
		})
	}
	for _, rule := range queuetest.ScheduleRules() {
		require.True(t, caught[rule], "no broken store needs the rule %s", rule)
	}
}
