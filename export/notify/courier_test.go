package notify_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export/notify"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore"
)

var errDown = errors.New("down")

func TestR39_EventBecomesAMessage(t *testing.T) {
	t.Parallel()
	clock := newClock()
	store := memstore.New(&memstore.Options{Now: clock.now})
	put(t, store, failed("e1"))
	put(t, store, queue.Entry{ID: "e2", Type: "export.completed", Job: "job-2", Actor: "bob", Data: queue.Payload{
		Version: 1, Data: []byte(`{"key":"secret/path","bytes":5,"sha256":"x","files":3,"rows":12,"size":345}`),
	}})
	put(t, store, queue.Entry{ID: "e3", Type: "export.canceled"})
	put(t, store, queue.Entry{ID: "e4", Type: "schedule.paused", Actor: "ann", Data: queue.Payload{
		Version: 1, Data: []byte(`{"schedule":"nightly","message":"it failed five times","hint":"look at the last run","code":"failing"}`),
	}})
	f := &fake{}
	c := newCourier(t, store, map[string]notify.Notifier{"fake": f}, &notify.Options{
		URL: func(m notify.Message) string { return "https://host.example/" + m.Tenant + "/" + m.Job },
	})
	require.NoError(t, c.Drain(t.Context()))
	want := []notify.Message{
		{
			ID: "e1", Kind: notify.Failed, Tenant: "acme", Actor: "ann", Job: "job", At: clock.now(),
			Code: "range_too_large", Reason: "too much", Hint: "choose less", URL: "https://host.example/acme/job",
		},
		{
			ID: "e2", Kind: notify.Completed, Tenant: "acme", Actor: "bob", Job: "job-2", At: clock.now(),
			Files: 3, Rows: 12, Bytes: 345, URL: "https://host.example/acme/job-2",
		},
		{
			ID: "e4", Kind: notify.SchedulePaused, Tenant: "acme", Actor: "ann", Schedule: "nightly", At: clock.now(),
			Code: "failing", Reason: "it failed five times", Hint: "look at the last run", URL: "https://host.example/acme/",
		},
	}
	require.Empty(t, cmp.Diff(want, f.messages()))
	clock.advance(100 * time.Hour)
	require.NoError(t, c.Drain(t.Context()))
	require.Len(t, f.messages(), 3, "each is told once")
}

// A channel that has the message is not asked again when another has to be.
func TestR39_ChannelsEndApart(t *testing.T) {
	t.Parallel()
	clock := newClock()
	store := memstore.New(&memstore.Options{Now: clock.now})
	put(t, store, failed("e"))
	wrong := errDown
	good, bad := &fake{}, &fake{deliver: func(notify.Message) error { return wrong }}
	refusing := &fake{deliver: func(notify.Message) error { return fmt.Errorf("%w: %w", notify.ErrGone, notify.ErrRefused) }}
	var givenUp []string
	c := newCourier(t, store, map[string]notify.Notifier{"good": good, "bad": bad, "refusing": refusing}, &notify.Options{
		GivenUp: func(_ context.Context, m notify.Message, channel string, err error) {
			givenUp = append(givenUp, m.ID+" "+channel)
			require.ErrorIs(t, err, notify.ErrGone)
		},
	})
	for range 4 {
		require.NoError(t, c.Drain(t.Context()))
		clock.advance(time.Hour)
	}
	require.Len(t, good.ids(), 1)
	require.Len(t, refusing.ids(), 1)
	require.GreaterOrEqual(t, len(bad.ids()), 4)
	wrong = nil
	require.NoError(t, c.Drain(t.Context()))
	tries := len(bad.ids())
	clock.advance(100 * time.Hour)
	require.NoError(t, c.Drain(t.Context()))
	require.Len(t, bad.ids(), tries, "it has it now")
	require.Equal(t, []string{"e refusing"}, givenUp)
}

