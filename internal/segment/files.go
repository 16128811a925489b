package segment

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/internal/place"
	"github.com/exportyard/exportyard/internal/plan"
)

// Files groups the segments of an export, in order, into files and makes or proves
// each, several at once. skipEmpty leaves out files without rows.
func (m *Maker) Files(ctx context.Context, segments []Segment, skipEmpty bool) ([]manifest.File, error) {
	var groups [][]Segment
	for from := 0; from < len(segments); {
		to := from + 1
		for to < len(segments) && segments[to].Part.File == segments[from].Part.File {
			to++
		}
		groups = append(groups, m.roll(segments[from:to])...)
		from = to
	}
	out := make([]manifest.File, len(groups))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(m.Workers)
	for i, group := range groups {
		g.Go(func() (err error) {
			out[i], err = m.file(ctx, group)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	kept := out[:0]
	for _, f := range out {
		if f.Rows > 0 || !skipEmpty {
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
func (m *Maker) roll(segments []Segment) [][]Segment {
	if !segments[0].Part.Piece || m.Plan.Layout == plan.Document || m.FileRows <= 0 && m.FileBytes <= 0 {
		return [][]Segment{segments}
	}
	var out [][]Segment
	var rows, bytes int64
	from := 0
	for i, seg := range segments {
		over := m.FileRows > 0 && rows+seg.Rows > m.FileRows || m.FileBytes > 0 && bytes+seg.Bytes > m.FileBytes
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
				group[j].Part.Roll = i + 1
			}
		}
	}
	return out
}

// file joins the segments of one file, or takes the one that is a file
// already, and proves what the store has.
func (m *Maker) file(ctx context.Context, segments []Segment) (manifest.File, error) {
	first := segments[0]
	info := m.Format.Info()
	ext := m.Extension()
	f := manifest.File{
		Dataset: m.Plan.Datasets[first.Part.Dataset].Name, From: first.Part.Period.From, To: first.Part.Period.To,
		Format: info.Name, Profile: info.Profile, Compression: m.Codec, MediaType: mediaType(info, m.Codec),
	}
	f.Name = place.FileName(f.Dataset, first.Part.Period.Label, ext, first.Part.Roll)
	if m.Plan.Layout == plan.Document {
		f.Dataset = ""
		for _, d := range m.Plan.Datasets {
			if d.Skipped == "" {
				f.Datasets = append(f.Datasets, d.Name)
			}
		}
		f.Name = place.FileName(m.Document, first.Part.Period.Label, ext, 0)
	}
	made := first.Receipt
	if first.Part.Piece {
		var err error
		if made, err = m.join(ctx, segments, f.Name, ext); err != nil {
			return f, err
		}
	}
	f.Key, f.Rows, f.Bytes, f.SHA256 = made.Key, made.Rows, made.Bytes, made.SHA256
	f.CRC32, f.RawBytes, f.RawCRC32 = manifest.HexCRC(made.CRC32), made.RawBytes, manifest.HexCRC(made.RawCRC32)
	f.AsOf = AsOf(m.Plan, segments)
	return f, manifest.Prove(ctx, m.Sink, f.Object())
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
