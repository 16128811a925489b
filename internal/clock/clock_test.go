package clock_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/clock"
)

// R30: a clock that is set years ahead is not believed, whosever it is.
func TestR30_Leaps(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * time.Hour
	tests := []struct {
		name        string
		passes      time.Duration // for the process
		store, host time.Duration // by their clocks
		leaps       bool
	}{
		{"all agree", year, year, year, false},
		{"a host that is an hour behind", 24 * time.Hour, 24 * time.Hour, 23 * time.Hour, false},
		{"a store that was set ahead", time.Minute, 10 * year, time.Minute, true},
		{"a machine that was set ahead, store and all", time.Minute, 10 * year, 10 * year, true},
		{"a clock that was set back", time.Minute, -year, -year, false},
		{"as far as is believed", time.Minute, clock.MaxLeap, 0, false},
		{"a second more", time.Minute, clock.MaxLeap + time.Second, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				g := clock.NewGuard(began)
				require.Zero(t, g.Leap(began, began))
				<-time.After(tt.passes)
				require.Equal(t, tt.leaps, g.Leap(began.Add(tt.store), began.Add(tt.host)) > 0)
				require.Zero(t, g.Leap(began.Add(tt.passes), began.Add(tt.passes)), "it was set right")
			})
		})
	}
}
