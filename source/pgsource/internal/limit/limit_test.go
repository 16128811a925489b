package limit_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/source/pgsource/internal/limit"
)

// Readers together take no more than the rate, and what nobody took is not saved up.
func TestD12_ReadRate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		rows, bytes int64
		want        time.Duration // for 4 readers who take 10 times 50 rows of 2000 bytes
	}{
		{name: "rows", rows: 1000, want: 2 * time.Second},
		{name: "bytes", bytes: 1000, want: 80 * time.Second},
		{name: "the slower of both", rows: 100, bytes: 1 << 30, want: 20 * time.Second},
		{name: "none", want: 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := limit.New(tt.rows, tt.bytes)
				require.NoError(t, l.Wait(t.Context(), 0, 0))
				<-time.After(time.Hour) // idle
				begin := time.Now()
				var readers sync.WaitGroup
				for range 4 {
					readers.Go(func() {
						for range 10 {
							if err := l.Wait(t.Context(), 50, 2000); err != nil {
								panic(err)
							}
						}
					})
				}
				readers.Wait()
				require.Equal(t, tt.want, time.Since(begin).Round(time.Millisecond))
			})
		})
	}
}

func TestD12_ReadRateEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		require.ErrorIs(t, limit.New(1, 0).Wait(ctx, 3600, 0), context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(begin))
	})
}
