package sourcetest_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/exportyard/exportyard/source"
)

var _ source.RawReader = (*reader)(nil)

// A raw row is its cells' texts, each behind its length and one; a null is a zero.

func (r *reader) ReadRaw(ctx context.Context, raw *source.RawBatch) error {
	if ctx.Err() != nil && !r.m.is("ignores ctx") {
		switch {
		case r.m.is("raw: canceled looks like the end"):
			return io.EOF
		case r.m.is("raw: goes on after canceled"):
			return ctx.Err()
		}
		r.err = ctx.Err()
	}
	if r.err != nil {
		return r.err
	}
	if r.keptRaw == nil {
		r.keptRaw = raw
	}
	if r.m.is("raw: fills the first batch") {
		raw = r.keptRaw
	}
	if r.m.is("raw: keeps the arena") { // of the batch before
		r.keptRaw.Data = raw.Data[:0]
		raw.Data = append([]byte(nil), raw.Data...)
	}
	for r.next < len(r.rows) && !r.fullRaw(raw) {
		r.addRaw(raw, r.rows[r.next])
		r.next++
	}
	switch {
	case r.m.is("raw: end with rows") && r.next == len(r.rows):
		return io.EOF
	case r.m.is("raw: wraps the end") && raw.Len() == 0:
		return fmt.Errorf("memory: %w", io.EOF)
	case r.m.is("raw: nil at the end") && raw.Len() == 0 && r.err == nil:
		r.err = io.EOF
		return nil
	case raw.Len() == 0:
		if r.m.is("raw: starts again after the end") {
			r.next = 0
		}
		return io.EOF
	}
	return nil
}

func (r *reader) fullRaw(raw *source.RawBatch) bool {
	switch {
	case r.m.is("raw: one row a batch"):
		return raw.Len() == 1
	case r.m.is("raw: never full"):
		return false
	case r.m.is("raw: cuts by turns") && raw.Len() > 0:
		return raw.Full() || r.m.calls.Add(1)%5 == 0
	}
	return raw.Full()
}

func (r *reader) addRaw(raw *source.RawBatch, row int) {
	columns := r.columns
	if r.m.is("raw: natural order of columns") {
		columns = slices.Sorted(slices.Values(columns))
	}
	for _, name := range columns {
		cell, isNull := text(r.t, row, name)
		if isNull {
			raw.Data = binary.AppendUvarint(raw.Data, 0)
			continue
		}
		raw.Data = append(binary.AppendUvarint(raw.Data, uint64(len(cell))+1), cell...)
	}
	raw.EndRow()
}

func (r *reader) Decode(raw *source.RawBatch, b *source.Batch) error {
	if r.decoding.Add(1) > 1 && r.m.is("raw: one decoder at a time") {
		return errors.New("busy")
	}
	defer r.decoding.Add(-1)
	if r.m.is("raw: one decoder at a time") {
		for range 1000 {
			runtime.Gosched() // so that others come meanwhile
		}
	}
	data := raw.Data
	for row := range raw.Len() {
		if r.m.is("raw: stops at a full batch") && b.Full() || r.m.is("raw: forgets the last row") && row > 2 {
			return nil
		}
		for i := range b.Schema() {
			length, n := binary.Uvarint(data)
			data = data[n:]
			if length == 0 && !r.m.is("raw: null is empty") {
				b.Col(i).AppendNull()
				continue
			}
			length = max(length, 1)
			cell := string(data[:length-1])
			data = data[length-1:]
			if err := source.ParseText(b.Col(i), cell); err != nil {
				return err
			}
		}
		b.EndRow()
	}
	if r.m.is("raw: decodes in place") {
		clear(raw.Data)
	}
	return nil
}
