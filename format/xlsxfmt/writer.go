package xlsxfmt

import (
	"runtime"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/source"
)

const (
	// blockBytes ends a block of rows: sheets are cut into blocks by their rows
	// alone, so that bytes do not depend on batches.
	blockBytes = 256 << 10
	// maxWriterBlocks bounds what a writer holds, whatever the machine.
	maxWriterBlocks = 8
)

func newPacker() (format.Packer, error) { return format.NewPacker(format.Gzip, format.ArchiveLevel) }

// writer implements [format.Writer]: it encodes in the caller's goroutine, and
// deflates full blocks each in one of its own, which ends by itself.
type writer struct {
	archive *archive
	rows    *rows
	schema  source.Schema
	sheet   string
	begun   bool
	sheeted int // rows of the sheet that is being filled

	filling *block
	packing []*block // in order, the oldest first
	free    []*block
}

// A block is a run of rows on its way into the archive.
type block struct {
	raw    []byte
	rows   int
	packer format.Packer
	packed format.PackedRows
	err    error
	done   chan struct{}
}

func (b *block) pack() {
	b.packed.Rows, b.packed.Raw = b.rows, format.SumOf(b.raw)
	b.packed.Block, b.err = b.packer.AppendBlock(b.packed.Block[:0], b.raw)
	b.done <- struct{}{}
}

// Write adds rows.
func (w *writer) Write(b *source.Batch) error {
	if err := w.begin(); err != nil {
		return err
	}
	for i := range b.Len() {
		if w.filling == nil {
			if err := w.next(); err != nil {
				return w.fail(err)
			}
		}
		f := w.filling
		var err error
		if f.raw, err = w.rows.appendRow(f.raw, b, i); err != nil {
			return w.fail(err)
		}
		f.rows++
		w.sheeted++
		if len(f.raw) >= blockBytes || w.sheeted == w.archive.sheetRows {
			w.launch()
		}
	}
	return nil
}

// begin starts the sheet, once.
func (w *writer) begin() error {
	if w.begun {
		return w.archive.err
	}
	w.begun = true
	sheet := w.sheet
	if sheet == "" {
		sheet = defaultSheet
	}
	return w.archive.Dataset(sheet, w.schema)
}

// fail makes every later call return the error.
func (w *writer) fail(err error) error {
	if w.archive.err == nil {
		w.archive.err = err
	}
	return err
}

// next takes an empty block: a new one, or that of the oldest rows.
func (w *writer) next() error {
	if len(w.free) == 0 && len(w.packing) > min(runtime.GOMAXPROCS(0), maxWriterBlocks) {
		if err := w.drain(1); err != nil {
			return err
		}
	}
	if n := len(w.free); n > 0 {
		w.filling, w.free = w.free[n-1], w.free[:n-1]
		return nil
	}
	p, err := newPacker()
	w.filling = &block{packer: p, done: make(chan struct{}, 1)}
	return err
}

// launch packs the block that is full.
func (w *writer) launch() {
	if w.sheeted == w.archive.sheetRows {
		w.sheeted = 0
	}
	go w.filling.pack()
	w.packing = append(w.packing, w.filling)
	w.filling = nil
}

// drain puts the n oldest blocks into the archive.
func (w *writer) drain(n int) error {
	for range n {
		b := w.packing[0]
		w.packing = append(w.packing[:0], w.packing[1:]...)
		<-b.done
		if b.err != nil {
			return b.err
		}
		if err := w.archive.Block(b.packed); err != nil {
			return err
		}
		b.raw, b.rows = b.raw[:0], 0
		w.free = append(w.free, b)
	}
	return nil
}

// Close ends the file.
func (w *writer) Close() error {
	if err := w.begin(); err != nil {
		return err
	}
	if w.filling != nil {
		w.launch()
	}
	if err := w.drain(len(w.packing)); err != nil {
		return w.fail(err)
	}
	return w.archive.Close()
}
