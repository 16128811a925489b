package export_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/exportyard/exportyard/export"
)

// R29: whatever lies in the folders of jobs that are active or have ended, at
// whatever time of the engine's own clock, a sweep
// removes only what no manifest names, and never anything of an active job or
// of a folder that is not an export's; what is late is removed by a later one.
func TestR29_SweepSparesWhatCounts(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	rapid.Check(t, func(rt *rapid.T) {
		skew := time.Duration(rapid.IntRange(-3600, 3600).Draw(rt, "skew")) * time.Second
		h := newHouse(t, func(c *export.Config) {
			now := c.Now
			c.Now = func() time.Time { return now().Add(skew) } // the store's clock is another
			c.PartRows = 100
		})
		stop := h.start()
		var wanted []string
		for i := range rapid.IntRange(1, 3).Draw(rt, "completed") {
			_, m := h.completed(export.Request{Tenant: "acme", Kind: fmt.Sprint(i), All: true, Format: "csv"})
			wanted = append(wanted, keysOf(m)...)
		}
		stop()
		active, err := h.Request(ctx, export.Request{Tenant: "acme", Kind: "active", All: true, Format: "csv"})
		require.NoError(t, err)
		canceled, err := h.Request(ctx, export.Request{Tenant: "acme", Kind: "canceled", All: true, Format: "csv"})
		require.NoError(t, err)
		_, err = h.Cancel(ctx, "acme", canceled.ID, "ann")
		require.NoError(t, err)

		garbage := func() {
			jobs, _, err := h.List(ctx, "acme", nil)
			require.NoError(t, err)
			for _, j := range jobs {
				if j.Progress.Parts == 2 && j.State != export.Pending {
					continue // it ended before it was planned: no worker wrote
				}
				for range rapid.IntRange(0, 3).Draw(rt, "stray") {
					key := fmt.Sprintf("acme/%s/runs.%d.%d.csv", j.ID, rapid.IntRange(1, 9).Draw(rt, "part"), rapid.IntRange(50, 99).Draw(rt, "fence"))
					h.sink.Put(key, []byte("stray"))
				}
			}
		}
		garbage()
		h.sink.Put("acme/backup.csv", []byte("not ours"))
		h.sink.Put("acme/"+active.ID+"0/runs.1.1.csv", []byte("a folder with a longer name"))
		wanted = append(wanted, "acme/backup.csv", "acme/"+active.ID+"0/runs.1.1.csv")
		check := func() {
			require.NoError(t, h.Sweep(ctx))
			keys := h.sink.Keys()
			for _, key := range wanted {
				require.Contains(t, keys, key)
			}
		}
		check()
		garbage()
		h.clock.Advance(time.Duration(rapid.IntRange(0, 90).Draw(rt, "minutes")) * time.Minute)
		check()
		h.clock.Advance(2 * time.Hour)
		check()
		left := slices.DeleteFunc(h.sink.Keys(), func(key string) bool {
			return slices.Contains(wanted, key) || len(key) > len("acme/"+active.ID) && key[:len("acme/"+active.ID)+1] == "acme/"+active.ID+"/"
		})
		require.Empty(t, left, "in the end only what counts and the active job's own are left")
	})
}
