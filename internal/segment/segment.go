// Package segment makes the objects of an export: segments of rows, and files of
// segments. Each is visible only when it is whole, and each file has been read back.
package segment

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/internal/pipeline"
	"github.com/exportyard/exportyard/internal/plan"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/source"
)

// A Receipt is what a finished rows part records of its segment; nothing when it
// left the part to the seal.
type Receipt struct {
	Key      string `json:"key"`
	Rows     int64  `json:"rows"`
	Bytes    int64  `json:"bytes"`
	SHA256   string `json:"sha256"`
	CRC32    uint32 `json:"crc32"`
	RawBytes int64  `json:"raw_bytes"`
	RawCRC32 uint32 `json:"raw_crc32"`
	// Counted says who counted the rows, as a [manifest.Dataset] does.
	Counted  string    `json:"counted"`
	ReadFrom time.Time `json:"read_from"`
	ReadTo   time.Time `json:"read_to"`
	// Snapshot that was read, if any.
	Snapshot string `json:"snapshot,omitempty"`
}

func (r *Receipt) raw() format.Sum { return format.Sum{Bytes: r.RawBytes, CRC32: r.RawCRC32} }

func (r *Receipt) object() manifest.Object {
	return manifest.Object{Key: r.Key, Bytes: r.Bytes, SHA256: r.SHA256}
}

// stored notes what went to the store.
func (r *Receipt) stored(d pipeline.Digest, raw format.Sum) {
	r.Bytes, r.CRC32, r.SHA256 = d.Bytes, d.CRC32, hex.EncodeToString(d.SHA256[:])
	r.RawBytes, r.RawCRC32 = raw.Bytes, raw.CRC32
}

// A Segment is a sealed rows part: what it was to do, and what it made.
type Segment struct {
	Part plan.Part
	Receipt
}

// AsOf says what moment the segments show: that of the plan's snapshot when all
// of them are of it.
func AsOf(p *plan.Plan, segments []Segment) manifest.AsOf {
	var between manifest.AsOf
	one := p.AsOf.Snapshot != ""
	for _, seg := range segments {
		from, to := seg.ReadFrom, seg.ReadTo
		if seg.Snapshot != "" {
			from, to = p.AsOf.From, p.AsOf.To
		}
		if between.From.IsZero() || from.Before(between.From) {
			between.From = from
		}
		if to.After(between.To) {
			between.To = to
		}
		one = one && seg.Snapshot == p.AsOf.Snapshot
	}
	if one {
		return p.AsOf
	}
	return between
}

// A Maker makes the objects of one attempt at a part. All fields are required but
// Level and the limits.
type Maker struct {
	Plan *plan.Plan
	Job  queue.Job
	Part queue.Part
	Sink sink.Sink
	// Keys is the template of the folders of the job's objects.
	Keys string

	Format format.Formatter
	Codec  format.Compression
	// Level of the compression, as the codec counts; 0 for its own.
	Level   int
	Workers int
	// FileRows and FileBytes are where files are rolled; 0 for never.
	FileRows, FileBytes int64
	// Document is what a file of several datasets is called.
	Document string

	Progress *pipeline.Progress
	Now      func() time.Time
	Logger   *slog.Logger
}

// Extension is what stands behind the names of files.
func (m *Maker) Extension() string { return m.Format.Info().Extension + m.Codec.Extension() }

// Write streams a part's rows of src into an object.
func (m *Maker) Write(ctx context.Context, src source.Source, part plan.Part, key string) (Receipt, error) {
	d := &m.Plan.Datasets[part.Dataset]
	g, err := d.Guard(m.Job.Tenant, part.Period)
	if err != nil {
		return Receipt{}, err
	}
	level := m.Level
	if m.Codec == format.None {
		level = 0
	}
	r := Receipt{Key: key, ReadFrom: m.Now().UTC()}
	q := d.Query(m.Job.Tenant, part.Period)
	q.After, q.UpTo = part.After, part.UpTo
	res, counted, err := m.stream(ctx, src, key, q, pipeline.Spec{
		Schema: d.Schema, Columns: d.Columns, Check: g.Check, Dataset: d.Name,
		Format: m.Format, Compression: m.Codec, Level: level, Piece: part.Piece,
		Workers: m.Workers, Progress: m.Progress,
	})
	if err != nil {
		return Receipt{}, nameDataset(err, d.Name)
	}
	r.Rows = res.Rows
	r.stored(res.Stored, res.Raw)
	r.Counted, r.ReadTo = counted, m.Now().UTC()
	return r, nil
}

