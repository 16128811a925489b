package riverqueue_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue/riverqueue"
)

// counted are the permits that the package's page says count.
const counted = "state in ('available', 'scheduled', 'retryable', 'pending', 'running')"

func TestD13_RingsBringNoMoreThanMaxInFlight(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		max, want int
	}{{"room for two that wait", 5, 2}, {"room for one", 1, 1}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dsn := newDatabase(t)
			var all sync.WaitGroup
			for range 4 {
				d, err := riverqueue.New(connect(t, dsn), &riverqueue.Options{MaxInFlight: tt.max})
				require.NoError(t, err)
				for range 5 {
					all.Go(func() {
						if err := d.Ring(t.Context()); err != nil {
							t.Error(err)
						}
					})
				}
			}
			all.Wait()
			require.Equal(t, tt.want, count(t, connect(t, dsn), "true"))
		})
	}
}

// serve serves permits with a dispatcher until the test ends or stop is called.
func serve(t *testing.T, d *riverqueue.Dispatcher, hands int, use func() (bool, error)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := d.Serve(ctx, hands, use); err != nil {
			t.Error(err)
		}
	})
	stop = func() { cancel(); serving.Wait() }
	t.Cleanup(stop)
	return stop
}

// While there is work, permits grow to the most that there may be and no further, over
// two hosts; when there is none any more, they end.
func TestD13_PermitsGrowWithTheWork(t *testing.T) {
	t.Parallel()
	dsn := newDatabase(t)
	const most, parts = 5, 60
	var left, now, high, done atomic.Int32
	left.Store(parts)
	var first *riverqueue.Dispatcher
	for range 2 {
		d, err := riverqueue.New(connect(t, dsn), &riverqueue.Options{MaxInFlight: most})
		require.NoError(t, err)
		first = d
		serve(t, d, 4, func() (bool, error) {
			if left.Add(-1) < 0 {
				return false, nil
			}
			n := now.Add(1)
			defer now.Add(-1)
			for old := high.Load(); n > old && !high.CompareAndSwap(old, n); old = high.Load() {
			}
			if err := d.Ring(t.Context()); err != nil {
				t.Error(err)
			}
			until := time.After(10 * time.Millisecond)
			for done.Load() < 3*most && now.Load() < most && n < most { // at first all come together
				select {
				case <-until:
					until = time.After(10 * time.Millisecond)
				case <-t.Context().Done():
					return false, nil
				}
			}
			done.Add(1)
			return true, nil
		})
	}
	pool := connect(t, dsn)
	require.NoError(t, first.Ring(t.Context()))
	eventually(t, func() bool { return done.Load() == parts }, "the parts are not done")
	eventually(t, func() bool { return count(t, pool, counted) == 0 }, "permits do not end")
	require.LessOrEqual(t, high.Load(), int32(most))
	require.Greater(t, high.Load(), int32(2), "permits never grew")
}

// A permit that is in use counts for as long as its host confirms it, hours if need be;
// River does not discard it.
func TestD13_PermitInUseIsConfirmed(t *testing.T) {
	t.Parallel()
	dsn := newDatabase(t)
	pool := connect(t, dsn)
	d, err := riverqueue.New(pool, &riverqueue.Options{MaxInFlight: 1, Presence: time.Second})
	require.NoError(t, err)
	begun, release := make(chan struct{}), make(chan struct{})
	serve(t, d, 2, func() (bool, error) {
		close(begun)
		<-release
		return false, nil
	})
	defer sync.OnceFunc(func() { close(release) })()
	require.NoError(t, d.Ring(t.Context()))
	<-begun
	var id int64
	require.NoError(t, pool.QueryRow(t.Context(), "select id from exportyard_river.river_job").Scan(&id))
	eventually(t, func() bool { return count(t, pool, "attempted_at > created_at + interval '3 s'") == 1 }, "nobody confirms it")
	require.NoError(t, d.Ring(t.Context()))
	require.Equal(t, 1, count(t, pool, "true"), "it counts")
	require.Equal(t, 1, count(t, pool, "state = 'running'"))
}

// What a dead host held does not count once nobody confirms it, and River discards it.
func TestD13_DeadHostsPermitsAreReplaced(t *testing.T) {
	t.Parallel()
	dsn := newDatabase(t)
	pool := connect(t, dsn)
	d, err := riverqueue.New(pool, &riverqueue.Options{MaxInFlight: 2, Presence: time.Second})
	require.NoError(t, err)
	require.NoError(t, d.Ring(t.Context()))
	execute(t, pool, "update exportyard_river.river_job set state = 'running', attempt = 1, attempted_by = '{dead}', attempted_at = now()")
	require.NoError(t, d.Ring(t.Context()))
	require.Equal(t, 2, count(t, pool, "true"), "they may still be alive")
	execute(t, pool, "update exportyard_river.river_job set attempted_at = now() - interval '2 s'")
	require.NoError(t, d.Ring(t.Context()))
	require.Equal(t, 4, count(t, pool, "true"))
	serve(t, d, 1, func() (bool, error) { return false, nil })
	eventually(t, func() bool { return count(t, pool, "state = 'discarded' and attempted_by = '{dead}'") == 2 }, "River keeps them")
}

