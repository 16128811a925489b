// Package worker takes parts from a job store, does them, and holds their leases
// meanwhile. What a part is about is its handler's business.
package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/exportyard/exportyard/internal/backoff"
	"github.com/exportyard/exportyard/internal/pipeline"
	"github.com/exportyard/exportyard/queue"
)

// Why a worker has to put a part down: causes of its context's end. None of
// them is an error of the part.
var (
	ErrStopping   = errors.New("the engine is stopping")
	ErrLeaseLost  = errors.New("the lease was lost")
	ErrLeaseStale = errors.New("the lease could not be renewed in time")
	ErrJobEnded   = errors.New("the job has ended")
)

// Config of a [Worker]. Every field but Logger is required.
type Config struct {
	Store      queue.JobStore
	Dispatcher queue.Dispatcher
	Logger     *slog.Logger
	// Name is unique to the life of this worker.
	Name string
	// Do does one part. It returns how the part ended, an error already turned
	// into an outcome, and the entries that go with it. ctx ends with one of
	// the causes above when the part has to be put down; nothing may be
	// written any more then. A panic that it lets through counts as a crash
	// of the process, which goes on: nothing is reported, and the part comes
	// back as a suspect when its lease is over.
	Do func(ctx context.Context, h *Held) (queue.Finish, []queue.Entry)
	// Begin is told of a part before the work on it, and returns the context of that
	// work: ctx or one made from it.
	Begin func(ctx context.Context, h *Held) context.Context
	// End is told of every part that began, with what was reported, when all is over:
	// after Settled, if that was called. err says why nothing was reported: one of the
	// causes above, or the panic that Do let through.
	End func(ctx context.Context, h *Held, f queue.Finish, err error)
	// Settled is called after a part's end is in the store, with the job after it.
	Settled func(ctx context.Context, h *Held, f queue.Finish, j queue.Job)
	// Parts is how many are done at once.
	Parts int
	// TenantParts and AllParts are how many parts of a tenant, and of all, may be leased
	// at once, by whichever workers; 0 for no limit.
	TenantParts, AllParts int
	// Lease, Poll and Grace as in export.Config.
	Lease, Poll, Grace time.Duration
	// Retry shapes the delays between tries to report a part.
	Retry backoff.Policy
}

// A Worker is one claim loop, or calls of a dispatcher that has permits, one renewing
// goroutine, and a goroutine a part.
type Worker struct {
	config Config
	// claiming is held from before a claim until what it gave is held.
	claiming sync.Mutex

	mu sync.Mutex
	// holding has a part twice when it was lost, claimed again, and its first
	// attempt has not come to its end yet.
	holding map[*Held]struct{}
	changed chan struct{} // closed, and made anew, when a part has ended
	// suspects counts the calls of Suspect, and looked those of them before the
	// last claim that was made alone, at lookedAt.
	suspects, looked int
	lookedAt         time.Time
}

// A Held is a part that this worker holds.
type Held struct {
	Job      queue.Job
	Part     queue.Part
	Progress pipeline.Progress
	// Begun is when the work on it began.
	Begun time.Time
	// Err is for Do to leave why the work failed, and for End to find.
	Err error

	renewed int64 // rows that the store knows of
	cancel  context.CancelCauseFunc
	// stale drops the part when no renewal was confirmed in time: before the
	// lease ends, so that two never write at once.
	stale   *time.Timer
	dropped atomic.Bool
}

// drop ends the work on a part that is not, or not for certain, held any more.
// Its lease is not renewed from here on, however long the work takes to end:
// somebody else is to have it.
func (h *Held) drop(cause error) {
	h.dropped.Store(true)
	h.cancel(cause)
}

// New returns a worker that does nothing until it runs.
func New(c Config) *Worker {
	return &Worker{config: c, holding: make(map[*Held]struct{}), changed: make(chan struct{}), lookedAt: time.Now()}
}

// Run works until ctx ends. It then takes no more parts, lets running ones
// finish for Grace, puts the rest back, and returns when nothing of it runs
// any more.
func (w *Worker) Run(ctx context.Context) {
	lasting := context.WithoutCancel(ctx)
	working, abandon := context.WithCancelCause(lasting)
	defer abandon(nil)
	renewing, stopRenewing := context.WithCancel(lasting)
	defer stopRenewing()
	var parts, loops sync.WaitGroup
	wake := make(chan struct{}, 1)
	loops.Go(func() { w.renewLoop(renewing) })
	loops.Go(func() {
		<-ctx.Done()
		pause(renewing, w.config.Grace)
		abandon(ErrStopping)
	})
	if permits, ok := w.config.Dispatcher.(queue.Permitter); ok {
		w.serve(ctx, working, permits)
	} else {
		loops.Go(func() { w.listen(ctx, wake) })
		w.claimLoop(ctx, working, wake, func(h *Held, asked time.Time) {
			ctx := w.take(working, h, asked)
			parts.Go(func() {
				defer nudge(wake)
				w.work(ctx, h)
			})
		})
	}
	parts.Wait()
	stopRenewing()
	loops.Wait()
}

