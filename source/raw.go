package source

import "context"

// A RawReader is a reader that only cuts: ReadRaw takes rows off the wire as
// they come, on the one goroutine that may, and Decode turns them into cells on
// whichever worker encodes them. What a source cannot do cheaply in two steps
// it does not offer.
//
// Whoever reads calls either Read or ReadRaw for the whole life of a reader.
type RawReader interface {
	Reader

	// ReadRaw appends rows to raw, which is empty, until raw.Full() or the rows
	// end. Which rows there are, their order, io.EOF, errors and cancellation are
	// as in Read; the bytes of a row are the reader's own business, and depend on
	// the row alone. The reader keeps no reference to raw or its bytes. A cell
	// that its field cannot hold may be found here or by Decode.
	ReadRaw(ctx context.Context, raw *RawBatch) error

	// Decode appends the rows of raw, which this reader has filled, to b: all of
	// them, in order, however full b is. b is empty and its schema is the one
	// that Read is given. After an error what b holds is thrown away. Decode
	// neither changes raw nor keeps a reference to it, and b keeps none.
	//
	// Decode is called by several goroutines at once, each with batches of its
	// own, also while ReadRaw fills another one, and never after Close.
	Decode(raw *RawBatch, b *Batch) error
}

// RawOf returns the reader as one that only cuts; ok is false where rows come
// as cells alone and are read by Read.
func RawOf(r Reader) (raw RawReader, ok bool) {
	raw, ok = r.(RawReader)
	return raw, ok
}

// A RawBatch is a run of rows as a [RawReader] cuts them, in an arena that is
// used again. The engine owns every batch, and one goroutine at a time uses it.
type RawBatch struct {
	// Data holds the rows end to end. The reader appends to it, and counts each
	// whole row by EndRow.
	Data     []byte
	rows     int
	maxRows  int
	maxBytes int
}

// NewRawBatch returns an empty batch, full at maxRows rows or maxBytes bytes,
// whichever comes first; 0 means [DefaultBatchRows] and [DefaultBatchBytes].
// The last row may exceed maxBytes by its own length.
func NewRawBatch(maxRows, maxBytes int) *RawBatch {
	if maxRows <= 0 {
		maxRows = DefaultBatchRows
	}
	if maxBytes <= 0 {
		maxBytes = DefaultBatchBytes
	}
	return &RawBatch{maxRows: maxRows, maxBytes: maxBytes}
}

// Reset empties the batch and keeps its memory.
func (b *RawBatch) Reset() { b.Data, b.rows = b.Data[:0], 0 }

// EndRow counts one more row, whose bytes have been appended to Data.
func (b *RawBatch) EndRow() { b.rows++ }

// Len returns the number of rows.
func (b *RawBatch) Len() int { return b.rows }

// Full reports whether a reader should stop filling. It depends on the rows
// alone, so that the same rows are always cut in the same places.
func (b *RawBatch) Full() bool { return b.rows >= b.maxRows || len(b.Data) >= b.maxBytes }
