package worker

import (
	"context"
	"errors"
	"time"

	"github.com/exportyard/exportyard/queue"
)

// errNotNow says that a permit could not be used here.
var errNotNow = errors.New("the worker stops, rests for a suspect, or has no answer from its store")

// serve claims a part for each permit until ctx ends, and returns when the parts have
// ended.
func (w *Worker) serve(ctx, working context.Context, permits queue.Permitter) {
	for ctx.Err() == nil {
		err := permits.Serve(ctx, w.config.Parts, func() (bool, error) { return w.use(ctx, working) })
		if err != nil && ctx.Err() == nil {
			w.config.Logger.WarnContext(ctx, "waiting for permits", "err", err)
			pause(ctx, w.config.Poll)
		}
	}
}

// use claims a part and does it.
func (w *Worker) use(ctx, working context.Context) (worked bool, err error) {
	h, part, err := w.claimOne(ctx, working)
	if h == nil {
		return false, err
	}
	// There may be more where this part came from.
	w.ring(part, h)
	w.work(part, h)
	if w.config.TenantParts > 0 || w.config.AllParts > 0 {
		w.ring(working, h) // what had no room may have it now
	}
	return true, nil
}

func (w *Worker) ring(ctx context.Context, h *Held) {
	if err := w.config.Dispatcher.Ring(ctx); err != nil {
		w.log(h).WarnContext(ctx, "ringing the workers", "err", err)
	}
}

// claimOne claims a part, if there is one, and returns it with the context of its
// work. One permit is used at a time: whether a process is alone must not change while
// the store is asked.
func (w *Worker) claimOne(ctx, working context.Context) (*Held, context.Context, error) {
	w.claiming.Lock()
	defer w.claiming.Unlock()
	if ctx.Err() != nil {
		return nil, nil, errNotNow
	}
	asked := time.Now()
	claimed, answered := w.claim(working, 1)
	switch {
	case !answered:
		return nil, nil, errNotNow
	case len(claimed) == 0:
		return nil, nil, nil
	}
	h := &Held{Job: claimed[0].Job, Part: claimed[0].Part}
	return h, w.take(working, h, asked), nil
}
