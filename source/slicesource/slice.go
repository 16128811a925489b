package slicesource

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"sort"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/slicesource/internal/fields"
)

// How many rows are looked at between two looks at ctx.
const checkEvery = 1024

var errClosed = errors.New("slicesource: read after close")

// A slice is the rows of a source made by New.
type slice struct {
	rows   int
	cursor func() cursor
	order  []int // positions in the order of the key; nil: as they are
}

// A cursor has a buffer and loads rows into it.
type cursor struct {
	buf  reflect.Value
	load func(position int) error
}

// at returns the position of the nth row in the order of reading.
func (s *slice) at(n int) int {
	if s.order == nil {
		return n
	}
	return s.order[n]
}

// sort finds the order of the key, and the rows that have none of their own.
func (s *slice) sort(src *Source) error {
	if len(src.dataset.Key) == 0 {
		return nil
	}
	keys, columns, err := s.keys(src)
	if err != nil {
		return err
	}
	less := func(a, b int) int {
		for _, compare := range columns {
			if c := compare(a, b); c != 0 {
				return c
			}
		}
		return 0
	}
	order := make([]int, s.rows)
	for i := range order {
		order[i] = i
	}
	if !slices.IsSortedFunc(order, less) {
		slices.SortStableFunc(order, less)
		s.order = order
	}
	for n := 1; n < s.rows; n++ {
		if less(order[n-1], order[n]) == 0 {
			return &source.DataError{Dataset: src.dataset.Name, Column: keys[0], Rule: "two rows of a tenant have the same key"}
		}
	}
	return nil
}

// keys loads the key of every row, and behind it the tenant, by which rows
// with equal keys are told apart. It returns how two rows compare by each.
func (s *slice) keys(src *Source) (names []string, columns []func(a, b int) int, err error) {
	names = slices.Clone(src.dataset.Key)
	if src.dataset.Tenant != "" && !slices.Contains(names, src.dataset.Tenant) {
		names = append(names, src.dataset.Tenant)
	}
	cur := s.cursor()
	c := &compiler{s: src, buf: cur.buf, p: &program{dataset: &src.dataset}}
	for _, name := range names {
		op, err := c.operand(name)
		if err != nil {
			return nil, nil, err
		}
		c.p.columns = append(c.p.columns, op)
	}
	schema, err := src.dataset.Schema.Select(names)
	if err != nil {
		return nil, nil, err
	}
	b := source.NewBatch(schema, s.rows, 0)
	for i := range s.rows {
		if err := cur.load(i); err != nil {
			return nil, nil, err
		}
		if err := c.p.appendRow(b); err != nil {
			return nil, nil, err
		}
	}
	for i := range schema {
		columns = append(columns, comparer(b.Col(i)))
	}
	return names, columns, nil
}

// comparer orders the cells of a vector as compare does.
func comparer(v *source.Vector) func(a, b int) int {
	kind := v.Kind().Base()
	switch {
	case v.Nulls() > 0: // a tenant may be null
	case kind == source.Int64, kind.Temporal():
		cells := v.Int64s()
		return func(a, b int) int { return cmp.Compare(cells[a], cells[b]) }
	case kind == source.String:
		return func(a, b int) int { return bytes.Compare(v.Bytes(a), v.Bytes(b)) }
	}
	var x, y fields.Cell
	return func(a, b int) int {
		x.View(v, a)
		y.View(v, b)
		return fields.Compare(v.Kind(), &x, &y)
	}
}

// each calls fn with the program loaded with each row of the query.
func (s *Source) each(ctx context.Context, q source.Query, fn func(*program) error) error {
	if s.slice == nil && q.Dataset == s.dataset.Name {
		return fmt.Errorf("slicesource: dataset %q is read from a function: %w", s.dataset.Name, source.ErrUnsupported)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	r, err := s.openSlice(q)
	if err != nil {
		return err
	}
	for {
		switch ok, err := r.advance(ctx); {
		case err != nil:
			return err
		case !ok:
			return nil
		}
		if err := fn(r.program); err != nil {
			return err
		}
	}
}

// A sliceReader reads the rows of one query.
type sliceReader struct {
	slice   *slice
	program *program
	cursor  cursor
	next    int // in the order of reading
	end     int
	err     error // what ended the read
}

func (s *Source) openSlice(q source.Query) (*sliceReader, error) {
	if q.Dataset != s.dataset.Name {
		return nil, fmt.Errorf("slicesource: %w: %q", source.ErrUnknownDataset, q.Dataset)
	}
	r := &sliceReader{slice: s.slice, cursor: s.slice.cursor(), end: s.slice.rows}
	var err error
	if r.program, err = s.compile(q, r.cursor.buf); err != nil {
		return nil, err
	}
	if r.program.after != nil {
		r.next = r.search(r.program.after)
	}
	if r.program.upTo != nil {
		r.end = r.search(r.program.upTo)
	}
	return r, r.err // of a key that could not be loaded
}

// search returns how many rows have a key up to and including that one.
func (r *sliceReader) search(key []fields.Cell) int {
	return sort.Search(r.slice.rows, func(n int) bool {
		if err := r.cursor.load(r.slice.at(n)); err != nil {
			r.err = err
		} else if err := r.program.loadKey(); err != nil {
			r.err = err
		}
		return r.program.compareKey(key) > 0
	})
}

// advance loads the next row of the query; ok is false at the end.
func (r *sliceReader) advance(ctx context.Context) (ok bool, err error) {
	for r.next < r.end {
		if r.next%checkEvery == 0 {
			if err := ctx.Err(); err != nil {
				return false, err
			}
		}
		if err := r.cursor.load(r.slice.at(r.next)); err != nil {
			return false, err
		}
		r.next++
		if ok, err := r.program.wanted(); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// Read appends rows to b.
func (r *sliceReader) Read(ctx context.Context, b *source.Batch) error {
	if r.err == nil {
		r.err = ctx.Err()
	}
	for r.err == nil && !b.Full() {
		ok, err := r.advance(ctx)
		if err == nil && ok {
			err = r.program.appendRow(b)
		} else if err == nil {
			err = io.EOF
		}
		r.err = err
	}
	if r.err == io.EOF && b.Len() > 0 {
		return nil
	}
	return r.err
}

// Close ends the read.
func (r *sliceReader) Close() error {
	r.err = errClosed
	return nil
}
