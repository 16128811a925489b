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
	// Uint64N returns a random number in [0, n). It is called by several
	// goroutines at once. nil means that of math/rand/v2.
	Uint64N func(n uint64) uint64
}

// Delay returns the delay before retry n; none without a positive base and cap.
func (p Policy) Delay(n int) time.Duration {
	ceiling := p.Cap
	if n = max(n, 1); n < 63 {
		if d := p.Base << (n - 1); d>>(n-1) == p.Base && d < ceiling {
			ceiling = d
		}
	}
	if min(p.Base, ceiling) <= 0 {
		return 0
	}
	random := p.Uint64N
	if random == nil {
		random = rand.Uint64N
	}
	return time.Duration(random(uint64(ceiling) + 1))
}
