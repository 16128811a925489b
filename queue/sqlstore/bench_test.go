package sqlstore_test

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
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
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
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

// Parts of jobs of 10,000, done by two workers with 50 hands each: one claim for all
// hands, one renewal, and each hand seals its own.
func BenchmarkWorkers(b *testing.B) {
	benchOnEach(b, func(b *testing.B, p place) {
		s := p.open(b, nil)
		for i := 0; i*10_000 < b.N; i++ {
			_, _, err := s.Create(b.Context(), draft(strconv.Itoa(i)), nil)
			require.NoError(b, err)
			finishPart(b, s, claimOne(b, s), planned(10_000))
		}
		var left atomic.Int64
		left.Store(int64(b.N))
		b.ResetTimer()
		var workers sync.WaitGroup
		for range 2 {
			workers.Go(func() { workThrough(b, s, &left) })
		}
		workers.Wait()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "parts/s")
	})
}

// workThrough works until no part is left.
func workThrough(b testing.TB, s *sqlstore.Store, left *atomic.Int64) {
	for left.Load() > 0 {
		claimed, err := s.Claim(b.Context(), queue.Claim{Worker: "w", Limit: 50, Lease: time.Hour})
		if err != nil {
			b.Error(err)
			return
		}
		leases := make([]queue.Lease, len(claimed))
		for i, c := range claimed {
			leases[i] = queue.Lease{Tenant: c.Part.Tenant, Job: c.Part.Job, Number: c.Part.Number, Fence: c.Part.Fence}
		}
		if _, err := s.Renew(b.Context(), queue.Renew{Leases: leases, Lease: time.Hour}); err != nil {
			b.Error(err)
			return
		}
		var hands sync.WaitGroup
		for _, c := range claimed {
			hands.Go(func() { finishPart(b, s, c, nil) })
		}
		hands.Wait()
		left.Add(-int64(len(claimed)))
	}
}

// Requests of ten hosts' goroutines at the same time, each of a tenant of its own.
func BenchmarkRequests(b *testing.B) {
	benchOnEach(b, func(b *testing.B, p place) {
		s := p.open(b, nil)
		var ids atomic.Int64
		b.SetParallelism(5)
		b.RunParallel(func(pb *testing.PB) {
			tenant := strconv.FormatInt(ids.Add(1), 10)
			for pb.Next() {
				n := draft(strconv.FormatInt(ids.Add(1), 10))
				n.Tenant = tenant
				entries := entriesOf(n.ID)
				for i := range entries {
					entries[i].Tenant = tenant
				}
				if _, _, err := s.Create(b.Context(), n, entries); err != nil {
					b.Error(err)
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	})
}
