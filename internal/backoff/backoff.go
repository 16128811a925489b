// Package backoff says how long to wait before something is tried again.
package backoff

import (
	"math/rand/v2"
	"time"
)

// A Policy is exponential with full jitter: before retry n (from 1) the delay
// is uniform in [0, min(Cap, Base·2ⁿ⁻¹)], so that those who failed together
// do not come back together.
type Policy struct {
	Base, Cap time.Duration
}

// Delay returns the delay before retry n; none without a positive base and cap.
// A nil rnd means the shared source.
func (p Policy) Delay(n int, rnd *rand.Rand) time.Duration {
	ceiling := p.Cap
	if n = max(n, 1); n < 63 {
		if d := p.Base << (n - 1); d>>(n-1) == p.Base && d < ceiling {
			ceiling = d
		}
	}
	if min(p.Base, ceiling) <= 0 {
		return 0
	}
	choices := uint64(ceiling) + 1
	if rnd == nil {
		return time.Duration(rand.Uint64N(choices))
	}
	return time.Duration(rnd.Uint64N(choices))
}