// A CountError says that rows were lost between the source and the file.
type CountError struct {
	Dataset string
	// Counted by the source, Read from it, and Written.
	Counted, Read, Written int64
}

// Error gives the three numbers.
func (e *CountError) Error() string {
	return fmt.Sprintf("dataset %q: the source counted %d rows, gave %d, and %d were written", e.Dataset, e.Counted, e.Read, e.Written)
}

// stream moves the rows of q into an object, which is visible only when every
// row has been read, checked, written and counted.
func (m *Maker) stream(ctx context.Context, src source.Source, key string, q source.Query, spec pipeline.Spec) (res pipeline.Result, counted string, err error) {
	r, err := src.Open(ctx, q)
	if err != nil {
		return res, "", &pipeline.ReadError{Err: err}
	}
	defer func() {
		if closeErr := r.Close(); closeErr != nil && err == nil {
			m.Logger.WarnContext(ctx, "closing a reader", "dataset", q.Dataset, "err", closeErr)
		}
	}()
	out, abort, err := m.create(ctx, key, &sink.CreateOptions{ContentType: spec.Format.Info().MediaType})
	if err != nil {
		return res, "", err
	}
	defer abort()
	if res, err = pipeline.Run(ctx, r, out, spec); err != nil {
		return res, "", err
	}
	counted = manifest.CountedByStream
	want := res.ReadRows
	if n, known := source.CountOf(r); known {
		counted, want = manifest.CountedBySource, n
	}
	if want != res.ReadRows || res.Rows != res.ReadRows {
		return res, "", &CountError{Dataset: q.Dataset, Counted: want, Read: res.ReadRows, Written: res.Rows}
	}
	return res, counted, commit(ctx, out)
}

// Put writes a small object and reads it back.
func (m *Maker) Put(ctx context.Context, key, contentType string, data []byte) (manifest.Object, error) {
	o := manifest.Object{Key: key}
	w, abort, err := m.create(ctx, key, &sink.CreateOptions{ContentType: contentType, SizeHint: int64(len(data))})
	if err != nil {
		return o, err
	}
	defer abort()
	meter := pipeline.NewMeter(ctx, w, nil)
	if _, err := meter.Write(data); err != nil {
		return o, err
	}
	if err := commit(ctx, w); err != nil {
		return o, err
	}
	d := meter.Digest()
	o.Bytes, o.SHA256 = d.Bytes, hex.EncodeToString(d.SHA256[:])
	return o, manifest.Prove(ctx, m.Sink, o)
}

// create begins an object; abort takes it back unless it was committed.
func (m *Maker) create(ctx context.Context, key string, opts *sink.CreateOptions) (w sink.Writer, abort func(), err error) {
	w, err = m.Sink.Create(ctx, key, opts)
	if err != nil {
		return nil, nil, &pipeline.WriteError{Err: err}
	}
	return w, func() {
		if err := w.Abort(); err != nil {
			m.Logger.WarnContext(ctx, "aborting an object", "key", key, "err", err)
		}
	}, nil
}

// commit publishes an object unless the worker has to stop.
func commit(ctx context.Context, w sink.Writer) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := w.Commit(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return &pipeline.WriteError{Err: err}
	}
	return nil
}

// nameDataset fills the dataset into a [source.DataError] of a format.
func nameDataset(err error, dataset string) error {
	var data *source.DataError
	if errors.As(err, &data) && data.Dataset == "" {
		named := *data
		named.Dataset = dataset
		return &named
	}
	return err
}
