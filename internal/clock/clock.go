// Package clock says whether a time is to be believed when files are to go by it: a
// clock that was set years ahead must not take everything with it.
package clock

import "time"

// MaxLeap is how far a clock may lie ahead of what is known.
const MaxLeap = 40 * 24 * time.Hour

// A Guard watches the store's clock. It is safe for concurrent use.
type Guard struct {
	began time.Time // with the monotonic reading of this process
	host  time.Time // what the host's clock said then
}

// NewGuard returns a guard that begins at the host's time.
func NewGuard(host time.Time) *Guard { return &Guard{began: time.Now(), host: host} }

// Leap returns how far the store's time lies ahead of the host's, or of what the host's
// would be by the time that has passed for this process since the guard began, if that
// is farther than MaxLeap; else 0. A clock that leapt while the process ran is not
// believed any more until it is set back, or the process starts anew: then somebody has
// seen to it.
func (g *Guard) Leap(store, host time.Time) time.Duration {
	ahead := max(store.Sub(host), store.Sub(g.host)-time.Since(g.began))
	if ahead <= MaxLeap {
		return 0
	}
	return ahead
}
