package s3_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/internal/e2e/faults"
	"github.com/exportyard/exportyard/source"
)

// pace is how long a slow answer takes for a KiB: a second at a release's size.
func pace() time.Duration {
	if full() {
		return time.Second
	}
	return 10 * time.Millisecond
}

// R26: whatever befalls one or five percent of the requests to the store, an export
// completes with every row; of twenty it may fail, and is never wrong.
func TestR26_FaultsOfSomePercent(t *testing.T) {
	t.Parallel()
	seeds := 1
	if full() {
		seeds = 20
	}
	for _, fault := range faults.All {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			for _, percent := range []int{1, 5, 20} {
				for seed := range seeds {
					y := newYard(t, rows(t, 600, 40), 3, func(c *export.Config) { c.PartRows = 25 })
					y.proxy.Pace, y.proxy.Choose = pace(), faults.Seldom(uint64(seed), percent, fault)
					stop := y.start()
					j := y.export()
					stop()
					t.Logf("%d percent, seed %d: %s, %v", percent, seed, j.State, y)
					_, broken := y.proxy.Requests()
					require.Positive(t, broken)
					if percent <= 5 {
						require.Equal(t, export.Completed, j.State, "%v", j.Error)
					}
					y.ended(j)
				}
			}
		})
	}
}

// R26: whichever single request is broken, and however, of a client that tries
// none twice, the export completes with every row.
func TestR26_FailTheIthRequest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		src  func(t *testing.T) source.Source
		pace time.Duration
	}{
		{"small parts, joined", func(t *testing.T) source.Source { return rows(t, 200, 40) }, pace()},
		{"an upload in parts", func(t *testing.T) source.Source { return noise(t, 17<<20) }, 10 * time.Microsecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			src := tt.src(t)
			die := func(t *testing.T, i int64, fault faults.Fault) (all int64) {
				y := newYard(t, src, 1, func(c *export.Config) { c.Parts, c.Workers = 1, 1 })
				y.proxy.Pace, y.proxy.Choose = tt.pace, faults.Exactly(i, fault)
				stop := y.start()
				j := y.export()
				stop()
				require.Equal(t, export.Completed, j.State, "%v", j.Error)
				all, _ = y.proxy.Requests()
				y.ended(j)
				return all
			}
			requests := die(t, 0, faults.None)
			t.Logf("%d requests", requests)
			require.Greater(t, requests, int64(20))
			for i := int64(1); i <= requests; i++ {
				for k, fault := range faults.All {
					if !full() && (i+int64(k))%int64(len(faults.All)) > 0 {
						continue // at a release's size each fault meets each request
					}
					t.Run(fmt.Sprint(i, " ", fault), func(t *testing.T) {
						t.Parallel()
						die(t, i, fault)
					})
				}
			}
		})
	}
}

// R26: a store that answers nobody: what the requester is told, and what a job
// that was accepted before says in the end.
func TestR26_StoreOutOfOrder(t *testing.T) {
	t.Parallel()
	for _, fault := range []faults.Fault{faults.Unavailable, faults.SlowDown, faults.Timeout, faults.Reset, faults.Truncated} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			y := newYard(t, rows(t, 600, 40), 2, nil)
			j, err := y.engine.Request(y.ctx, everything)
			require.NoError(t, err)
			y.proxy.Choose = faults.Seldom(0, 100, fault)
			other := everything
			other.Tenant = "globex"
			_, err = y.engine.Request(y.ctx, other)
			var refused *export.Error
			require.ErrorAs(t, err, &refused)
			require.Equal(t, export.CodeDestinationUnverified, refused.Code)
			require.True(t, refused.Has(export.CodeDestinationUnreachable), "%v", refused)
			require.True(t, refused.Retryable)
			require.Equal(t, "try again; if it stays, look at the destination", refused.Hint)

			stop := y.start()
			for now, err := range y.direct.Watch(y.ctx, j.Tenant, j.ID, 5*time.Millisecond) {
				require.NoError(t, err)
				j = now
			}
			stop()
			require.Equal(t, export.Failed, j.State)
			require.Equal(t, export.CodeDestinationUnreachable, j.Error.Code)
			require.True(t, j.Error.Retryable)
			require.Equal(t, "try again; if it stays, look at the destination", j.Error.Hint)
			y.proxy.Choose = faults.Exactly(0, faults.None)
			y.ended(j)

			// The tenant's slot is free, and once the store is back all is well.
			stop = y.start()
			j = y.export()
			stop()
			require.Equal(t, export.Completed, j.State, "%v", j.Error)
			y.ended(j)
		})
	}
}
