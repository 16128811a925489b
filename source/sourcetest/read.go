package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/exportyard/exportyard/source"
)

// open opens a query of a table.
func (s *suite) open(ctx context.Context, q source.Query) (source.Reader, error) {
	r, err := s.src.Open(ctx, q)
	switch {
	case err != nil:
		return nil, fmt.Errorf("open: %w", err)
	case r == nil:
		return nil, errors.New("open gave neither a reader nor an error")
	}
	return r, nil
}

// batch returns a batch for the query.
func (t Table) batch(q source.Query, maxRows, maxBytes int) *source.Batch {
	schema, err := t.Dataset.BatchSchema(q)
	if err != nil {
		panic("sourcetest: " + err.Error())
	}
	return source.NewBatch(schema, maxRows, maxBytes)
}

// read reads a query to its end and returns the texts of its rows.
func (s *suite) read(ctx context.Context, t Table, q source.Query) ([][]string, error) {
	r, err := s.open(ctx, q)
	if err != nil {
		return nil, err
	}
	rows, err := drain(ctx, r, t.batch(q, 0, 0))
	return rows, errors.Join(err, r.Close())
}

// drain reads to the end.
func drain(ctx context.Context, r source.Reader, b *source.Batch) (rows [][]string, err error) {
	for {
		b.Reset()
		more, err := step(ctx, r, b)
		if err != nil || !more {
			return rows, err
		}
		rows = append(rows, texts(b)...)
	}
}

// step reads one batch and holds the reader to the protocol; more is false at
// the end of the rows.
func step(ctx context.Context, r source.Reader, b *source.Batch) (more bool, err error) {
	switch err := r.Read(ctx, b); {
	case err == io.EOF && b.Len() > 0:
		return false, fmt.Errorf("io.EOF with %d rows in the batch: these would be lost", b.Len())
	case err == io.EOF:
		return false, nil
	case errors.Is(err, io.EOF):
		return false, fmt.Errorf("a wrapped io.EOF (%w): the end must be io.EOF itself", err)
	case err != nil:
		return false, fmt.Errorf("read: %w", err)
	case b.Len() == 0:
		return false, errors.New("nil with no row in the batch: want rows or io.EOF")
	}
	for i := range b.Schema() {
		if n := b.Col(i).Len(); n != b.Len() {
			return false, fmt.Errorf("column %q has %d cells in a batch of %d rows", b.Schema()[i].Name, n, b.Len())
		}
	}
	return true, nil
}

// texts returns the rows of a batch.
func texts(b *source.Batch) [][]string {
	rows := make([][]string, b.Len())
	for i := range rows {
		row := make([]string, len(b.Schema()))
		for col := range row {
			row[col] = null
			if v := b.Col(col); !v.Null(i) {
				row[col] = string(source.AppendText(nil, v, i))
			}
		}
		rows[i] = row
	}
	return rows
}

// expect reads a query and compares with the model.
func (s *suite) expect(ctx context.Context, t Table, q query) error {
	got, err := s.read(ctx, t, q.Query)
	if err == nil {
		err = t.compare(q.Query, got)
	}
	if err != nil {
		return fmt.Errorf("dataset %q, %s: %w", t.Dataset.Name, q.what, err)
	}
	return nil
}

// compare compares what was read with what the model says, in order where the
// dataset has a key.
func (t Table) compare(q source.Query, got [][]string) error {
	columns := slices.Concat(q.Columns, q.Guard)
	var want [][]string
	for _, row := range t.want(q) {
		want = append(want, t.cells(row, columns))
	}
	if len(t.Dataset.Key) == 0 {
		slices.SortFunc(want, slices.Compare)
		slices.SortFunc(got, slices.Compare)
	}
	for i := range min(len(want), len(got)) {
		for col, name := range columns {
			if got[i][col] != want[i][col] {
				return fmt.Errorf("row %d, column %q: got %s, want %s\nthe row: %s", i+1, name, show(got[i][col]), show(want[i][col]), showRow(got[i]))
			}
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("got %d rows, want %d", len(got), len(want))
	}
	return nil
}

func show(text string) string {
	switch {
	case text == null:
		return "null"
	case len(text) > 60:
		return fmt.Sprintf("%.60q… (%d bytes)", text, len(text))
	default:
		return fmt.Sprintf("%q", text)
	}
}

func showRow(row []string) string {
	out := make([]string, len(row))
	for i, text := range row {
		out[i] = show(text)
	}
	return strings.Join(out, " ")
}
