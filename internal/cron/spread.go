package cron

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"time"
)

// Spread returns when a tick is due for one of many schedules that share it: up to
// window later, so that they do not all start at once. A schedule of a tenant gets the
// same share of the window each time, and tenants are spread evenly over it. It is
// always before the tick that follows.
func (t Timetable) Spread(tick time.Time, window time.Duration, tenant, schedule string) time.Time {
	if window <= 0 {
		return tick
	}
	if following, ok := t.Next(tick); ok {
		window = min(window, following.Sub(tick))
	}
	return tick.Add(share(window, tenant, schedule).Truncate(time.Microsecond))
}

// share returns the part of the window that is before the schedule's place in it.
func share(window time.Duration, tenant, schedule string) time.Duration {
	key := binary.AppendUvarint(nil, uint64(len(tenant))) // so that no two pairs are one text
	key = append(append(key, tenant...), schedule...)
	sum := sha256.Sum256(key)
	place, _ := bits.Mul64(uint64(window), binary.BigEndian.Uint64(sum[:]))
	return time.Duration(place)
}
