package queue

import "time"

// An Offer is a job with some of its parts that a worker might claim, in
// ascending order of their numbers.
type Offer struct {
	Job   Job
	Parts []Part
}

// Pick chooses what a claim gets and leases it. The offers come in the order of
// rotation: the job whose last claim is longest ago first. Each job gives one
// part in turn, until Limit is reached. A worker that is alone is given the first
// suspect before anything else, and nothing beside it, since it may be long
// until a process is alone again.
//
// A store offers for every job at least its first Limit claimable parts and, to
// a worker that is alone, the first suspect.
func (c Claim) Pick(offers []Offer, now time.Time) []Claimed {
	if c.Limit < 1 {
		return nil
	}
	if c.Alone {
		if one, ok := c.suspect(offers, now); ok {
			return []Claimed{one}
		}
	}
	var picked []Claimed
	for round := 0; ; round++ {
		given := false
		for i := range offers {
			p, ok := claimable(offers[i], round, now)
			if !ok {
				continue
			}
			given = true
			picked = append(picked, c.lease(offers[i].Job, p, now))
			if len(picked) == c.Limit {
				return picked
			}
		}
		if !given {
			return picked
		}
	}
}

func (c Claim) suspect(offers []Offer, now time.Time) (Claimed, bool) {
	for _, o := range offers {
		for _, p := range o.Parts {
			if p.Suspect && Claimable(o.Job, p, true, now) {
				return c.lease(o.Job, p, now), true
			}
		}
	}
	return Claimed{}, false
}

// claimable returns the offer's claimable part number n, counted from 0.
func claimable(o Offer, n int, now time.Time) (Part, bool) {
	for _, p := range o.Parts {
		if !Claimable(o.Job, p, false, now) {
			continue
		}
		if n == 0 {
			return p, true
		}
		n--
	}
	return Part{}, false
}

func (c Claim) lease(j Job, p Part, now time.Time) Claimed {
	// A claimable part is ready, so this is no error.
	p, _ = p.Claim(c.Worker, c.Alone, now, c.Lease)
	return Claimed{Job: j.Started(now), Part: p}
}
