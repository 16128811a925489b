package export

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/internal/place"
	"github.com/exportyard/exportyard/internal/plan"
	"github.com/exportyard/exportyard/internal/segment"
	"github.com/exportyard/exportyard/internal/worker"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/source"
)

// A sealer makes an export true: it checks every segment with the store, joins
// segments into files, and writes the manifest last.
type sealer struct{ *task }

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
	s := &sealer{t}
	segments, err := s.segments(ctx)
	if err == nil {
		segments, err = s.oneInstant(ctx, segments)
	}
	if err != nil {
		return queue.Finish{}, err
	}
	files, err := s.Files(ctx, segments, s.request.SkipEmpty)
	if err != nil {
		return queue.Finish{}, err
	}
	m, err := s.manifest(ctx, segments, files)
	if err != nil {
		return queue.Finish{}, err
	}
	res, err := s.publish(ctx, m)
	if err != nil {
		return queue.Finish{}, err
	}
	keep, err := e.keepOf(ctx, h.Job, t.dest)
	if err != nil {
		return queue.Finish{}, err
	}
	payload, err := encodePayload(res)
	return queue.Finish{Outcome: queue.Seal, Receipt: payload, Result: payload, Keep: keep}, err
}

// segments loads all rows parts, in order.
func (s *sealer) segments(ctx context.Context) ([]segment.Segment, error) {
	var out []segment.Segment
	err := s.engine.eachPart(ctx, s.held.Job, func(p queue.Part) error {
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

// manifest puts together what the export consists of.
func (s *sealer) manifest(ctx context.Context, segments []segment.Segment, files []manifest.File) (*manifest.Manifest, error) {
	job := s.held.Job
	m := &manifest.Manifest{
		FormatVersion: manifest.FormatVersion, Job: job.ID, Tenant: job.Tenant,
		Request: json.RawMessage(job.Request.Data), CreatedAt: job.CreatedAt,
		Zone: s.request.Zone, Interval: string(s.request.Interval), From: s.Plan.From, To: s.Plan.To, Files: files,
	}
	rows := make([]int64, len(s.Plan.Datasets))
	counted := make([]string, len(s.Plan.Datasets))
	for _, seg := range segments {
		d := seg.Part.Dataset
		rows[d] += seg.Rows
		if counted[d] == "" || seg.Counted == manifest.CountedByStream {
			counted[d] = seg.Counted
		}
	}
	if m.AsOf = segment.AsOf(s.Plan, segments); m.AsOf.Snapshot != "" {
		for i := range files {
			files[i].AsOf = manifest.AsOf{} // the same for all
		}
	}
	for i := range s.Plan.Datasets {
		d := &s.Plan.Datasets[i]
		if err := s.checkTotal(ctx, m, d, rows[i]); err != nil {
			return nil, err
		}
		md := manifest.Dataset{
			Name: d.Name, Rows: rows[i], Counted: counted[i], Unguarded: d.Unguarded,
			Omitted: d.Omitted, Skipped: d.Skipped, NullTimeRows: d.NullTimeRows,
		}
		for _, f := range d.Written() {
			md.Schema = append(md.Schema, manifest.Field{Name: f.Name, Kind: f.Kind, Required: f.Required})
		}
		if d.NullTimeRows > 0 {
			m.Warnings = append(m.Warnings, fmt.Sprintf("dataset %q: %d rows have no %s and are in no file", d.Name, d.NullTimeRows, d.Time))
		}
		m.Datasets = append(m.Datasets, md)
	}
	for _, f := range files {
		m.Rows += f.Rows
		m.Bytes += f.Bytes
	}
	var read int64
	for _, n := range rows {
		read += n
	}
	if m.Rows != read {
		return nil, &Error{Code: CodeVerificationFailed, Message: fmt.Sprintf("the parts read %d rows and the files hold %d", read, m.Rows)}
	}
	return m, nil
}

// checkTotal compares the sum of the parts with the count of the whole range.
// The plan counted before the parts were read; when the sum differs, counting
// again tells a source that changed meanwhile (which is recorded) from parts
// that miss rows (which fails the job). Of one snapshot the plan's count stands.
func (s *sealer) checkTotal(ctx context.Context, m *manifest.Manifest, d *plan.Dataset, rows int64) error {
	if d.Skipped != "" || d.Rows < 0 || d.Rows == rows {
		return nil
	}
	loc, err := s.request.zone()
	if err != nil {
		return err
	}
	now, known := d.Rows, true
	if m.AsOf.Snapshot == "" {
		now, known, err = source.TryCount(ctx, s.engine.config.Source, d.Query(s.request.Tenant, s.Plan.Whole(loc)))
	}
	if err != nil {
		return sourceFault(err)
	}
	if known && now == d.Rows {
		return &Error{
			Code:    CodeVerificationFailed,
			Message: fmt.Sprintf("dataset %q has %d rows and the parts read %d", d.Name, now, rows),
			Hint:    "look at the dataset's key: it must be unique and never null",
		}
	}
	m.Warnings = append(m.Warnings, fmt.Sprintf("dataset %q changed while it was read: %d rows when it was planned, %d read", d.Name, d.Rows, rows))
	return nil
}

// publish writes the manifest, signed if so configured, and reads it back.
func (s *sealer) publish(ctx context.Context, m *manifest.Manifest) (result, error) {
	m.Key = place.Manifest(s.Plan.Folders[0], s.held.Part.Fence)
	data, err := m.Encode()
	if err != nil {
		return result{}, err
	}
	if key := s.engine.config.SigningKey; key != nil {
		if _, err := s.Put(ctx, m.Key+manifest.SignatureExt, "text/plain", manifest.Sign(key, data)); err != nil {
			return result{}, err
		}
	}
	o, err := s.Put(ctx, m.Key, "application/json", data)
	if err != nil {
		return result{}, err
	}
	return result{
		Key: o.Key, Bytes: o.Bytes, SHA256: o.SHA256,
		Files: len(m.Files), Rows: m.Rows, Size: m.Bytes, Destination: s.request.Destination,
	}, nil
}
