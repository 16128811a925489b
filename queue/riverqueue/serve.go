package riverqueue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// Serve calls use for each permit that River gives this process, see [queue.Permitter].
func (d *Dispatcher) Serve(ctx context.Context, hands int, use func() (worked bool, err error)) error {
	if err := d.check(ctx); err != nil {
		return fmt.Errorf("riverqueue: serve: %w", err)
	}
	h := &host{dispatcher: d, use: use, stopping: ctx.Done(), held: make(map[int64]struct{})}
	config := d.config()
	config.Workers = river.NewWorkers()
	if err := river.AddWorkerSafely(config.Workers, h); err != nil {
		return fmt.Errorf("riverqueue: serve: %w", err)
	}
	config.Queues = map[string]river.QueueConfig{d.options.Queue: {MaxWorkers: hands}}
	client, err := river.NewClient(riverpgxv5.New(d.pool), config)
	if err != nil {
		return fmt.Errorf("riverqueue: serve: %w", err)
	}
	// The worker ends its parts by itself when ctx ends, in its own time.
	lasting := context.WithoutCancel(ctx)
	if err := client.Start(lasting); err != nil {
		return fmt.Errorf("riverqueue: serve: %w", err)
	}
	confirming, stop := context.WithCancel(lasting)
	var beats sync.WaitGroup
	beats.Go(func() { h.confirmLoop(confirming) })
	<-ctx.Done()
	err = client.Stop(lasting) // returns when every permit has come back
	stop()
	beats.Wait()
	if err != nil {
		return fmt.Errorf("riverqueue: serve: %w", err)
	}
	return nil
}

// A host is where permits are used. It is River's worker of permits.
type host struct {
	river.WorkerDefaults[permit]
	dispatcher *Dispatcher
	use        func() (bool, error)
	stopping   <-chan struct{}

	mu   sync.Mutex
	held map[int64]struct{} // the jobs of permits that are in use
}

// Timeout is none for a permit that begins. River asks again about one that has not been
// confirmed for as long as Presence: that one is over, and River may discard it.
func (h *host) Timeout(job *river.Job[permit]) time.Duration {
	if job.AttemptedAt != nil && time.Since(*job.AttemptedAt) > h.dispatcher.options.Presence {
		return time.Nanosecond
	}
	return -1
}

// retryAfter is how long a permit that could not be used stays before others may try.
const retryAfter = time.Second

// Work uses a permit. The part that it is good for ends by the store's word alone, so
// River's context is not for it.
func (h *host) Work(ctx context.Context, job *river.Job[permit]) error {
	h.hold(job.ID)
	defer h.drop(job.ID)
	worked, err := h.use()
	switch {
	case err != nil:
		// Not by River's snoozing, which goes by this host's clock.
		select {
		case <-time.After(retryAfter):
		case <-h.stopping:
		}
	case !worked:
		return nil
	}
	if err := h.succeed(context.WithoutCancel(ctx), job); err != nil {
		// River ends the permit all the same, and a sweep brings another.
		h.dispatcher.options.Logger.WarnContext(ctx, "following a permit", "err", err)
	}
	return nil
}

// succeed ends a permit that was good for a part, or may be elsewhere, and brings what
// follows it.
func (h *host) succeed(ctx context.Context, job *river.Job[permit]) error {
	d := h.dispatcher
	ctx, cancel := context.WithTimeout(ctx, ringTimeout)
	defer cancel()
	return pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		if _, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job); err != nil && !errors.Is(err, river.ErrNotFound) {
			return err
		}
		return d.bring(ctx, tx)
	})
}

func (h *host) hold(id int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held[id] = struct{}{}
}

func (h *host) drop(id int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.held, id)
}

// confirmLoop confirms the permits in use, four times in Presence.
func (h *host) confirmLoop(ctx context.Context) {
	every := h.dispatcher.options.Presence / 4
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := h.confirm(ctx, every); err != nil && ctx.Err() == nil {
			h.dispatcher.options.Logger.WarnContext(ctx, "confirming permits", "err", err)
		}
	}
}

func (h *host) confirm(ctx context.Context, timeout time.Duration) error {
	h.mu.Lock()
	ids := make([]int64, 0, len(h.held))
	for id := range h.held {
		ids = append(ids, id)
	}
	h.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_, err := h.dispatcher.pool.Exec(ctx, "update "+h.dispatcher.table+" set attempted_at = now() where id = any($1) and state = 'running'", ids)
	return err
}
