package export

import (
	"context"

	"github.com/exportyard/exportyard/internal/formats"
	"github.com/exportyard/exportyard/internal/place"
	"github.com/exportyard/exportyard/internal/plan"
	"github.com/exportyard/exportyard/internal/segment"
	"github.com/exportyard/exportyard/internal/worker"
	"github.com/exportyard/exportyard/queue"
)

// A task is a part in hand, with what all parts of its job share.
type task struct {
	*segment.Maker
	request Request
	dest    Destination
}

func (e *Engine) task(ctx context.Context, h *worker.Held) (*task, error) {
	pl, req, f, err := e.planOf(ctx, h.Job)
	if err != nil {
		return nil, err
	}
	c := &e.config
	m := &segment.Maker{
		Plan: pl, Job: h.Job, Part: h.Part, Keys: c.Keys,
		Level: c.Level, Workers: c.Workers, FileRows: c.FileRows, FileBytes: c.FileBytes, Document: req.Kind,
		Progress: &h.Progress, Now: c.Now, Logger: c.Logger,
	}
	if m.Format, m.Codec, err = formats.Encoding(f, req.Compression); err != nil {
		return nil, err
	}
	t := &task{Maker: m, request: req}
	t.dest, err = e.destination(ctx, h.Job, req)
	m.Sink = t.dest.Sink
	return t, err
}

// doRows streams one rows part into one segment.
func (e *Engine) doRows(ctx context.Context, h *worker.Held) (queue.Finish, error) {
	var part plan.Part
	if err := decodePayload(h.Part.Payload, &part); err != nil {
		return queue.Finish{}, err
	}
	t, err := e.task(ctx, h)
	if err != nil {
		return queue.Finish{}, err
	}
	var r segment.Receipt
	src, snapshot, err := e.instants.Find(ctx, jobOf(h), t.Plan.AsOf.Snapshot)
	switch {
	case err != nil:
		return queue.Finish{}, sourceFault(err)
	case snapshot != "" || !e.config.RequireSnapshot:
		r, err = t.Write(ctx, src, part, place.Key(part.Base, h.Part.Number, h.Part.Fence, t.Extension()))
		r.Snapshot = snapshot
	}
	if err != nil {
		return queue.Finish{}, err
	}
	payload, err := encodePayload(r)
	return queue.Finish{Outcome: queue.Seal, Receipt: payload, Rows: r.Rows, Bytes: r.Bytes}, err
}
