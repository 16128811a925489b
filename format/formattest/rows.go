package formattest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/source"
)

// batches returns the rows in batches of the lengths of cuts, the last length
// being used again and again.
func batches(schema source.Schema, rows [][]Cell, cuts ...int) ([]*source.Batch, error) {
	var out []*source.Batch
	for i := 0; len(rows) > 0; i++ {
		n := min(cuts[min(i, len(cuts)-1)], len(rows))
		b := source.NewBatch(schema, 0, 0)
		if err := fill(b, rows[:n]); err != nil {
			return nil, err
		}
		out, rows = append(out, b), rows[n:]
	}
	return out, nil
}

func fill(b *source.Batch, rows [][]Cell) error {
	for _, row := range rows {
		for c, cell := range row {
			if cell.Null {
				b.Col(c).AppendNull()
			} else if err := source.ParseText(b.Col(c), cell.Text); err != nil {
				return fmt.Errorf("formattest: column %d: %w", c, err)
			}
		}
		b.EndRow()
	}
	return nil
}

// encode makes a file with the formatter's Writer, one Write a cut.
func encode(f format.Formatter, schema source.Schema, rows [][]Cell, cuts ...int) ([]byte, error) {
	all, err := batches(schema, rows, cuts...)
	if err != nil {
		return nil, err
	}
	var file bytes.Buffer
	err = writeAll(&file, f, schema, all)
	return file.Bytes(), err
}

func writeAll(w io.Writer, f format.Formatter, schema source.Schema, all []*source.Batch) error {
	fw, err := f.NewWriter(w, schema)
	if err != nil {
		return fmt.Errorf("NewWriter: %w", err)
	}
	for _, b := range all {
		if err := fw.Write(b); err != nil {
			return fmt.Errorf("Write: %w", err)
		}
	}
	if err := fw.Close(); err != nil {
		return fmt.Errorf("Close: %w", err)
	}
	return nil
}

// roundTrip encodes the rows, decodes the file and compares.
func (h Harness) roundTrip(schema source.Schema, rows [][]Cell, cuts ...int) error {
	file, err := encode(h.Formatter, schema, rows, cuts...)
	if err != nil {
		return err
	}
	return h.decodesTo(file, schema, rows)
}

func (h Harness) decodesTo(file []byte, schema source.Schema, rows [][]Cell) error {
	got, err := h.Decode(file, schema)
	if err != nil {
		return fmt.Errorf("the file cannot be read: %w", err)
	}
	return h.compare(schema, got, rows)
}

func (h Harness) compare(schema source.Schema, got Table, rows [][]Cell) error {
	if want := schema.Names(); got.Names != nil && !slices.Equal(got.Names, want) {
		return fmt.Errorf("the columns are %.200q, want %.200q", got.Names, want)
	}
	if got.Names == nil && len(rows) > 0 {
		return errors.New("the reader gives no names for a file with rows")
	}
	if len(got.Rows) != len(rows) {
		return fmt.Errorf("the file has %d rows, want %d", len(got.Rows), len(rows))
	}
	for i, want := range rows {
		if len(got.Rows[i]) != len(schema) {
			return fmt.Errorf("row %d has %d cells, want %d", i, len(got.Rows[i]), len(schema))
		}
		for c, field := range schema {
			if cell := got.Rows[i][c]; !h.same(field.Kind, cell, want[c]) {
				return fmt.Errorf("row %d, field %q of kind %v: the file has %v, want %v", i, field.Name, field.Kind, cell, want[c])
			}
		}
	}
	return nil
}

func (h Harness) same(k source.Kind, got, want Cell) bool {
	switch {
	case got == want:
		return true
	case h.EmptyIsNull && k == source.String && (want.Null || want.Text == ""):
		return got.Text == ""
	case h.JSONNullIsNull && k == source.JSON && (want.Null || want.Text == "null"):
		return got.Null || got.Text == "null"
	case got.Null || want.Null:
		return false
	case h.JSONSpace && k == source.JSON:
		return compact(got.Text) == compact(want.Text)
	default:
		return false
	}
}

func compact(text string) string {
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		return "not JSON: " + text
	}
	return b.String()
}

// String shows a cell in an error, shortened.
func (c Cell) String() string {
	if c.Null {
		return "null"
	}
	return fmt.Sprintf("%.80q", c.Text)
}
