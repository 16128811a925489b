package rest_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export/notify/internal/rest"
)

func TestRest(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	l := rest.New(time.Minute, func() time.Time { return now })
	require.Zero(t, l.Wait("a"))
	l.Note("a", true)
	require.Equal(t, time.Minute, l.Wait("a"))
	require.Zero(t, l.Wait("b"))
	now = now.Add(time.Minute)

	// When its rest is over, one of many tries it.
	var through atomic.Int64
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if l.Wait("a") == 0 {
				through.Add(1)
			}
		})
	}
	all.Wait()
	require.Equal(t, int64(1), through.Load())
	l.Note("a", false)
	require.Zero(t, l.Wait("a"))

	// However many fail, not all of them are remembered.
	for i := range 30_000 {
		l.Note(fmt.Sprint(i), true)
	}
	resting := 0
	for i := range 30_000 {
		if l.Wait(fmt.Sprint(i)) > 0 {
			resting++
		}
	}
	require.LessOrEqual(t, resting, 10_000)
	require.Positive(t, resting)

	never := rest.New(-1, func() time.Time { return now })
	never.Note("a", true)
	require.Zero(t, never.Wait("a"))
}
