package export

import (
	"context"

	"github.com/exportyard/exportyard/internal/seal"
	"github.com/exportyard/exportyard/internal/segment"
	"github.com/exportyard/exportyard/internal/worker"
	"github.com/exportyard/exportyard/queue"
)

// A result is what the job keeps of its manifest.
type result struct {
	Key    string `json:"key"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	Files  int    `json:"files"`
	Rows   int64  `json:"rows"`
	// Size is the sum of the files' bytes.
	Size int64 `json:"size"`
	// Destination is where it lies.
	Destination string `json:"destination,omitempty"`
}

func (e *Engine) doSeal(ctx context.Context, h *worker.Held) (queue.Finish, error) {
	t, err := e.task(ctx, h)
	if err != nil {
		return queue.Finish{}, err
	}
	segments, err := e.segments(ctx, h.Job)
	if err != nil {
		return queue.Finish{}, err
	}
	loc, err := t.request.zone()
	if err != nil {
		return queue.Finish{}, err
	}
	c, r := &e.config, &t.request
	s := seal.Sealer{
		Maker: t.Maker, Source: c.Source, Location: loc, Zone: r.Zone, Interval: string(r.Interval), SkipEmpty: r.SkipEmpty,
		RequireSnapshot: c.RequireSnapshot, Parts: c.Parts, SigningKey: c.SigningKey,
	}
	m, o, err := s.Seal(ctx, segments)
	if err != nil {
		return queue.Finish{}, err
	}
	res := result{
		Key: o.Key, Bytes: o.Bytes, SHA256: o.SHA256,
		Files: len(m.Files), Rows: m.Rows, Size: m.Bytes, Destination: r.Destination,
	}
	keep, err := e.keepOf(ctx, h.Job, t.dest)
	if err != nil {
		return queue.Finish{}, err
	}
	payload, err := encodePayload(res)
	return queue.Finish{Outcome: queue.Seal, Receipt: payload, Result: payload, Keep: keep, Notice: e.config.ExpiryNotice}, err
}

// segments loads all rows parts, in order.
func (e *Engine) segments(ctx context.Context, j queue.Job) ([]segment.Segment, error) {
	var out []segment.Segment
	err := e.eachPart(ctx, j, func(p queue.Part) error {
		if p.Kind != queue.RowsPart {
			return nil
		}
		var seg segment.Segment
		if err := decodePayload(p.Payload, &seg.Part); err != nil {
			return err
		}
		if err := decodePayload(p.Receipt, &seg.Receipt); err != nil {
			return err
		}
		out = append(out, seg)
		return nil
	})
	return out, err
}
