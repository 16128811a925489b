// Package seal makes an export true: it reads again what has to be of one instant, joins
// segments into files, checks that nothing is missing, and writes the manifest last.
package seal

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/internal/pipeline"
	"github.com/exportyard/exportyard/internal/place"
	"github.com/exportyard/exportyard/internal/plan"
	"github.com/exportyard/exportyard/internal/segment"
	"github.com/exportyard/exportyard/source"
)

// A Sealer seals one export. All fields are required but those that say otherwise.
type Sealer struct {
	*segment.Maker
	Source source.Source
	// Location is the zone by the name Zone.
	Location       *time.Location
	Zone, Interval string
	// SkipEmpty leaves out files without rows. Optional.
	SkipEmpty bool
	// RequireSnapshot reads all parts again when they are not of one snapshot, Parts of
	// them at once. Optional.
	RequireSnapshot bool
	Parts           int
	// SigningKey signs the manifest. Optional.
	SigningKey ed25519.PrivateKey
}

// A TotalError says that the sums of an export do not agree.
type TotalError struct{ Message, Hint string }

// Error says which.
func (e *TotalError) Error() string { return e.Message }

// Seal makes the files of the segments, in order, and the manifest, and returns that with
// where it lies.
func (s *Sealer) Seal(ctx context.Context, segments []segment.Segment) (*manifest.Manifest, manifest.Object, error) {
	segments, err := s.oneInstant(ctx, segments)
	if err != nil {
		return nil, manifest.Object{}, err
	}
	files, err := s.Files(ctx, segments, s.SkipEmpty)
	if err != nil {
		return nil, manifest.Object{}, err
	}
	m, err := s.manifest(ctx, segments, files)
	if err != nil {
		return nil, manifest.Object{}, err
	}
	o, err := s.publish(ctx, m)
	return m, o, err
}

// oneInstant returns the segments, read again from one snapshot when they have to
// be and are not.
func (s *Sealer) oneInstant(ctx context.Context, segments []segment.Segment) ([]segment.Segment, error) {
	unread := slices.ContainsFunc(segments, func(seg segment.Segment) bool { return seg.Key == "" })
	if !unread && (!s.RequireSnapshot || segment.AsOf(s.Plan, segments).Snapshot != "") {
		return segments, nil
	}
	again := *s.Plan // which other parts share
	again.Datasets = slices.Clone(again.Datasets)
	again.AsOf = manifest.AsOf{From: s.Now().UTC()}
	snap, err := source.SnapshotOf(ctx, s.Source, "")
	if err != nil {
		return nil, &pipeline.ReadError{Err: err}
	}
	defer func() { _ = snap.Close() }() // it was only read
	again.AsOf.Snapshot, again.AsOf.To = snap.Name(), s.Now().UTC()
	for i := range again.Datasets {
		if err := again.Datasets[i].Count(ctx, snap, s.Job.Tenant, again.Whole(s.Location)); err != nil {
			return nil, &pipeline.ReadError{Err: err}
		}
	}
	s.Plan = &again
	out := slices.Clone(segments)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(s.Parts)
	for i := range out {
		g.Go(func() (err error) {
			part, seal := out[i].Part, s.Part
			key := place.Key(part.Base+"."+strconv.Itoa(i+1), seal.Number, seal.Fence, s.Extension())
			out[i].Receipt, err = s.Write(ctx, snap, part, key)
			out[i].Snapshot = snap.Name()
			return err
		})
	}
	return out, g.Wait()
}

// manifest puts together what the export consists of.
func (s *Sealer) manifest(ctx context.Context, segments []segment.Segment, files []manifest.File) (*manifest.Manifest, error) {
	job := s.Job
	m := &manifest.Manifest{
		FormatVersion: manifest.FormatVersion, Job: job.ID, Tenant: job.Tenant,
		Request: json.RawMessage(job.Request.Data), CreatedAt: job.CreatedAt,
		Zone: s.Zone, Interval: s.Interval, From: s.Plan.From, To: s.Plan.To, Files: files,
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
		return nil, &TotalError{Message: fmt.Sprintf("the parts read %d rows and the files hold %d", read, m.Rows)}
	}
	return m, nil
}

// checkTotal compares the sum of the parts with the count of the whole range.
// The plan counted before the parts were read; when the sum differs, counting
// again tells a source that changed meanwhile (which is recorded) from parts
// that miss rows (which fails the job). Of one snapshot the plan's count stands.
func (s *Sealer) checkTotal(ctx context.Context, m *manifest.Manifest, d *plan.Dataset, rows int64) error {
	if d.Skipped != "" || d.Rows < 0 || d.Rows == rows {
		return nil
	}
	now, known := d.Rows, true
	var err error
	if m.AsOf.Snapshot == "" {
		now, known, err = source.TryCount(ctx, s.Source, d.Query(s.Job.Tenant, s.Plan.Whole(s.Location)))
	}
	if err != nil {
		return &pipeline.ReadError{Err: err}
	}
	if known && now == d.Rows {
		return &TotalError{
			Message: fmt.Sprintf("dataset %q has %d rows and the parts read %d", d.Name, now, rows),
			Hint:    "look at the dataset's key: it must be unique and never null",
		}
	}
	m.Warnings = append(m.Warnings, fmt.Sprintf("dataset %q changed while it was read: %d rows when it was planned, %d read", d.Name, d.Rows, rows))
	return nil
}

// publish writes the manifest, signed if so configured, and reads it back.
func (s *Sealer) publish(ctx context.Context, m *manifest.Manifest) (manifest.Object, error) {
	m.Key = place.Manifest(s.Plan.Folders[0], s.Part.Fence)
	data, err := m.Encode()
	if err != nil {
		return manifest.Object{}, err
	}
	if s.SigningKey != nil {
		if _, err := s.Put(ctx, m.Key+manifest.SignatureExt, "text/plain", manifest.Sign(s.SigningKey, data)); err != nil {
			return manifest.Object{}, err
		}
	}
	return s.Put(ctx, m.Key, "application/json", data)
}