// The next attempt waits as the receiver asked, and knows whom the last one reached.
func TestR39_AdviceForTheNextAttempt(t *testing.T) {
	t.Parallel()
	clock := newClock()
	store := memstore.New(&memstore.Options{Now: clock.now})
	put(t, store, failed("e"))
	step := 0
	f := &fake{deliver: func(m notify.Message) error {
		step++
		switch step {
		case 1:
			require.Empty(t, m.Reached)
			return fmt.Errorf("wrapped: %w", &notify.RetryError{After: 3 * time.Hour, Reached: []string{"b", "a"}, Err: errDown})
		case 2:
			require.Equal(t, []string{"a", "b"}, m.Reached)
			return &notify.RetryError{Reached: []string{"a", "c"}, Err: errDown}
		case 3:
			require.Equal(t, []string{"a", "b", "c"}, m.Reached)
			return errDown
		default:
			require.Equal(t, []string{"a", "b", "c"}, m.Reached)
			return nil
		}
	}}
	c := newCourier(t, store, map[string]notify.Notifier{"fake": f}, nil)
	require.NoError(t, c.Drain(t.Context()))
	clock.advance(3*time.Hour - time.Second)
	require.NoError(t, c.Drain(t.Context()))
	require.Equal(t, 1, step, "too early")
	for range 3 {
		clock.advance(time.Hour)
		require.NoError(t, c.Drain(t.Context()))
	}
	require.Equal(t, 4, step)
}

// A receiver that fails for a day gets every event once it is back, under the IDs that
// it has seen before.
func TestR37_ReceiverDownForADay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(nil)
		back := time.Now().Add(24 * time.Hour)
		var mu sync.Mutex
		taken, tried := map[string]int{}, map[string][]time.Time{}
		f := &fake{deliver: func(m notify.Message) error {
			mu.Lock()
			defer mu.Unlock()
			tried[m.ID] = append(tried[m.ID], time.Now())
			if time.Now().Before(back) {
				return &notify.RetryError{Err: errDown}
			}
			taken[m.ID]++
			return nil
		}}
		c := newCourier(t, store, map[string]notify.Notifier{"fake": f}, nil)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		const events = 20
		for i := range events {
			put(t, store, failed(fmt.Sprint("e", i)))
			<-time.After(time.Hour)
		}
		<-time.After(6 * time.Hour)
		stop()
		require.NoError(t, <-done)
		require.Len(t, taken, events)
		for id, times := range tried {
			require.Equal(t, 1, taken[id], id)
			for i := 1; i < len(times); i++ {
				most := min(5*time.Second<<min(i-1, 20), time.Hour)
				require.LessOrEqual(t, times[i].Sub(times[i-1]), most+6*time.Second, "attempt %d, with a poll's wait", i+1)
			}
		}
		age, err := store.OutboxAge(t.Context())
		require.NoError(t, err)
		require.Zero(t, age)
	})
}

// Events that are too old are given up, whether they were tried or not, and told of.
func TestR39_GivenUpInTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(nil)
		put(t, store, failed("never tried"))
		<-time.After(72 * time.Hour)
		put(t, store, failed("tried"))
		f := &fake{deliver: func(notify.Message) error { return errDown }}
		given := map[string]time.Time{}
		c := newCourier(t, store, map[string]notify.Notifier{"fake": f}, &notify.Options{
			Workers: 1, GivenUp: func(_ context.Context, m notify.Message, channel string, err error) {
				require.Equal(t, "fake", channel)
				require.ErrorContains(t, err, "not taken within 72h")
				given[m.ID] = time.Now()
			},
		})
		start := time.Now()
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		<-time.After(80 * time.Hour)
		stop()
		require.NoError(t, <-done)
		require.Equal(t, start, given["never tried"])
		require.NotContains(t, f.ids(), "never tried")
		require.Greater(t, len(f.ids()), 60)
		require.InDelta(t, 72, given["tried"].Sub(start).Hours(), 1.1)
		age, err := store.OutboxAge(t.Context())
		require.NoError(t, err)
		require.Zero(t, age)
	})
}

// A courier that dies between sending and noting so leaves the event to the next one,
// which sends it again under the same ID.
func TestR39_DeadBetweenSendingAndNoting(t *testing.T) {
	t.Parallel()
	clock := newClock()
	store := memstore.New(&memstore.Options{Now: clock.now})
	put(t, store, failed("e"))
	f := &fake{deliver: func(m notify.Message) error {
		if m.Kind == notify.Failed && clock.now().Hour() == 12 {
			runtime.Goexit() // dies in the middle
		}
		return nil
	}}
	first := newCourier(t, store, map[string]notify.Notifier{"fake": f}, nil)
	died := make(chan struct{})
	go func() {
		defer close(died)
		_ = first.Drain(context.WithoutCancel(t.Context()))
	}()
	<-died
	second := newCourier(t, store, map[string]notify.Notifier{"fake": f}, nil)
	require.NoError(t, second.Drain(t.Context()))
	require.Equal(t, []string{"e"}, f.ids(), "its claim lasts")
	clock.advance(time.Hour)
	require.NoError(t, second.Drain(t.Context()))
	require.NoError(t, second.Drain(t.Context()))
	require.Equal(t, []string{"e", "e"}, f.ids())
}

