package worker_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/exportyard/exportyard/internal/worker"
	"github.com/exportyard/exportyard/queue"
)

// An outage is a time in which a worker's connection to the store is bad.
type outage struct {
	From, For time.Duration
	Way       string
}

var ways = []string{
	"refuses",
	"does not answer",
	"does it and does not say so",
	"does it late",
	"says it late",
}

// bad passes a call through the outage that there is now, if any.
func bad(ctx context.Context, now time.Duration, outages []outage, do func() error) error {
	wait := func(d time.Duration) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for _, o := range outages {
		if now < o.From || now >= o.From+o.For {
			continue
		}
		switch o.Way {
		case "refuses":
			return errDown
		case "does not answer":
			<-ctx.Done()
			return ctx.Err()
		case "does it and does not say so":
			_ = do()
			return errDown
		case "does it late":
			if err := wait(min(o.For, 14*time.Second)); err != nil {
				return err
			}
			return do()
		default:
			err := do()
			if waitErr := wait(min(o.For, 14*time.Second)); waitErr != nil {
				return waitErr
			}
			return err
		}
	}
	return do()
}

func drawOutages(t *rapid.T, name string) []outage {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) outage {
		second := rapid.Int64Range(0, 300)
		return outage{
			From: time.Duration(second.Draw(t, "from"))*time.Second + time.Duration(rapid.IntRange(0, 1).Draw(t, "more"))*time.Millisecond,
			For:  time.Duration(rapid.Int64Range(1, 120).Draw(t, "for")) * time.Second,
			Way:  rapid.SampledFrom(ways).Draw(t, "way"),
		}
	}), 5, 5).Draw(t, name)
}

// rounds is how often each of the 100 rounds of rapid tries ten outages: 1,000 in
// all, and 100,000 before a release.
func rounds() int {
	if os.Getenv("EXPORTYARD_FULL") != "" {
		return 100
	}
	return 1
}

func TestR8_NoTwoWriteAtOnceInAnyOutage(t *testing.T) {
	t.Parallel()
	var written, dropped int
	rapid.Check(t, func(r *rapid.T) {
		for range rounds() {
			a, b := drawOutages(r, "a"), drawOutages(r, "b")
			var wrong []string
			synctest.Test(t, func(t *testing.T) {
				o := &observer{site: newSite(t), live: map[int]string{}}
				o.run(a, b)
				wrong = o.wrong
				written += o.written
				dropped += o.dropped
			})
			require.Empty(r, wrong)
		}
	})
	require.NotZero(t, written, "no part was ever finished")
	require.NotZero(t, dropped, "no part was ever put down")
}

// An observer sees who writes to which part, and when each must have stopped.
type observer struct {
	*site

	mu               sync.Mutex
	live             map[int]string // who writes, by part
	wrong            []string
	written, dropped int
}

// run lets two workers share a job for ten minutes.
func (o *observer) run(a, b []outage) {
	o.job("job", 4)
	stopSweeper := o.sweeper()
	stopA, stopB := o.worker("a", a), o.worker("b", b)
	o.until(10 * time.Minute)
	stopA()
	stopB()
	stopSweeper()
}

func (o *observer) worker(name string, outages []outage) (stop func()) {
	_, stop = o.start(func(ctx context.Context, h *worker.Held) queue.Finish {
		return o.write(ctx, name, h)
	}, func(c *worker.Config) {
		c.Name, c.Parts, c.Poll, c.Dispatcher = name, 2, 5*time.Second, queue.NewLocal()
		c.Store = &line{JobStore: o.store, between: func(ctx context.Context, _ string, do func() error) error {
			return bad(ctx, o.now(), outages, do)
		}}
	})
	return stop
}

// write writes a part for three minutes, or until it has to stop.
func (o *observer) write(ctx context.Context, name string, h *worker.Held) queue.Finish {
	o.enter(name, h)
	select {
	case <-time.After(3 * time.Minute):
		o.leave(h, "")
		return seal()
	case <-ctx.Done():
		o.leave(h, context.Cause(ctx).Error())
		return queue.Finish{Outcome: queue.Retry}
	}
}

func (o *observer) enter(name string, h *worker.Held) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := h.Part.Number
	if other := o.live[n]; other != "" {
		o.wrong = append(o.wrong, fmt.Sprintf("%v: %s begins with part %d while %s writes it", o.now(), name, n, other))
	}
	o.live[n] = fmt.Sprintf("%s under fence %d", name, h.Part.Fence)
}

// leave checks that a writer stops while the lease is its own, whatever it knows.
func (o *observer) leave(h *worker.Held, cause string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := h.Part.Number
	who := o.live[n]
	delete(o.live, n)
	if cause == "" {
		o.written++
	} else {
		o.dropped++
	}
	all, err := o.store.Parts(context.Background(), tenant, "job", n-1, 1)
	if err != nil || len(all) != 1 {
		o.wrong = append(o.wrong, fmt.Sprintf("part %d: %v", n, err))
		return
	}
	p := all[0]
	if p.Fence != h.Part.Fence || p.State != queue.Leased || !time.Now().Before(p.LeaseUntil) {
		o.wrong = append(o.wrong, fmt.Sprintf("%v: %s stops (%s) after its lease: now %s under fence %d until %v",
			o.now(), who, cause, p.State, p.Fence, p.LeaseUntil.Sub(o.begin)))
	}
}
