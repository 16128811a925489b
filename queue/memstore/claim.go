package memstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/fair"
	"github.com/exportyard/exportyard/queue/memstore/internal/row"
)

// Claim leases parts to a worker.
func (s *Store) Claim(ctx context.Context, c queue.Claim) ([]queue.Claimed, error) {
	now, err := s.latch.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer s.latch.End()
	offers, before := s.offers(c, now)
	claimed := fair.Pick(c, offers, before, now)
	for i, got := range claimed {
		r := s.jobs[got.Job.ID]
		r.Set(got.Job)
		r.SetPart(got.Part)
		s.claims++
		r.Claimed, s.turns[got.Job.Tenant] = s.claims, s.claims
		r.ClaimedAt = now
		claimed[i] = queue.Claimed{Job: r.Read(now), Part: row.ClonePart(got.Part)}
	}
	return claimed, nil
}

// offers returns what the worker may claim, in the order of turns, and what is in flight.
func (s *Store) offers(c queue.Claim, now time.Time) ([]fair.Offer, fair.InFlight) {
	before := fair.InFlight{Tenants: make(map[string]int)}
	rotation := make([]*row.Job, 0, len(s.active))
	for _, r := range s.active {
		rotation = append(rotation, r)
		before.Tenants[r.Job.Tenant] += r.Leased
		before.All += r.Leased
	}
	slices.SortFunc(rotation, func(a, b *row.Job) int {
		return cmp.Or(
			cmp.Compare(s.turns[a.Job.Tenant], s.turns[b.Job.Tenant]), cmp.Compare(a.Job.Tenant, b.Job.Tenant),
			cmp.Compare(a.Claimed, b.Claimed), cmp.Compare(a.Ord, b.Ord),
		)
	})
	var offers []fair.Offer
	for _, r := range rotation {
		if parts := r.Claimable(c.Limit, c.Alone, now); len(parts) > 0 {
			offers = append(offers, fair.Offer{Job: r.Job, Parts: parts})
		}
	}
	return offers, before
}

// Renew prolongs leases and stores progress.
func (s *Store) Renew(ctx context.Context, q queue.Renew) ([]queue.Renewed, error) {
	now, err := s.latch.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer s.latch.End()
	answers := make([]queue.Renewed, len(q.Leases))
	for i, l := range q.Leases {
		answers[i] = s.renew(l, now, q.Lease)
	}
	return answers, nil
}

func (s *Store) renew(l queue.Lease, now time.Time, lease time.Duration) queue.Renewed {
	r, err := s.find(l.Tenant, l.Job)
	if err != nil {
		return queue.Renewed{Lost: true}
	}
	p := r.Part(l.Number)
	if p == nil || !r.Job.State.Active() {
		return queue.Renewed{Lost: true, JobState: r.Job.State}
	}
	renewed, err := p.Renew(l, now, lease)
	if err != nil {
		return queue.Renewed{Lost: true, JobState: r.Job.State}
	}
	r.SetPart(renewed)
	return queue.Renewed{JobState: r.Job.State}
}
