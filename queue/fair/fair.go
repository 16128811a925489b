package fair

import (
	"time"

	"github.com/exportyard/exportyard/queue"
)

// An Offer is a job with some of its parts that a worker might claim, in
// ascending order of their numbers.
type Offer struct {
	Job   queue.Job
	Parts []queue.Part
}

// InFlight counts the leased parts before a claim.
type InFlight struct {
	// Tenants counts those of each tenant that offers something; it is needed for
	// [queue.Claim.PerTenant].
	Tenants map[string]int
	// All counts those of all tenants; it is needed for [queue.Claim.InAll].
	All int
}

// Hands returns how many parts a claim may get under the limit for all.
func Hands(c queue.Claim, all int) int { return room(c.Limit, c.InAll, all) }

// Depth returns how many parts each of so many tenants has to offer to a claim for so
// many hands: the others give at least one each. A tenant offers that many of its jobs in
// turn, and each job that many of its parts, as far as there are any.
func Depth(hands, tenants int) int { return max(1, hands-tenants+1) }

// Pick chooses what a claim gets and leases it. The offers come in the order of turns: the
// jobs of a tenant as they take turns, and the tenants as their first job comes.
func Pick(c queue.Claim, offers []Offer, before InFlight, now time.Time) []queue.Claimed {
	hands := Hands(c, before.All)
	if hands == 0 {
		return nil
	}
	if c.Alone {
		if one, ok := suspect(c, offers, before, now); ok {
			return []queue.Claimed{one}
		}
	}
	var tenants []string
	jobs := map[string][][]queue.Claimed{}
	for _, o := range offers {
		t := o.Job.Tenant
		if jobs[t] == nil {
			tenants = append(tenants, t)
		}
		jobs[t] = append(jobs[t], leased(c, o, now))
	}
	turns := make([][]queue.Claimed, len(tenants))
	for i, t := range tenants {
		turns[i] = queue.TakeTurns(room(hands, c.PerTenant, before.Tenants[t]), jobs[t]...)
	}
	return queue.TakeTurns(hands, turns...)
}

// room returns how many of the wanted parts may come to those that are in flight, under a
// limit; 0 for none.
func room(want, limit, inFlight int) int {
	if limit > 0 {
		want = min(want, limit-inFlight)
	}
	return max(want, 0)
}

func suspect(c queue.Claim, offers []Offer, before InFlight, now time.Time) (queue.Claimed, bool) {
	for _, o := range offers {
		for _, p := range o.Parts {
			if p.Suspect && queue.Claimable(o.Job, p, true, now) && room(1, c.PerTenant, before.Tenants[o.Job.Tenant]) > 0 {
				return lease(c, o.Job, p, now), true
			}
		}
	}
	return queue.Claimed{}, false
}

// leased returns the claimable parts of an offer, but for suspects, as they are when they
// are claimed.
func leased(c queue.Claim, o Offer, now time.Time) []queue.Claimed {
	var parts []queue.Claimed
	for _, p := range o.Parts {
		if queue.Claimable(o.Job, p, false, now) {
			parts = append(parts, lease(c, o.Job, p, now))
		}
	}
	return parts
}

func lease(c queue.Claim, j queue.Job, p queue.Part, now time.Time) queue.Claimed {
	// A claimable part is ready, so this is no error.
	p, _ = p.Claim(c.Worker, c.Alone, now, c.Lease)
	return queue.Claimed{Job: j.Started(now), Part: p}
}
