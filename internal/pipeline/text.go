package pipeline

import "github.com/exportyard/exportyard/format"

// The bytes of cells in a batch. Zstd frames carry no window over, so that
// larger ones compress better; gzip loses under one percent at this size.
const (
	batchBytes     = 1 << 20
	zstdBatchBytes = 2 << 20
)

// textShape makes a stored file of blocks, or a piece of one.
func textShape(blocks format.Blocks, out *Meter, spec Spec) shape {
	size := batchBytes
	if spec.Compression == format.Zstd {
		size = zstdBatchBytes
	}
	return shape{
		rows: blocks, separator: blocks.AppendSeparator(nil), codec: spec.Compression, level: spec.Level, size: size,
		file: &textFile{out: out, blocks: blocks, codec: spec.Compression, piece: spec.Piece},
	}
}

// A textFile is a stored file with a header and a footer, unless it is a piece.
type textFile struct {
	out    *Meter
	blocks format.Blocks
	codec  format.Compression
	piece  bool
	sum    format.Sum
}

func (t *textFile) begin() error {
	if _, err := t.out.Write(t.codec.AppendStart(nil)); err != nil {
		return err
	}
	return t.punctuation(t.blocks.AppendHeader)
}

func (t *textFile) add(u *unit) error {
	t.sum = t.sum.Join(u.sum)
	_, err := t.out.Write(u.out)
	return err
}

func (t *textFile) end() (format.Sum, error) {
	if err := t.punctuation(t.blocks.AppendFooter); err != nil {
		return t.sum, err
	}
	_, err := t.out.Write(t.codec.AppendEnd(nil, t.sum))
	return t.sum, err
}

// punctuation writes a header or footer, unless the file is a piece.
func (t *textFile) punctuation(appendTo func([]byte) []byte) error {
	if t.piece {
		return nil
	}
	p := appendTo(nil)
	t.sum = t.sum.Join(format.SumOf(p))
	_, err := t.out.Write(t.codec.AppendStored(nil, p))
	return err
}
