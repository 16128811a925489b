package export

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/internal/pipeline"
	"github.com/exportyard/exportyard/internal/place"
	"github.com/exportyard/exportyard/internal/worker"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/source"
)

// A segment is a sealed rows part: what it was to do, and what it made.
type segment struct {
	part rowsPart
	receipt
}

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
	files, err := s.files(ctx, segments)
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
	payload, err := encodePayload(res)
	return queue.Finish{
		Outcome: queue.Seal, Receipt: payload, Result: payload,
		Keep: e.keep(t.dest),
	}, err
}

// segments loads all rows parts, in order.
func (s *sealer) segments(ctx context.Context) ([]segment, error) {
	var out []segment
	err := s.engine.eachPart(ctx, s.held.Job, func(p queue.Part) error {
		if p.Kind != queue.RowsPart {
			return nil
		}
		var seg segment
		if err := decodePayload(p.Payload, &seg.part); err != nil {
			return err
		}
		if err := decodePayload(p.Receipt, &seg.receipt); err != nil {
			return err
		}
		out = append(out, seg)
		return nil
	})
	return out, err
}

// files groups the segments into files and makes or checks each, several at once.
func (s *sealer) files(ctx context.Context, segments []segment) ([]ManifestFile, error) {
	var groups [][]segment
	for from := 0; from < len(segments); {
		to := from + 1
		for to < len(segments) && segments[to].part.File == segments[from].part.File {
			to++
		}
		groups = append(groups, s.roll(segments[from:to])...)
		from = to
	}
	out := make([]ManifestFile, len(groups))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(s.engine.config.Workers)
	for i, group := range groups {
		g.Go(func() (err error) {
			out[i], err = s.file(ctx, group)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	kept := out[:0]
	for _, f := range out {
		if f.Rows > 0 || !s.request.SkipEmpty {
			kept = append(kept, f)
		}
	}
	taken := make(place.Names)
	for i := range kept {
		kept[i].Name = taken.Take(kept[i].Name)
	}
	return kept, nil
}

// roll cuts the segments of one file where the file limits say so, and numbers
// the files that this gives.
func (s *sealer) roll(segments []segment) [][]segment {
	c := &s.engine.config
	if !segments[0].part.Piece || s.plan.Layout == Document || c.FileRows <= 0 && c.FileBytes <= 0 {
		return [][]segment{segments}
	}
	var out [][]segment
	var rows, bytes int64
	from := 0
	for i, seg := range segments {
		over := c.FileRows > 0 && rows+seg.Rows > c.FileRows || c.FileBytes > 0 && bytes+seg.Bytes > c.FileBytes
		if i > from && over {
			out = append(out, segments[from:i])
			from, rows, bytes = i, 0, 0
		}
		rows, bytes = rows+seg.Rows, bytes+seg.Bytes
	}
	out = append(out, segments[from:])
	if len(out) > 1 {
		for i, group := range out {
			for j := range group {
				group[j].part.Roll = i + 1
			}
		}
	}
	return out
}

// file joins the segments of one file, or takes the one that is a file
// already, and proves what the store has.
func (s *sealer) file(ctx context.Context, segments []segment) (ManifestFile, error) {
	first := segments[0]
	info := s.format.Info()
	ext := s.extension()
	f := ManifestFile{
		Dataset: s.plan.Datasets[first.part.Dataset].Name, From: first.part.Period.From, To: first.part.Period.To,
		Format: info.Name, Profile: info.Profile, Compression: s.codec, MediaType: mediaType(info, s.codec),
	}
	f.Name = place.FileName(f.Dataset, first.part.Period.Label, ext, first.part.Roll)
	if s.plan.Layout == Document {
		f.Dataset = ""
		for _, d := range s.plan.Datasets {
			if d.Skipped == "" {
				f.Datasets = append(f.Datasets, d.Name)
			}
		}
		f.Name = place.FileName(s.request.Kind, first.part.Period.Label, ext, 0)
	}
	made := first.receipt
	if first.part.Piece {
		var err error
		if made, err = s.join(ctx, segments, f.Name, ext); err != nil {
			return f, err
		}
	}
	f.Key, f.Rows, f.Bytes, f.SHA256 = made.Key, made.Rows, made.Bytes, made.SHA256
	f.CRC32, f.RawBytes, f.RawCRC32 = hexCRC(made.CRC32), made.RawBytes, hexCRC(made.RawCRC32)
	f.AsOf = s.plan.asOf(segments)
	return f, verifyObject(ctx, s.dest.Sink, made.Key, made.Bytes, made.SHA256)
}

func mediaType(info format.Info, codec format.Compression) string {
	switch codec {
	case format.Gzip:
		return "application/gzip"
	case format.Zstd:
		return "application/zstd"
	default:
		return info.MediaType
	}
}

// join writes one file from pieces. Each segment is checked as it is read.
func (s *sealer) join(ctx context.Context, segments []segment, name, ext string) (receipt, error) {
	dataset := s.plan.Datasets[segments[0].part.Dataset].Name
	if s.plan.Layout == Document {
		dataset = place.AllDatasets
	}
	dir := place.Folder(s.engine.config.Keys, s.held.Job.Tenant, s.held.Job.ID, dataset, s.held.Job.CreatedAt)
	base := dir + "/" + name[:len(name)-len(ext)-1]
	out := receipt{Key: place.Key(base, s.held.Part.Number, s.held.Part.Fence, ext)}
	var size int64
	for _, seg := range segments {
		size += seg.Bytes
		out.Rows += seg.Rows
	}
	w, err := s.dest.Sink.Create(ctx, out.Key, &sink.CreateOptions{
		ContentType: mediaType(s.format.Info(), s.codec), Filename: name, SizeHint: size,
	})
	if err != nil {
		return out, &pipeline.WriteError{Err: err}
	}
	defer func() {
		if err := w.Abort(); err != nil {
			s.engine.config.Logger.WarnContext(ctx, "aborting an object", "key", out.Key, "err", err)
		}
	}()
	meter := pipeline.NewMeter(ctx, w, nil)
	raw, err := s.assemble(ctx, meter, segments)
	if err != nil {
		return out, err
	}
	if err := commit(ctx, w); err != nil {
		return out, err
	}
	d := meter.Digest()
	out.Bytes, out.CRC32, out.SHA256 = d.Bytes, d.CRC32, hex.EncodeToString(d.SHA256[:])
	out.RawBytes, out.RawCRC32 = raw.Bytes, raw.CRC32
	return out, nil
}

// assemble makes a file of segments and returns the sum of what it holds before
// compression.
func (s *sealer) assemble(ctx context.Context, out *pipeline.Meter, segments []segment) (format.Sum, error) {
	f, ok := s.format.(format.ArchiveFormatter)
	if !ok {
		return s.write(ctx, format.NewJoiner(out, s.codec), segments)
	}
	if err := s.archive(ctx, f.NewArchive(out), segments); err != nil {
		return format.Sum{}, err
	}
	d := out.Digest()
	return format.Sum{Bytes: d.Bytes, CRC32: d.CRC32}, nil
}

// archive puts the segments into an archive, dataset by dataset.
func (s *sealer) archive(ctx context.Context, a format.Archive, segments []segment) error {
	dataset := -1
	for _, seg := range segments {
		if seg.part.Dataset != dataset {
			dataset = seg.part.Dataset
			d := &s.plan.Datasets[dataset]
			if err := a.Dataset(d.Name, d.columns()); err != nil {
				return err
			}
		}
		err := readVerified(ctx, s.dest.Sink, seg.Key, seg.Bytes, seg.SHA256, func(r io.Reader) error {
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

// write puts the segments and all that stands between them into a file.
func (s *sealer) write(ctx context.Context, j *format.Joiner, segments []segment) (format.Sum, error) {
	doc, _ := s.format.(format.DocumentFormatter)
	if s.plan.Layout != Document {
		doc = nil
	}
	if doc != nil {
		if err := j.Literal(doc.AppendDocumentStart(nil)); err != nil {
			return format.Sum{}, err
		}
	}
	for i, from := 0, 0; from < len(segments); i++ {
		to := from + 1
		for to < len(segments) && segments[to].part.Dataset == segments[from].part.Dataset {
			to++
		}
		var start []byte
		d := &s.plan.Datasets[segments[from].part.Dataset]
		if doc != nil {
			start = doc.AppendDatasetStart(nil, i, d.Name)
		}
		if err := s.writeDataset(ctx, j, d, start, segments[from:to]); err != nil {
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

func (s *sealer) writeDataset(ctx context.Context, j *format.Joiner, d *selected, start []byte, segments []segment) error {
	blocks, err := s.format.(format.BlockFormatter).Blocks(d.columns())
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
		if err := s.copySegment(ctx, j, seg); err != nil {
			return err
		}
	}
	return j.Literal(blocks.AppendFooter(nil))
}

// copySegment adds a stored segment to a file, and proves on the way that the
// store has what the part wrote.
func (s *sealer) copySegment(ctx context.Context, j *format.Joiner, seg segment) error {
	return readVerified(ctx, s.dest.Sink, seg.Key, seg.Bytes, seg.SHA256, func(r io.Reader) error {
		return j.Segment(r, seg.Bytes, seg.raw())
	})
}

// manifest puts together what the export consists of.
func (s *sealer) manifest(ctx context.Context, segments []segment, files []ManifestFile) (*Manifest, error) {
	job := s.held.Job
	m := &Manifest{
		FormatVersion: FormatVersion, Job: job.ID, Tenant: job.Tenant,
		Request: json.RawMessage(job.Request.Data), CreatedAt: job.CreatedAt,
		Zone: s.request.Zone, Interval: s.request.Interval, From: s.plan.From, To: s.plan.To, Files: files,
	}
	rows := make([]int64, len(s.plan.Datasets))
	counted := make([]string, len(s.plan.Datasets))
	for _, seg := range segments {
		d := seg.part.Dataset
		rows[d] += seg.Rows
		if counted[d] == "" || seg.Counted == countedStream {
			counted[d] = seg.Counted
		}
	}
	if m.AsOf = s.plan.asOf(segments); m.AsOf.Snapshot != "" {
		for i := range files {
			files[i].AsOf = AsOf{} // the same for all
		}
	}
	for i := range s.plan.Datasets {
		d := &s.plan.Datasets[i]
		if err := s.checkTotal(ctx, m, d, rows[i]); err != nil {
			return nil, err
		}
		md := ManifestDataset{
			Name: d.Name, Rows: rows[i], Counted: counted[i], Unguarded: d.Unguarded,
			Omitted: d.Omitted, Skipped: d.Skipped, NullTimeRows: d.NullTimeRows,
		}
		for _, f := range d.columns() {
			md.Schema = append(md.Schema, ManifestField{Name: f.Name, Kind: f.Kind, Required: f.Required})
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
func (s *sealer) checkTotal(ctx context.Context, m *Manifest, d *selected, rows int64) error {
	if d.Skipped != "" || d.Rows < 0 || d.Rows == rows {
		return nil
	}
	loc, err := s.request.zone()
	if err != nil {
		return err
	}
	now, known := d.Rows, true
	if m.AsOf.Snapshot == "" {
		now, known, err = source.TryCount(ctx, s.engine.config.Source, d.query(s.request.Tenant, s.plan.whole(loc)))
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
func (s *sealer) publish(ctx context.Context, m *Manifest) (result, error) {
	m.Key = place.Manifest(s.plan.Folders[0], s.held.Part.Fence)
	data, err := m.encode()
	if err != nil {
		return result{}, err
	}
	if key := s.engine.config.SigningKey; key != nil {
		if _, err := s.put(ctx, m.Key+signatureExt, "text/plain", sign(key, data)); err != nil {
			return result{}, err
		}
	}
	d, err := s.put(ctx, m.Key, "application/json", data)
	if err != nil {
		return result{}, err
	}
	return result{
		Key: m.Key, Bytes: d.Bytes, SHA256: hex.EncodeToString(d.SHA256[:]),
		Files: len(m.Files), Rows: m.Rows, Size: m.Bytes, Destination: s.request.Destination,
	}, nil
}

func (s *sealer) put(ctx context.Context, key, contentType string, data []byte) (pipeline.Digest, error) {
	w, err := s.dest.Sink.Create(ctx, key, &sink.CreateOptions{ContentType: contentType, SizeHint: int64(len(data))})
	if err != nil {
		return pipeline.Digest{}, &pipeline.WriteError{Err: err}
	}
	meter := pipeline.NewMeter(ctx, w, nil)
	if _, err = meter.Write(data); err == nil {
		err = commit(ctx, w)
	}
	if err := errors.Join(err, w.Abort()); err != nil {
		return pipeline.Digest{}, err
	}
	d := meter.Digest()
	return d, verifyObject(ctx, s.dest.Sink, key, d.Bytes, hex.EncodeToString(d.SHA256[:]))
}