func nudge(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// listen turns rings of the dispatcher into wake-ups.
func (w *Worker) listen(ctx context.Context, wake chan<- struct{}) {
	for ctx.Err() == nil {
		if err := w.config.Dispatcher.Wait(ctx); err != nil {
			if ctx.Err() == nil {
				w.config.Logger.WarnContext(ctx, "waiting for a ring", "err", err)
				pause(ctx, w.config.Poll)
			}
			continue
		}
		nudge(wake)
	}
}

// pause waits for d or for the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// claimLoop claims parts for free hands and hands them to start, until ctx ends.
// The answer to a claim is wanted also when ctx ends meanwhile, as long as working
// goes on: otherwise parts would stay leased to nobody.
func (w *Worker) claimLoop(ctx, working context.Context, wake <-chan struct{}, start func(*Held, time.Time)) {
	poll := time.NewTicker(w.config.Poll)
	defer poll.Stop()
	for ctx.Err() == nil {
		asked := time.Now()
		claimed, _ := w.claim(working, w.config.Parts)
		for _, c := range claimed {
			start(&Held{Job: c.Job, Part: c.Part}, asked)
		}
		if len(claimed) > 0 {
			continue // until the store has no more or there is no free hand
		}
		select {
		case <-wake:
		case <-poll.C:
		case <-ctx.Done():
		}
	}
}

// Suspect says that a part has become a suspect. With a backlog a worker is
// never idle by itself, and a suspect is claimed alone: so it takes nothing more
// until its parts have ended, and looks then.
func (w *Worker) Suspect() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.suspects++
}

// idleEvery is after how many leases without a claim made alone a worker comes to
// rest by itself: for suspects of hosts that are gone.
const idleEvery = 10

// claim asks the store for as many parts as there are free hands, at most limit. It
// says whether the store was asked, and has answered.
func (w *Worker) claim(ctx context.Context, limit int) (claimed []queue.Claimed, answered bool) {
	now := time.Now()
	w.mu.Lock()
	busy, suspect := len(w.holding), false
	for h := range w.holding {
		suspect = suspect || h.Part.Suspect
	}
	suspects := w.suspects
	rest := suspects > w.looked || now.Sub(w.lookedAt) > idleEvery*w.config.Lease
	w.mu.Unlock()
	if suspect || busy >= w.config.Parts || rest && busy > 0 {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(ctx, w.config.Lease/4)
	defer cancel()
	claimed, err := w.config.Store.Claim(ctx, queue.Claim{
		Worker: w.config.Name, Limit: min(limit, w.config.Parts-busy), Alone: busy == 0, Lease: w.config.Lease,
		PerTenant: w.config.TenantParts, InAll: w.config.AllParts,
	})
	if err != nil {
		w.config.Logger.WarnContext(ctx, "claiming work", "err", err)
	} else if busy == 0 {
		w.mu.Lock()
		w.looked, w.lookedAt = suspects, now
		w.mu.Unlock()
	}
	return claimed, err == nil
}

// take notes a claimed part as held and returns the context of its work.
func (w *Worker) take(working context.Context, h *Held, asked time.Time) context.Context {
	ctx, cancel := context.WithCancelCause(working)
	w.mu.Lock()
	defer w.mu.Unlock()
	h.cancel = cancel
	h.stale = time.AfterFunc(time.Until(asked.Add(w.staleAfter())), func() { h.drop(ErrLeaseStale) })
	w.holding[h] = struct{}{}
	return ctx
}

// staleAfter is how long a part goes on without a confirmed renewal.
func (w *Worker) staleAfter() time.Duration { return w.config.Lease * 2 / 3 }

// work does one part and reports how it ended.
func (w *Worker) work(ctx context.Context, h *Held) {
	defer h.cancel(nil)
	h.Begun = time.Now()
	ctx = w.config.Begin(ctx, h)
	f, entries, err := w.attempt(ctx, h)
	var j queue.Job
	if err == nil {
		j, f, err = w.report(ctx, h, f, entries)
	}
	w.forget(h)
	if err == nil {
		w.config.Settled(ctx, h, f, j)
	}
	w.config.End(ctx, h, f, err)
}

// attempt calls Do and returns the panic that it lets through.
func (w *Worker) attempt(ctx context.Context, h *Held) (f queue.Finish, entries []queue.Entry, err error) {
	defer pipeline.Recovered(&err)
	f, entries = w.config.Do(ctx, h)
	return f, entries, nil
}

// log returns the logger with the names of a part.
func (w *Worker) log(h *Held) *slog.Logger {
	return w.config.Logger.With("tenant", h.Job.Tenant, "job", h.Job.ID, "part", h.Part.Number, "fence", h.Part.Fence)
}

// forget notes that a part has ended here.
func (w *Worker) forget(h *Held) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h.stale.Stop()
	delete(w.holding, h)
	close(w.changed)
	w.changed = make(chan struct{})
}

// report tells the store how a part ended. Whoever has lost the part says
// nothing, since the store knows better, and gets the cause.
func (w *Worker) report(ctx context.Context, h *Held, f queue.Finish, entries []queue.Entry) (queue.Job, queue.Finish, error) {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, ErrLeaseLost), errors.Is(cause, ErrLeaseStale), errors.Is(cause, ErrJobEnded):
		return queue.Job{}, f, cause
	case errors.Is(cause, ErrStopping) && f.Outcome != queue.Seal:
		f, entries = queue.Finish{Outcome: queue.Release}, nil
	}
	f.Tenant, f.Job, f.Number, f.Fence = h.Job.Tenant, h.Job.ID, h.Part.Number, h.Part.Fence
	// The report is made even when the work was canceled, for as long as the
	// lease can be counted on.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.staleAfter())
	defer cancel()
	for n := 1; ; n++ {
		j, err := w.config.Store.Finish(ctx, f, entries)
		switch {
		case err == nil:
			return j, f, nil
		case errors.Is(err, queue.ErrFenced), errors.Is(err, queue.ErrBadTransition), errors.Is(err, queue.ErrNotFound):
			return queue.Job{}, f, ErrLeaseLost
		}
		w.log(h).WarnContext(ctx, "reporting a part", "err", err)
		pause(ctx, w.config.Retry.Delay(n))
		if ctx.Err() != nil {
			return queue.Job{}, f, ErrLeaseStale
		}
	}
}
