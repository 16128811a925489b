package source

import "fmt"

// The size of a batch unless its maker says otherwise.
const (
	DefaultBatchRows  = 16384
	DefaultBatchBytes = 1 << 20
)

// A Batch is a run of rows, stored by column. The engine owns every batch: a
// [Reader] fills the one it is given, and keeps no reference to it or to
// anything it got from it once Read has returned. A batch is used by one
// goroutine at a time.
//
// Rows are appended cell by cell to the vectors and counted by [Batch.EndRow],
// or a column at a time with [Batch.SetLen] at the end.
type Batch struct {
	schema   Schema
	vecs     []Vector
	n        int
	size     int // bytes of the rows counted so far
	maxRows  int
	maxBytes int
	fixed    int   // bytes of the fixed-size cells of a row
	variable []int // the columns whose cells have lengths of their own
}

// NewBatch returns an empty batch for rows of that schema, full at maxRows
// rows or maxBytes bytes of cells, whichever comes first; 0 means
// [DefaultBatchRows] and [DefaultBatchBytes]. The last row may exceed
// maxBytes by its own length.
func NewBatch(schema Schema, maxRows, maxBytes int) *Batch {
	if maxRows <= 0 {
		maxRows = DefaultBatchRows
	}
	if maxBytes <= 0 {
		maxBytes = DefaultBatchBytes
	}
	b := &Batch{schema: schema, vecs: make([]Vector, len(schema)), maxRows: maxRows, maxBytes: maxBytes}
	for i, f := range schema {
		b.vecs[i].kind = f.Kind
		b.fixed += cellSize(f.Kind)
		if f.Kind.Variable() {
			b.variable = append(b.variable, i)
		}
	}
	b.Reset()
	return b
}

func cellSize(k Kind) int {
	switch k.Base() {
	case Bool:
		return 1
	case UUID, AnyDecimal:
		return 16
	case String, Bytes, JSON:
		return 4
	default:
		return 8
	}
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	b.n, b.size = 0, 0
	for i := range b.vecs {
		b.vecs[i].reset()
	}
}

// Schema returns the fields of the columns, in order.
func (b *Batch) Schema() Schema { return b.schema }

// Len returns the number of rows.
func (b *Batch) Len() int { return b.n }

// Size returns the bytes of the rows' cells.
func (b *Batch) Size() int { return b.size }

// Col returns column i.
func (b *Batch) Col(i int) *Vector { return &b.vecs[i] }

// Full reports whether a reader should stop filling. It depends on the rows
// alone, so that the same rows are always cut into the same batches.
func (b *Batch) Full() bool { return b.n >= b.maxRows || b.size >= b.maxBytes }

// EndRow counts one more row, to each vector of which the caller has appended
// exactly one cell.
func (b *Batch) EndRow() {
	b.n++
	size := b.fixed * b.n
	for _, i := range b.variable {
		size += len(b.vecs[i].data)
	}
	b.size = size
}

// SetLen sets the number of rows after whole columns were appended. It
// returns an error that names the column when a vector has another number of
// cells.
func (b *Batch) SetLen(n int) error {
	size := b.fixed * n
	for i := range b.vecs {
		if b.vecs[i].n != n {
			return fmt.Errorf("source: column %q has %d cells in a batch of %d rows", b.schema[i].Name, b.vecs[i].n, n)
		}
		size += len(b.vecs[i].data)
	}
	b.n, b.size = n, size
	return nil
}

// Project returns a view of the first n columns, sharing their cells: what is
// written of a batch whose last columns are guards. The view is valid as long
// as the batch is neither reset nor appended to.
func (b *Batch) Project(n int) *Batch {
	return &Batch{schema: b.schema[:n:n], vecs: b.vecs[:n:n], n: b.n, size: b.size, maxRows: b.maxRows, maxBytes: b.maxBytes}
}
