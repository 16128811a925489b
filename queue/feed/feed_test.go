package feed_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/feed"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestSettle(t *testing.T) {
	t.Parallel()
	claimed := feed.Claim{Lease: time.Minute}.Claim(feed.Feed{Tenant: "acme", Taken: 3, Attempt: 4, DueAt: noon}, noon)
	require.Equal(t, feed.Feed{Tenant: "acme", Taken: 3, Attempt: 5, DueAt: noon.Add(time.Minute)}, claimed)
	again := feed.Claim{Lease: time.Minute}.Claim(claimed, noon.Add(time.Hour))
	require.Equal(t, int64(7), again.Attempt)
	tests := []struct {
		name   string
		settle feed.Settle
		want   feed.Feed
		err    error
	}{
		{"all taken", feed.Settle{Attempt: 5, Taken: 9}, feed.Feed{Tenant: "acme", Taken: 9, Attempt: 6}, nil},
		{"some taken", feed.Settle{Attempt: 5, Taken: 7}, feed.Feed{Tenant: "acme", Taken: 7, Attempt: 6, DueAt: noon}, nil},
		{"none taken", feed.Settle{Attempt: 5, Taken: 3, Delay: time.Second}, feed.Feed{Tenant: "acme", Taken: 3, Attempt: 6, DueAt: noon.Add(time.Second)}, nil},
		{"too late", feed.Settle{Attempt: 3, Taken: 9}, claimed, queue.ErrFenced},
		{"never claimed", feed.Settle{Attempt: 6, Taken: 9}, claimed, queue.ErrFenced},
		{"given back", feed.Settle{Attempt: 5, Taken: 2}, claimed, queue.ErrBadTransition},
		{"not there yet", feed.Settle{Attempt: 5, Taken: 10}, claimed, queue.ErrBadTransition},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.settle.Apply(claimed, 9, noon)
			require.ErrorIs(t, err, tt.err)
			require.Equal(t, tt.want, got)
		})
	}
}

// Whatever happens in whatever order, each entry is taken in its turn, a feed is due as
// long as there is one to take, and only the last claim counts.
func TestEveryEntryInItsTurn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var f feed.Feed
		var claims []feed.Feed
		last, taken, now := int64(0), int64(0), noon
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "seconds")) * time.Second)
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				last++
				f = f.Appended(now)
			case 1:
				if f.Claimable(now) {
					f = feed.Claim{Lease: time.Minute}.Claim(f, now)
					claims = append(claims, f)
				}
			default:
				if len(claims) == 0 {
					continue
				}
				c := claims[rapid.IntRange(0, len(claims)-1).Draw(t, "claim")]
				s := feed.Settle{Attempt: c.Attempt, Taken: rapid.Int64Range(c.Taken, last).Draw(t, "taken"), Delay: time.Second}
				after, err := s.Apply(f, last, now)
				require.Equal(t, c.Attempt == f.Attempt, err == nil)
				if f = after; err == nil {
					require.GreaterOrEqual(t, s.Taken, taken)
					taken = s.Taken
				}
			}
			require.Equal(t, taken, f.Taken)
			require.Equal(t, taken < last, !f.DueAt.IsZero())
		}
	})
}
