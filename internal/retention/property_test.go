package retention_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/exportyard/exportyard/internal/retention"
)

// A site is a drawn set of exports with a policy and a time.
type site struct {
	exports []retention.Export
	policy  retention.Policy
	now     time.Time
}

func draw(t *rapid.T) site {
	oneOf := func(n int, name string) bool { return rapid.IntRange(1, n).Draw(t, name) == 1 }
	var s site
	for i := range rapid.IntRange(0, 12).Draw(t, "exports") {
		at := now.Add(-time.Duration(rapid.IntRange(0, 100*24).Draw(t, "hours")) * time.Hour)
		s.exports = append(s.exports, retention.Export{
			ID: fmt.Sprint(i), At: at, FinishedAt: at.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "minutes")) * time.Minute),
			Good: !oneOf(4, "failed"), Manual: oneOf(5, "manual"), Pinned: oneOf(8, "pinned"), Held: oneOf(6, "held"),
		})
	}
	count := rapid.SampledFrom([]int{0, 0, 1, 2, 3, 7})
	clock := rapid.SampledFrom([]time.Duration{0, 0, day, 7 * day, 30 * day})
	s.policy = retention.Policy{
		Links: clock.Draw(t, "links"), Files: clock.Draw(t, "files"), Daily: count.Draw(t, "daily"), Weekly: count.Draw(t, "weekly"), Monthly: count.Draw(t, "monthly"),
		ExpireNewest: oneOf(5, "expire newest"), Zone: zone(t, rapid.SampledFrom([]string{"UTC", "Asia/Kathmandu", "America/Santiago"}).Draw(t, "zone")),
		MaxRemovals: rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(t, "removals"),
	}
	s.now = now.Add(time.Duration(rapid.IntRange(-1, 20*24).Draw(t, "later")) * time.Hour)
	return s
}

func (s site) decide() []retention.Verdict {
	return s.policy.Decide(s.exports, s.now, s.now).Verdicts
}

// kept returns the exports that stay.
func (s site) kept() []retention.Export {
	var kept []retention.Export
	for i, v := range s.decide() {
		if v.Action == retention.Keep {
			kept = append(kept, s.exports[i])
		}
	}
	return kept
}

func TestR30_WhatAlwaysHolds(t *testing.T) {
	t.Parallel()
	actions := map[retention.Action]int{}
	rapid.Check(t, func(t *rapid.T) {
		s := draw(t)
		verdicts := s.decide()
		require.Len(t, verdicts, len(s.exports))
		removed, newest := 0, -1
		for i, e := range s.exports {
			if e.Good && !e.Manual && !e.Pinned && (newest < 0 || e.At.After(s.exports[newest].At) || e.At.Equal(s.exports[newest].At) && e.ID > s.exports[newest].ID) {
				newest = i
			}
		}
		for i, v := range verdicts {
			e := s.exports[i]
			actions[v.Action]++
			require.NotEmpty(t, v.Reasons, "no reason for %+v", e)
			require.Equal(t, e.ID, v.ID)
			if v.Action == retention.Keep {
				continue
			}
			removed++
			require.False(t, e.Held, "a held export goes")
			require.True(t, e.Good, "an export goes that is not there")
			require.False(t, v.Links, "an export goes that may be downloaded")
			require.False(t, v.Action == retention.Prune && (e.Manual || e.Pinned), "counts take a manual export")
			require.False(t, v.Action == retention.Expire && (s.policy.Files == 0 || s.now.Before(e.FinishedAt.Add(s.policy.Files))), "it expires early")
			require.False(t, i == newest && !s.policy.ExpireNewest, "the newest good run goes")
			require.False(t, i == newest && v.Action == retention.Prune, "the newest good run is pruned")
		}
		if s.policy.MaxRemovals > 0 {
			require.LessOrEqual(t, removed, s.policy.MaxRemovals)
		}
	})
	for _, a := range []retention.Action{retention.Keep, retention.Expire, retention.Prune} {
		require.NotZero(t, actions[a], "there was nothing to %s", a)
	}
}

func TestR30_OnlyGoodOnesMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := draw(t)
		all := s.kept()
		isBad := func(e retention.Export) bool { return !e.Good }
		good := site{exports: slices.DeleteFunc(slices.Clone(s.exports), isBad), policy: s.policy, now: s.now}
		require.ElementsMatch(t, slices.DeleteFunc(all, isBad), good.kept())
	})
}

func TestR30_TwiceIsOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := draw(t)
		s.policy.MaxRemovals = 0
		once := site{exports: s.kept(), policy: s.policy, now: s.now}
		require.Equal(t, once.exports, once.kept(), "a second pass takes more")

		// With a limit it is the same in the end.
		slow := s
		slow.policy.MaxRemovals = 1
		for range len(s.exports) {
			slow.exports = slow.kept()
		}
		require.Equal(t, once.exports, slow.exports)
	})
}

func TestR30_LargerCountsKeepMore(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := draw(t)
		s.policy.MaxRemovals = 0
		if s.policy.Daily+s.policy.Weekly+s.policy.Monthly == 0 {
			s.policy.Weekly = 1 // without counts everything is kept
		}
		larger := s
		*rapid.SampledFrom([]*int{&larger.policy.Daily, &larger.policy.Weekly, &larger.policy.Monthly}).Draw(t, "which") += rapid.IntRange(1, 5).Draw(t, "by")
		require.Subset(t, larger.kept(), s.kept())
	})
}

func TestR30_AnyLeapTakesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := draw(t)
		leap := time.Duration(rapid.IntRange(41, 3650).Draw(t, "days")) * day
		d := s.policy.Decide(s.exports, now.Add(leap+time.Hour), now.Add(time.Hour))
		require.Equal(t, leap, d.Leap)
		for _, v := range d.Verdicts {
			require.Equal(t, retention.Keep, v.Action)
		}
	})
}

// Counts go by what there is, never by what time it is.
func TestR30_CountsDoNotKnowTheTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := draw(t)
		s.policy.Files = 0
		later := s
		later.now = s.now.Add(time.Duration(rapid.IntRange(-1000, 1000).Draw(t, "days")) * day)
		require.Equal(t, s.kept(), later.kept())
	})
}
