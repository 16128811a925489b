package segment

import (
	"context"
	"fmt"
	"io"

	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/internal/pipeline"
	"github.com/exportyard/exportyard/internal/place"
	"github.com/exportyard/exportyard/internal/plan"
	"github.com/exportyard/exportyard/sink"
)

// join writes one file from pieces. Each segment is checked as it is read.
func (m *Maker) join(ctx context.Context, segments []Segment, name, ext string) (Receipt, error) {
	dataset := m.Plan.Datasets[segments[0].Part.Dataset].Name
	if m.Plan.Layout == plan.Document {
		dataset = place.AllDatasets
	}
	dir := place.Folder(m.Keys, m.Job.Tenant, m.Job.ID, dataset, m.Job.CreatedAt)
	base := dir + "/" + name[:len(name)-len(ext)-1]
	out := Receipt{Key: place.Key(base, m.Part.Number, m.Part.Fence, ext)}
	var size int64
	for _, seg := range segments {
		size += seg.Bytes
		out.Rows += seg.Rows
	}
	w, abort, err := m.create(ctx, out.Key, &sink.CreateOptions{
		ContentType: mediaType(m.Format.Info(), m.Codec), Filename: name, SizeHint: size,
	})
	if err != nil {
		return out, err
	}
	defer abort()
	meter := pipeline.NewMeter(ctx, w, nil)
	raw, err := m.assemble(ctx, meter, segments)
	if err != nil {
		return out, err
	}
	if err := commit(ctx, w); err != nil {
		return out, err
	}
	out.stored(meter.Digest(), raw)
	return out, nil
}

// assemble makes a file of segments and returns the sum of what it holds before
// compression.
func (m *Maker) assemble(ctx context.Context, out *pipeline.Meter, segments []Segment) (format.Sum, error) {
	f, ok := m.Format.(format.ArchiveFormatter)
	if !ok {
		return m.text(ctx, format.NewJoiner(out, m.Codec), segments)
	}
	if err := m.archive(ctx, f.NewArchive(out), segments); err != nil {
		return format.Sum{}, err
	}
	d := out.Digest()
	return format.Sum{Bytes: d.Bytes, CRC32: d.CRC32}, nil
}

// archive puts the segments into an archive, dataset by dataset.
func (m *Maker) archive(ctx context.Context, a format.Archive, segments []Segment) error {
	dataset := -1
	for _, seg := range segments {
		if seg.Part.Dataset != dataset {
			dataset = seg.Part.Dataset
			d := &m.Plan.Datasets[dataset]
			if err := a.Dataset(d.Name, d.Written()); err != nil {
				return err
			}
		}
		err := manifest.Read(ctx, m.Sink, seg.object(), func(r io.Reader) error {
			rows, raw, err := format.CopyPiece(a, r)
			if err == nil && (rows != seg.Rows || raw != seg.raw()) {
				err = fmt.Errorf("the piece holds %d rows and its part wrote %d", rows, seg.Rows)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return a.Close()
}

// text puts the segments and all that stands between them into a file.
func (m *Maker) text(ctx context.Context, j *format.Joiner, segments []Segment) (format.Sum, error) {
	doc, _ := m.Format.(format.DocumentFormatter)
	if m.Plan.Layout != plan.Document {
		doc = nil
	}
	if doc != nil {
		if err := j.Literal(doc.AppendDocumentStart(nil)); err != nil {
			return format.Sum{}, err
		}
	}
	for i, from := 0, 0; from < len(segments); i++ {
		to := from + 1
		for to < len(segments) && segments[to].Part.Dataset == segments[from].Part.Dataset {
			to++
		}
		var start []byte
		d := &m.Plan.Datasets[segments[from].Part.Dataset]
		if doc != nil {
			start = doc.AppendDatasetStart(nil, i, d.Name)
		}
		if err := m.textOf(ctx, j, d, start, segments[from:to]); err != nil {
			return format.Sum{}, err
		}
		from = to
	}
	if doc != nil {
		if err := j.Literal(doc.AppendDocumentEnd(nil)); err != nil {
			return format.Sum{}, err
		}
	}
	return j.Close()
}

// textOf puts the segments of one dataset into a file.
func (m *Maker) textOf(ctx context.Context, j *format.Joiner, d *plan.Dataset, start []byte, segments []Segment) error {
	blocks, err := m.Format.(format.BlockFormatter).Blocks(d.Written())
	if err != nil {
		return err
	}
	if err := j.Literal(blocks.AppendHeader(start)); err != nil {
		return err
	}
	begun := false
	for _, seg := range segments {
		if seg.Rows > 0 && begun {
			if err := j.Literal(blocks.AppendSeparator(nil)); err != nil {
				return err
			}
		}
		begun = begun || seg.Rows > 0
		if err := m.copySegment(ctx, j, seg); err != nil {
			return err
		}
	}
	return j.Literal(blocks.AppendFooter(nil))
}

// copySegment adds a stored segment to a file, and proves on the way that the
// store has what the part wrote.
func (m *Maker) copySegment(ctx context.Context, j *format.Joiner, seg Segment) error {
	return manifest.Read(ctx, m.Sink, seg.object(), func(r io.Reader) error {
		return j.Segment(r, seg.Bytes, seg.raw())
	})
}