// A permit that cannot be used now is tried again, and one is not lost with its host's stop.
func TestD13_UnusedPermitIsKept(t *testing.T) {
	t.Parallel()
	dsn := newDatabase(t)
	pool := connect(t, dsn)
	d, err := riverqueue.New(pool, &riverqueue.Options{MaxInFlight: 1})
	require.NoError(t, err)
	require.NoError(t, d.Ring(t.Context()))
	var tries atomic.Int32
	stop := serve(t, d, 1, func() (bool, error) {
		tries.Add(1)
		return false, errors.New("not now")
	})
	eventually(t, func() bool { return tries.Load() >= 2 }, "it is not tried again")
	stop()
	require.Equal(t, 1, count(t, pool, "state = 'available'"))
	require.Equal(t, 1, count(t, pool, counted))
	used := make(chan struct{})
	serve(t, d, 1, func() (bool, error) { close(used); return false, nil })
	<-used
	eventually(t, func() bool { return count(t, pool, counted) == 0 }, "it does not end")
}

// A host whose clock is fast brings permits for later: the next ring makes them good at once.
func TestD13_PermitsOfAFastClock(t *testing.T) {
	t.Parallel()
	dsn := newDatabase(t)
	pool := connect(t, dsn)
	d, err := riverqueue.New(pool, &riverqueue.Options{MaxInFlight: 2})
	require.NoError(t, err)
	require.NoError(t, d.Ring(t.Context()))
	execute(t, pool, "update exportyard_river.river_job set scheduled_at = now() + interval '1 hour'")
	require.NoError(t, d.Ring(t.Context()))
	require.Equal(t, 2, count(t, pool, "state = 'available' and scheduled_at <= now()"))
	require.Equal(t, 2, count(t, pool, "true"))
}

// A host that stops waits for the permits in use.
func TestD13_ServeWaitsForItsPermits(t *testing.T) {
	t.Parallel()
	dsn := newDatabase(t)
	pool := connect(t, dsn)
	d, err := riverqueue.New(pool, nil)
	require.NoError(t, err)
	require.NoError(t, d.Ring(t.Context()))
	begun, release := make(chan struct{}, 2), make(chan struct{})
	var ended atomic.Int32
	stop := serve(t, d, 2, func() (bool, error) {
		begun <- struct{}{}
		<-release
		ended.Add(1)
		return true, nil
	})
	<-begun
	<-begun
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	select {
	case <-stopped:
		t.Fatal("it did not wait")
	case <-time.After(300 * time.Millisecond):
	}
	close(release)
	<-stopped
	require.Equal(t, int32(2), ended.Load())
	require.Zero(t, count(t, pool, "state = 'running'"))
	require.Equal(t, 2, count(t, pool, "state = 'available'"), "each has brought a successor, for others")
}

func TestNewRefusesOptions(t *testing.T) {
	t.Parallel()
	pool := connect(t, "host=/nowhere user=postgres")
	for _, tt := range []struct {
		name    string
		options riverqueue.Options
		want    string
	}{
		{"negative", riverqueue.Options{MaxInFlight: -1}, "max in flight is negative"},
		{"too short", riverqueue.Options{Presence: time.Millisecond}, "presence is less than a second"},
		{"schema", riverqueue.Options{Schema: "a b"}, "Schema"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := riverqueue.New(pool, &tt.options)
			require.ErrorContains(t, err, tt.want)
		})
	}
	_, err := riverqueue.New(nil, nil)
	require.ErrorContains(t, err, "no pool")
	d, err := riverqueue.New(pool, nil)
	require.NoError(t, err)
	require.ErrorContains(t, d.Ring(t.Context()), "riverqueue: ring: count permits")
}

func TestServeNeedsTables(t *testing.T) {
	t.Parallel()
	d, err := riverqueue.New(connect(t, emptyDatabase(t)), nil)
	require.NoError(t, err)
	err = d.Serve(t.Context(), 1, func() (bool, error) { return false, nil })
	require.ErrorContains(t, err, "call Migrate")
}

func TestMigrateAtTheSameTime(t *testing.T) {
	t.Parallel()
	pool := connect(t, emptyDatabase(t))
	errs := make([]error, 4)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { errs[i] = riverqueue.Migrate(t.Context(), pool, nil) })
	}
	all.Wait()
	require.NoError(t, errors.Join(errs...))
	require.NoError(t, riverqueue.Migrate(t.Context(), pool, nil), "again")
}

// What Migrations prints leads to the same tables as Migrate, from which Migrate goes on.
func TestMigrationsByHand(t *testing.T) {
	t.Parallel()
	pool := connect(t, emptyDatabase(t))
	options := &riverqueue.Options{Schema: "By_Hand"}
	all, err := riverqueue.Migrations(options)
	require.NoError(t, err)
	for i, m := range all {
		require.Equal(t, i+1, m.Version)
		execute(t, pool, m.SQL)
	}
	require.NoError(t, riverqueue.Migrate(t.Context(), pool, options), "nothing is left to do")
	var n int
	require.NoError(t, pool.QueryRow(t.Context(), `select count(*) from "By_Hand".river_migration`).Scan(&n))
	require.Equal(t, len(all), n)
	d, err := riverqueue.New(pool, options)
	require.NoError(t, err)
	require.NoError(t, d.Ring(t.Context()))
	used := make(chan struct{}, 2)
	serve(t, d, 1, func() (bool, error) { used <- struct{}{}; return false, nil })
	<-used
}
