package probe_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/place"
	"github.com/exportyard/exportyard/internal/probe"
	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/sink/memsink"
)

func newProver() *probe.Prover {
	return probe.New(probe.Config{
		Keys: "{tenant}/{job}", Every: time.Minute, Now: time.Now, NewID: func() string { return place.NewID(time.Now()) },
	})
}

// B12: a destination is proved once for all who ask, and anew after a while; what probes
// leave is removed.
func TestB12_ProvesOnceForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProver()
		s, err := memsink.New(nil)
		require.NoError(t, err)
		s.Put("acme/probes/old.txt", []byte("of a probe that was killed"))
		s.Put("acme/probes0/file", []byte("somebody's"))
		var asked atomic.Int64
		resolve := func(context.Context) (sink.Sink, error) {
			asked.Add(1)
			<-time.After(time.Second) // so that all wait for the first
			return s, nil
		}
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { require.NoError(t, p.Prove(t.Context(), "d", "acme", resolve)) })
		}
		all.Wait()
		require.EqualValues(t, 1, asked.Load())
		require.Equal(t, []string{"acme/probes0/file"}, s.Keys())
		<-time.After(time.Minute)
		require.NoError(t, p.Prove(t.Context(), "d", "acme", resolve))
		require.EqualValues(t, 2, asked.Load())
		proved, failed := p.Tried()
		require.Equal(t, []int{1, 0}, []int{proved, failed})
	})
}

// A proof that failed counts for nobody who asks later, and nobody waits longer than
// they want to.
func TestB12_Fails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newProver()
		gone := errors.New("no such bucket")
		for range 2 {
			require.ErrorIs(t, p.Prove(t.Context(), "d", "acme", func(context.Context) (sink.Sink, error) { return nil, gone }), gone)
		}
		proved, failed := p.Tried()
		require.Equal(t, []int{0, 1}, []int{proved, failed})

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		hang := func(ctx context.Context) (sink.Sink, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		require.ErrorIs(t, p.Prove(ctx, "slow", "acme", hang), context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(begun))
		synctest.Wait()
		<-time.After(90 * time.Second) // the proof itself ends too
		proved, failed = p.Tried()
		require.Equal(t, []int{0, 1}, []int{proved, failed}, "the first failure is forgotten by now")
	})
}
