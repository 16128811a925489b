package export_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore"
)

// A newerStore shows, as long as it is told to, payloads as a newer version of the engine
// writes them, and notes what becomes of the parts.
type newerStore struct {
	*memstore.Store
	newer    atomic.Bool
	lift     func(*queue.Job, *queue.Part)
	released atomic.Int64
	others   atomic.Int64 // with newer payloads, all that is no release with a delay
}

func (s *newerStore) Claim(ctx context.Context, c queue.Claim) ([]queue.Claimed, error) {
	got, err := s.Store.Claim(ctx, c)
	for i := range got {
		if s.newer.Load() {
			s.lift(&got[i].Job, &got[i].Part)
		}
	}
	return got, err
}

func (s *newerStore) Parts(ctx context.Context, tenant, job string, after, limit int) ([]queue.Part, error) {
	parts, err := s.Store.Parts(ctx, tenant, job, after, limit)
	for i := range parts {
		if s.newer.Load() {
			s.lift(&queue.Job{}, &parts[i])
		}
	}
	return parts, err
}

func (s *newerStore) Finish(ctx context.Context, f queue.Finish, entries []queue.Entry) (queue.Job, error) {
	j, err := s.Store.Finish(ctx, f, entries)
	switch {
	case f.Outcome == queue.Release && f.Delay > 0:
		s.released.Add(1)
	case s.newer.Load() && f.Outcome != queue.Seal:
		s.others.Add(1)
	}
	return j, err
}

// Work of a newer version is put back without a count, so that newer workers may do it,
// and whoever can read it completes it.
func TestNewerPayloadsAreLeftAlone(t *testing.T) {
	t.Parallel()
	const newer = 1 << 20
	for _, tt := range []struct {
		name string
		lift func(*queue.Job, *queue.Part)
	}{
		{"request", func(j *queue.Job, _ *queue.Part) { j.Request.Version = newer }},
		{"plan", func(_ *queue.Job, p *queue.Part) {
			if p.Kind == queue.PlanPart {
				p.Receipt.Version = newer
			}
		}},
		{"rows part", func(_ *queue.Job, p *queue.Part) {
			if p.Kind == queue.RowsPart {
				p.Payload.Version = newer
			}
		}},
		{"receipt of a rows part", func(_ *queue.Job, p *queue.Part) {
			if p.Kind == queue.RowsPart {
				p.Receipt.Version = newer
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			store := &newerStore{lift: tt.lift}
			h := newHouse(t, func(c *export.Config) {
				store.Store = c.Store.(*memstore.Store)
				c.Store = store
			})
			store.newer.Store(true)
			h.start()
			j, err := h.Request(t.Context(), export.Request{Tenant: "acme", All: true, Format: "csv"})
			require.NoError(t, err)
			require.Eventually(t, func() bool { return store.released.Load() > 0 }, 10*time.Second, time.Millisecond)
			store.newer.Store(false)
			j = h.waitOut(j) // what was put back comes again after a minute
			require.Equal(t, export.Completed, j.State, "%v", j.Error)
			require.Zero(t, store.others.Load(), "a part was not put back")
			parts, err := store.Store.Parts(t.Context(), "acme", j.ID, -1, 100)
			require.NoError(t, err)
			for _, p := range parts {
				require.Zero(t, p.Failures, "an error was counted")
				require.False(t, p.Suspect)
			}
			_, err = h.Verify(t.Context(), "acme", j.ID)
			require.NoError(t, err)
		})
	}
}
