package pipeline

import (
	"context"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/source"
)

// A shape is how units are encoded and what is made of them.
type shape struct {
	rows      format.Rows
	separator []byte // between the rows of two units
	codec     format.Compression
	level     int
	size      int // bytes of cells in a unit
	file      file
}

// A file takes finished units in order.
type file interface {
	begin() error
	add(u *unit) error
	// end returns the sum of all bytes before compression.
	end() (format.Sum, error)
}

// textGrowth is how many times the bytes of its cells a unit's text rarely exceeds.
const textGrowth = 3

// runBlocks encodes units on all workers at once, each in one pass while it is in
// cache. It does not end a file whose rows could not all be read.
func runBlocks(ctx context.Context, r source.Reader, out *Meter, sh shape, spec Spec) (res Result, err error) {
	l := newLine(r, spec.Schema, spec.Workers, spec.Workers+2, sh.size)
	workers := make([]func(*unit) error, spec.Workers)
	for i := range workers {
		packer, err := format.NewPacker(sh.codec, sh.level)
		if err != nil {
			return Result{}, err
		}
		w := &blockWorker{shape: sh, line: l, spec: spec, packer: packer, batch: l.newBatch()}
		workers[i] = w.encode
	}
	if err := sh.file.begin(); err != nil {
		return Result{}, err
	}
	res.ReadRows, err = l.run(ctx, workers, func(u *unit) error {
		if err := sh.file.add(u); err != nil {
			return err
		}
		res.Rows += int64(u.rows)
		out.rows(u.rows)
		return nil
	})
	if err != nil {
		return Result{}, err
	}
	res.Raw, err = sh.file.end()
	return res, err
}

// A blockWorker decodes, checks, encodes and compresses. Encoded rows are needed
// until they are compressed, and so are decoded ones, so their memory is the
// worker's, of which there are fewer than units.
type blockWorker struct {
	shape
	line   *line
	spec   Spec
	packer format.Packer
	batch  *source.Batch
	text   []byte
}

func (w *blockWorker) encode(u *unit) error {
	b, err := w.line.cells(u, w.batch)
	if err != nil {
		return err
	}
	if err := w.spec.Check(b); err != nil {
		return err
	}
	if w.text == nil {
		w.text = make([]byte, 0, w.size*textGrowth) // room that is not written to costs nothing, growing to it does
	}
	w.text = w.text[:0]
	if !u.first {
		w.text = append(w.text, w.separator...)
	}
	if w.text, err = w.rows.AppendRows(w.text, b.Project(w.spec.Columns)); err != nil {
		return err
	}
	u.sum = format.SumOf(w.text)
	if w.codec == format.None || w.codec == "" {
		u.out, w.text = w.text, u.out // as the packer would, without the copy
		return nil
	}
	u.out, err = w.packer.AppendBlock(u.out[:0], w.text)
	return err
}