// A flaky store fails its calls now and then, before or after they were done.
type flaky struct {
	*memstore.Store
	fails func() (before, after bool)
}

func (s *flaky) ClaimOutbox(ctx context.Context, c queue.OutboxClaim) ([]queue.Delivery, error) {
	before, after := s.fails()
	if before {
		return nil, errDown
	}
	got, err := s.Store.ClaimOutbox(ctx, c)
	if after {
		return nil, errDown
	}
	return got, err
}

func (s *flaky) SettleOutbox(ctx context.Context, q queue.Settle) error {
	before, after := s.fails()
	if before {
		return errDown
	}
	err := s.Store.SettleOutbox(ctx, q)
	if after {
		return errDown
	}
	return err
}

func (s *flaky) Get(ctx context.Context, tenant, id string) (queue.Job, error) {
	if before, after := s.fails(); before || after {
		return queue.Job{}, errDown
	}
	return s.Store.Get(ctx, tenant, id)
}

// Whatever call of the store fails, and on whichever side of its doing: nothing is lost.
func TestR39_StoreFailsAtEveryCall(t *testing.T) {
	t.Parallel()
	for at := range 24 {
		for _, side := range []string{"before", "after"} {
			t.Run(fmt.Sprint(at, side), func(t *testing.T) {
				t.Parallel()
				clock := newClock()
				n := 0
				store := &flaky{memstore.New(&memstore.Options{Now: clock.now}), func() (bool, bool) {
					n++
					return n == at && side == "before", n == at && side == "after"
				}}
				var want []string
				for i := range 4 {
					want = append(want, put(t, store.Store, failed(fmt.Sprint("e", i))).ID)
				}
				f := &fake{}
				c := newCourier(t, store, map[string]notify.Notifier{"fake": f}, nil)
				for range 5 {
					if err := c.Drain(t.Context()); err != nil {
						require.ErrorIs(t, err, errDown)
					}
					clock.advance(time.Hour)
				}
				got := f.ids()
				require.LessOrEqual(t, len(got), 5, "at most one is sent twice")
				slices.Sort(got)
				require.Equal(t, want, slices.Compact(got))
				age, err := store.OutboxAge(t.Context())
				require.NoError(t, err)
				require.Zero(t, age)
			})
		}
	}
}

// Run delivers several at once, and ends when it is told to, with nothing half done.
func TestR39_ManyCouriers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(nil)
		var mu sync.Mutex
		now, most := 0, 0
		f := &fake{deliver: func(notify.Message) error {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			<-time.After(time.Second)
			mu.Lock()
			defer mu.Unlock()
			now--
			return nil
		}}
		const events = 100
		for i := range events {
			put(t, store, failed(fmt.Sprint("e", i)))
		}
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 3 {
			c := newCourier(t, store, map[string]notify.Notifier{"fake": f}, &notify.Options{Workers: 5})
			all.Go(func() { require.NoError(t, c.Run(ctx)) })
		}
		<-time.After(3500 * time.Millisecond)
		stop()
		all.Wait()
		require.Equal(t, 15, most)
		ids := f.ids()
		require.Len(t, ids, 60, "four rounds of fifteen; the fourth was let end")
		slices.Sort(ids)
		require.Len(t, slices.Compact(ids), 60)
		c := newCourier(t, store, map[string]notify.Notifier{"fake": f}, nil)
		require.NoError(t, c.Drain(t.Context()))
		ids = f.ids()
		slices.Sort(ids)
		require.Len(t, ids, events)
		require.Len(t, slices.Compact(ids), events)
	})
}

