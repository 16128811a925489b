package sqlstore_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore"
)

func finishPart(b testing.TB, s *sqlstore.Store, c queue.Claimed, planned []queue.Part) {
	_, err := s.Finish(b.Context(), queue.Finish{
		Tenant: c.Part.Tenant, Job: c.Part.Job, Number: c.Part.Number, Fence: c.Part.Fence, Outcome: queue.Seal,
		Receipt: payload("receipt"), Rows: 1, Bytes: 1, Planned: planned,
	}, nil)
	require.NoError(b, err)
}

func claimOne(b testing.TB, s *sqlstore.Store) queue.Claimed {
	got, err := s.Claim(b.Context(), queue.Claim{Worker: "w", Limit: 1, Lease: time.Hour})
	require.NoError(b, err)
	require.Len(b, got, 1)
	return got[0]
}

// One request: job, two parts, audit and outbox entry.
func BenchmarkRequest(b *testing.B) {
	benchOnEach(b, func(b *testing.B, p place) {
		s := p.open(b, nil)
		for i := 0; b.Loop(); i++ {
			id := strconv.Itoa(i)
			_, _, err := s.Create(b.Context(), draft(id), entriesOf(id))
			require.NoError(b, err)
		}
	})
}

// One part of a job of 10,000: claim, renewal, seal.
func BenchmarkPart(b *testing.B) {
	benchOnEach(b, func(b *testing.B, p place) {
		s := p.open(b, nil)
		left := 0
		for i := 0; b.Loop(); i++ {
			if left == 0 {
				b.StopTimer()
				_, _, err := s.Create(b.Context(), draft(strconv.Itoa(i)), nil)
				require.NoError(b, err)
				finishPart(b, s, claimOne(b, s), planned(10_000))
				left = 10_000
				b.StartTimer()
			}
			c := claimOne(b, s)
			l := queue.Lease{Tenant: c.Part.Tenant, Job: c.Part.Job, Number: c.Part.Number, Fence: c.Part.Fence}
			_, err := s.Renew(b.Context(), queue.Renew{Leases: []queue.Lease{l}, Lease: time.Hour})
			require.NoError(b, err)
			finishPart(b, s, c, nil)
			left--
		}
	})
}

// Planning a job of 10,000 parts.
func BenchmarkPlan(b *testing.B) {
	benchOnEach(b, func(b *testing.B, p place) {
		s := p.open(b, nil)
		parts := planned(10_000)
		for i := 0; b.Loop(); i++ {
			id := strconv.Itoa(i)
			_, _, err := s.Create(b.Context(), draft(id), nil)
			require.NoError(b, err)
			finishPart(b, s, claimOne(b, s), parts)
			_, err = s.Update(context.Background(), queue.Update{Tenant: "acme", Job: id, Event: queue.Cancel}, nil)
			require.NoError(b, err)
		}
	})
}

// Looking at a job with 10,000 parts of which some are leased.
func BenchmarkGet(b *testing.B) {
	benchOnEach(b, func(b *testing.B, p place) {
		s := p.open(b, nil)
		base(b, s, false)
		for b.Loop() {
			_, err := s.Get(b.Context(), "acme", "base")
			require.NoError(b, err)
		}
	})
}
