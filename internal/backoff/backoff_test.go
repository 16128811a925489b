package backoff_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/exportyard/exportyard/internal/backoff"
)

func seeded() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func TestR10_DelaysAreUniformUpToTheCeiling(t *testing.T) {
	t.Parallel()
	const samples = 10_000
	for _, tt := range []struct {
		name   string
		policy backoff.Policy
		n      int
		want   time.Duration // the ceiling
	}{
		{"the first retry", backoff.Policy{Base: time.Second, Cap: time.Minute}, 1, time.Second},
		{"the second", backoff.Policy{Base: time.Second, Cap: time.Minute}, 2, 2 * time.Second},
		{"the sixth", backoff.Policy{Base: time.Second, Cap: time.Minute}, 6, 32 * time.Second},
		{"capped", backoff.Policy{Base: time.Second, Cap: time.Minute}, 7, time.Minute},
		{"long capped", backoff.Policy{Base: time.Second, Cap: time.Minute}, 1_000_000, time.Minute},
		{"where doubling overflows", backoff.Policy{Base: time.Second, Cap: time.Minute}, 62, time.Minute},
		{"where doubling wraps to a small number", backoff.Policy{Base: 3 << 40, Cap: time.Hour}, 25, time.Hour},
		{"a base above the cap", backoff.Policy{Base: time.Hour, Cap: time.Minute}, 1, time.Minute},
		{"as good as no cap", backoff.Policy{Base: time.Second, Cap: math.MaxInt64}, 100, math.MaxInt64},
		{"no retry yet counts as the first", backoff.Policy{Base: time.Second, Cap: time.Minute}, 0, time.Second},
		{"nor a negative number", backoff.Policy{Base: time.Second, Cap: time.Minute}, math.MinInt, time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rnd, sum, quarters := seeded(), 0.0, [4]int{}
			least, most := tt.want, time.Duration(0)
			for range samples {
				d := with(tt.policy, rnd).Delay(tt.n)
				least, most = min(least, d), max(most, d)
				share := float64(d) / float64(tt.want)
				sum += share
				quarters[max(min(int(share*4), 3), 0)]++
			}
			require.GreaterOrEqual(t, least, time.Duration(0))
			require.LessOrEqual(t, most, tt.want)
			require.InEpsilon(t, 0.5, sum/samples, 0.05, "the mean")
			for _, n := range quarters {
				require.InEpsilon(t, samples/4, n, 0.1, "the delays are not spread evenly: %v", quarters)
			}
		})
	}
}

func TestR10_BothEndsAreReached(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	rnd := seeded()
	for range 1000 {
		seen[with(backoff.Policy{Base: 2, Cap: time.Second}, rnd).Delay(1)] = true
	}
	require.Equal(t, map[time.Duration]bool{0: true, 1: true, 2: true}, seen)
}

func TestR10_NoDelayOutsideOfThePolicy(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := backoff.Policy{Base: time.Duration(rapid.Int64().Draw(t, "base")), Cap: time.Duration(rapid.Int64().Draw(t, "cap"))}
		n := rapid.OneOf(rapid.IntRange(-1, 70), rapid.Int()).Draw(t, "n")
		d := with(p, rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))).Delay(n)
		require.GreaterOrEqual(t, d, time.Duration(0))
		require.LessOrEqual(t, d, max(p.Cap, 0))
		if times := math.Pow(2, float64(max(n, 1)-1)); p.Base > 0 {
			require.LessOrEqual(t, float64(d), float64(p.Base)*times)
		} else {
			require.Zero(t, d)
		}
	})
}

func TestR10_TheSharedSourceDiffers(t *testing.T) {
	t.Parallel()
	p := backoff.Policy{Base: time.Hour, Cap: time.Hour}
	seen := map[time.Duration]bool{}
	for range 100 {
		seen[p.Delay(1)] = true
	}
	require.Greater(t, len(seen), 90, "those who failed together come back together")
}

func TestR10_TheSameSourceGivesTheSameDelays(t *testing.T) {
	t.Parallel()
	p := backoff.Policy{Base: time.Second, Cap: time.Minute}
	a, b := seeded(), seeded()
	for n := range 100 {
		require.Equal(t, with(p, a).Delay(n), with(p, b).Delay(n))
	}
}

func with(p backoff.Policy, rnd *rand.Rand) backoff.Policy {
	p.Uint64N = rnd.Uint64N
	return p
}
