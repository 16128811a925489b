package pipeline

import (
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/source"
)

// archiveBatchBytes are the bytes of cells in a batch of an archive, whose markup
// makes two to three times as much of them.
const archiveBatchBytes = 1 << 19

// archiveShape makes a file of one dataset, or a piece of a file.
func archiveShape(f format.ArchiveFormatter, rows format.Rows, out *Meter, spec Spec) shape {
	sh := shape{rows: rows, codec: format.Gzip, level: format.ArchiveLevel, size: archiveBatchBytes}
	if spec.Piece {
		sh.file = &archivePiece{out: out}
	} else {
		sh.file = &archiveFile{out: out, archive: f.NewArchive(out), dataset: spec.Dataset, schema: spec.Schema[:spec.Columns]}
	}
	return sh
}

func (u *unit) packed() format.PackedRows {
	return format.PackedRows{Rows: u.rows, Raw: u.sum, Block: u.out}
}

// An archiveFile is a whole file.
type archiveFile struct {
	out     *Meter
	archive format.Archive
	dataset string
	schema  source.Schema
}

func (a *archiveFile) begin() error      { return a.archive.Dataset(a.dataset, a.schema) }
func (a *archiveFile) add(u *unit) error { return a.archive.Block(u.packed()) }

func (a *archiveFile) end() (format.Sum, error) {
	err := a.archive.Close()
	return format.Sum{Bytes: a.out.bytes, CRC32: a.out.crc}, err
}

// An archivePiece is what the seal puts into a file.
type archivePiece struct {
	out    *Meter
	header []byte
	sum    format.Sum
}

func (a *archivePiece) begin() error { return nil }

func (a *archivePiece) add(u *unit) (err error) {
	p := u.packed()
	if a.header, err = p.AppendPieceHeader(a.header[:0]); err != nil {
		return err
	}
	if _, err := a.out.Write(a.header); err != nil {
		return err
	}
	a.sum = a.sum.Join(p.Raw)
	_, err = a.out.Write(p.Block)
	return err
}

func (a *archivePiece) end() (format.Sum, error) { return a.sum, nil }