func TestBadEventsWait(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		e    queue.Entry
		url  func(notify.Message) string
	}{
		{name: "newer", e: queue.Entry{ID: "e", Type: "export.failed", Data: queue.Payload{Version: 2, Data: []byte("<new>")}}},
		{name: "broken", e: queue.Entry{ID: "e", Type: "export.failed", Data: queue.Payload{Version: 1, Data: []byte("{")}}},
		{name: "no http address", e: failed("e"), url: func(notify.Message) string { return "javascript:alert(1)" }},
		{name: "no host", e: failed("e"), url: func(notify.Message) string { return "/exports" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			store := memstore.New(&memstore.Options{Now: clock.now})
			put(t, store, tt.e)
			f := &fake{}
			c := newCourier(t, store, map[string]notify.Notifier{"fake": f}, &notify.Options{URL: tt.url})
			require.NoError(t, c.Drain(t.Context()))
			age, err := store.OutboxAge(t.Context())
			require.NoError(t, err)
			require.Zero(t, age.Truncate(time.Hour))
			clock.advance(2 * time.Hour)
			got, err := store.ClaimOutbox(t.Context(), queue.OutboxClaim{Limit: 1, Lease: time.Minute})
			require.NoError(t, err)
			require.Len(t, got, 1, "it waits for code that can read it")
			clock.advance(100 * time.Hour)
			require.NoError(t, c.Drain(t.Context()))
			clock.advance(100 * time.Hour)
			got, err = store.ClaimOutbox(t.Context(), queue.OutboxClaim{Limit: 1, Lease: time.Minute})
			require.NoError(t, err)
			require.Empty(t, got, "but not for ever")
			require.Empty(t, f.ids())
		})
	}
}

// What newer code noted of an event is left as it is.
func TestProgressOfNewerCodeIsKept(t *testing.T) {
	t.Parallel()
	clock := newClock()
	store := memstore.New(&memstore.Options{Now: clock.now})
	put(t, store, failed("e"))
	got, err := store.ClaimOutbox(t.Context(), queue.OutboxClaim{Limit: 1, Lease: time.Minute})
	require.NoError(t, err)
	newer := queue.Payload{Version: 9, Data: []byte("<new>")}
	require.NoError(t, store.SettleOutbox(t.Context(), queue.Settle{Tenant: "acme", Entry: "e", Attempt: got[0].Attempt, Progress: newer}))
	f := &fake{}
	require.NoError(t, newCourier(t, store, map[string]notify.Notifier{"fake": f}, nil).Drain(t.Context()))
	require.Empty(t, f.ids())
	clock.advance(time.Hour)
	got, err = store.ClaimOutbox(t.Context(), queue.OutboxClaim{Limit: 1, Lease: time.Minute})
	require.NoError(t, err)
	require.Equal(t, newer, got[0].Progress)
}

func TestPanickingNotifierIsAPassingError(t *testing.T) {
	t.Parallel()
	clock := newClock()
	store := memstore.New(&memstore.Options{Now: clock.now})
	put(t, store, failed("e"))
	once := false
	f := &fake{deliver: func(notify.Message) error {
		if !once {
			once = true
			panic("oh")
		}
		return nil
	}}
	c := newCourier(t, store, map[string]notify.Notifier{"fake": f}, nil)
	for range 2 {
		require.NoError(t, c.Drain(t.Context()))
		clock.advance(time.Minute)
	}
	require.Len(t, f.ids(), 2)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	store := memstore.New(nil)
	f := &fake{}
	for _, tt := range []struct {
		name     string
		store    notify.Store
		channels map[string]notify.Notifier
		opts     notify.Options
	}{
		{name: "no store"},
		{name: "no name", store: store, channels: map[string]notify.Notifier{"": f}},
		{name: "no notifier", store: store, channels: map[string]notify.Notifier{"x": nil}},
		{name: "negative workers", store: store, opts: notify.Options{Workers: -1}},
		{name: "negative age", store: store, opts: notify.Options{MaxAge: -1}},
	} {
		_, err := notify.New(tt.store, tt.channels, &tt.opts)
		require.Error(t, err, tt.name)
	}
}

// The whole way over a network: an outage, a recovery, one ID.
func TestR37_WebhookThroughTheCourier(t *testing.T) {
	t.Parallel()
	status := http.StatusServiceUnavailable
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	clock := newClock()
	store := memstore.New(&memstore.Options{Now: clock.now})
	put(t, store, failed("e"))
	secret := notify.NewSecret()
	c := newCourier(t, store, map[string]notify.Notifier{"webhook": r.webhook(t, notify.WebhookOptions{Now: clock.now}, secret)}, nil)
	require.NoError(t, c.Drain(t.Context()))
	clock.advance(2 * time.Hour)
	status = http.StatusOK
	require.NoError(t, c.Drain(t.Context()))
	got := r.got()
	require.Len(t, got, 2)
	require.Equal(t, got[0].header.Get("webhook-id"), got[1].header.Get("webhook-id"))
	require.NoError(t, verify(secret.Reveal(), got[1].header, got[1].body, clock.now()))
}
