package relay_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/exportyard/exportyard/internal/relay"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/feed"
	"github.com/exportyard/exportyard/queue/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A log is the host's: what each tenant's entries were, in the order in which they came.
type log struct {
	mu    sync.Mutex
	taken map[string][]int64
	// trouble, if not nil, is asked before entries are taken.
	trouble func(entries []queue.Entry) error
}

func (l *log) take(_ context.Context, entries []queue.Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.trouble != nil {
		if err := l.trouble(entries); err != nil {
			return err
		}
	}
	if l.taken == nil {
		l.taken = map[string][]int64{}
	}
	for _, e := range entries {
		l.taken[e.Tenant] = append(l.taken[e.Tenant], e.Seq)
	}
	return nil
}

func (l *log) of(tenant string) []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]int64{}, l.taken[tenant]...)
}

func write(t *testing.T, s *memstore.Store, tenant string, n int) {
	t.Helper()
	before, err := s.Entries(t.Context(), tenant, queue.Audit, 0, 10_000)
	require.NoError(t, err)
	for i := range n {
		e := queue.Entry{ID: fmt.Sprintf("%s-%d", tenant, len(before)+i), Kind: queue.Audit, Tenant: tenant}
		_, err := s.Update(t.Context(), queue.Update{}, []queue.Entry{e})
		require.NoError(t, err)
	}
}

func upTo(n int64) []int64 {
	all := []int64{}
	for i := range n {
		all = append(all, i+1)
	}
	return all
}

// start runs a relay until the test ends or stop is called.
func start(t *testing.T, store feed.Store, take func(context.Context, []queue.Entry) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		(&relay.Relay{Store: store, Take: take, Logger: slog.New(slog.DiscardHandler)}).Run(ctx)
	})
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(stop)
	return stop
}

// pass lets time go by in a bubble, until everything there waits again.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// A16: the host's log has every entry of every tenant and of the platform in order, also
// what comes later, from however many relays.
func TestA16_EveryEntryInOrder(t *testing.T) {
	t.Parallel()
	for _, relays := range []int{1, 3} {
		t.Run(fmt.Sprint(relays), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store, l := memstore.New(nil), &log{}
				write(t, store, "acme", 450)
				write(t, store, "", 2)
				for range relays {
					start(t, store, l.take)
				}
				synctest.Wait()
				require.Equal(t, upTo(450), l.of("acme"))
				require.Equal(t, upTo(2), l.of(""))
				write(t, store, "globex", 1)
				write(t, store, "acme", 3)
				pass(6 * time.Second)
				require.Equal(t, upTo(453), l.of("acme"))
				require.Equal(t, upTo(1), l.of("globex"))
			})
		})
	}
}

// A16: a log that is down, panics or hangs gets everything when it is up again, and one
// tenant's trouble does not keep the others' entries for ever.
func TestA16_LogInTrouble(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	tests := []struct {
		name    string
		trouble func(time.Duration) error
	}{
		{"down for an hour", func(since time.Duration) error {
			if since < time.Hour {
				return down
			}
			return nil
		}},
		{"panics for a minute", func(since time.Duration) error {
			if since < time.Minute {
				panic("down")
			}
			return nil
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begin, calls := time.Now(), 0
				store := memstore.New(nil)
				l := &log{trouble: func([]queue.Entry) error { calls++; return tt.trouble(time.Since(begin)) }}
				write(t, store, "acme", 3)
				write(t, store, "globex", 3)
				start(t, store, l.take)
				pass(3 * time.Hour)
				require.Equal(t, upTo(3), l.of("acme"))
				require.Equal(t, upTo(3), l.of("globex"))
				require.Less(t, calls, 600, "a log that is down is left alone")
			})
		})
	}
	t.Run("one tenant's", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			store := memstore.New(nil)
			l := &log{trouble: func(entries []queue.Entry) error {
				if entries[0].Tenant == "acme" {
					return down
				}
				return nil
			}}
			write(t, store, "acme", 3)
			write(t, store, "globex", 3)
			start(t, store, l.take)
			pass(10 * time.Minute)
			require.Empty(t, l.of("acme"))
			require.Equal(t, upTo(3), l.of("globex"))
		})
	})
}

// A16: a log that never answers is given up after half a minute, and when the engine
// stops, at once; another relay goes on.
func TestA16_LogThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, l := memstore.New(nil), &log{}
		write(t, store, "acme", 3)
		hung := 0
		stop := start(t, store, func(ctx context.Context, _ []queue.Entry) error {
			hung++
			<-ctx.Done()
			return ctx.Err()
		})
		pass(29 * time.Second)
		require.Equal(t, 1, hung)
		begin := time.Now()
		stop()
		require.Zero(t, time.Since(begin))
		start(t, store, l.take)
		pass(time.Minute)
		require.Equal(t, upTo(3), l.of("acme"))
	})
}

// A forgetful store loses that entries were taken.
type forgetful struct {
	*memstore.Store
	lose int
}

func (f *forgetful) SettleFeed(ctx context.Context, s feed.Settle) error {
	if f.lose > 0 {
		f.lose--
		return errors.New("connection lost")
	}
	return f.Store.SettleFeed(ctx, s)
}

// A16: what was taken and could not be noted comes again, in order.
func TestA16_AtLeastOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, l := &forgetful{Store: memstore.New(nil), lose: 1}, &log{}
		write(t, store.Store, "acme", 2)
		start(t, store, l.take)
		pass(10 * time.Minute)
		require.Equal(t, []int64{1, 2, 1, 2}, l.of("acme"))
	})
}

// A lost store cannot be reached.
type lost struct{ feed.Store }

func (lost) ClaimFeed(context.Context, feed.Claim) (feed.Given, bool, error) {
	return feed.Given{}, false, errors.New("connection lost")
}

func TestStoreInTrouble(t *testing.T) {
	t.Parallel()
	r := &relay.Relay{Store: lost{}, Take: (&log{}).take}
	handed, err := r.Next(t.Context(), 0)
	require.ErrorContains(t, err, "connection lost")
	require.False(t, handed)
}
