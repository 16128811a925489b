package readback

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/source"
)

// A Dataset is rows as the texts of their cells. The first column is id, the
// number of the row from 1 on, and the key.
type Dataset struct {
	Name   string
	Schema source.Schema
	Rows   [][]formattest.Cell
}

// A column is a field and what its cells hold: the values over and over.
type column struct {
	source.Field
	values []string
}

// newDataset has as many rows as the longest column has values and one more,
// so that a column that allows nulls has every value, and a null after the last.
func newDataset(name string, columns ...column) Dataset {
	d := Dataset{Name: name, Schema: source.Schema{{Name: "id", Kind: source.Int64, Required: true}}}
	rows := 0
	for _, c := range columns {
		d.Schema = append(d.Schema, c.Field)
		rows = max(rows, len(c.values)+1)
	}
	for i := range rows {
		row := []formattest.Cell{{Text: strconv.Itoa(i + 1)}}
		for _, c := range columns {
			n := len(c.values)
			if !c.Required {
				n++
			}
			if at := i % n; at < len(c.values) {
				row = append(row, formattest.Cell{Text: c.values[at]})
			} else {
				row = append(row, formattest.Cell{Null: true})
			}
		}
		d.Rows = append(d.Rows, row)
	}
	return d
}

// fill appends rows to a batch until it is full and returns how many.
func (d Dataset) fill(b *source.Batch, rows [][]formattest.Cell) (int, error) {
	for n, row := range rows {
		if b.Full() {
			return n, nil
		}
		for c, field := range b.Schema() {
			cell := row[d.column(field.Name)]
			if cell.Null {
				b.Col(c).AppendNull()
			} else if err := source.ParseText(b.Col(c), cell.Text); err != nil {
				return 0, fmt.Errorf("column %q, row %d: %w", field.Name, n, err)
			}
		}
		b.EndRow()
	}
	return len(rows), nil
}

func (d Dataset) column(name string) int {
	for c, field := range d.Schema {
		if field.Name == name {
			return c
		}
	}
	return -1
}

// Cells are the rows of a batch.
func Cells(b *source.Batch) [][]formattest.Cell {
	rows := make([][]formattest.Cell, b.Len())
	for i := range rows {
		for c := range b.Schema() {
			cell := formattest.Cell{Null: b.Col(c).Null(i)}
			if !cell.Null {
				cell.Text = string(source.AppendText(nil, b.Col(c), i))
			}
			rows[i] = append(rows[i], cell)
		}
	}
	return rows
}

// Numbers are the cells of a column of decimals, null as nil.
func (d Dataset) Numbers(t testing.TB, c int) []*source.Int128 {
	t.Helper()
	k := d.Schema[c].Kind
	out := make([]*source.Int128, len(d.Rows))
	for i, row := range d.Rows {
		if !row[c].Null {
			x, err := source.ParseDecimal(row[c].Text, k.Precision(), k.Scale(), false)
			require.NoError(t, err)
			out[i] = &x
		}
	}
	return out
}

// Datasets are a source.
type Datasets []Dataset

var (
	_ source.Counter  = Datasets{}
	_ source.Splitter = Datasets{}
)

// Datasets returns the catalog, the same for every tenant.
func (all Datasets) Datasets(context.Context, string) ([]source.Dataset, error) {
	var out []source.Dataset
	for _, d := range all {
		out = append(out, source.Dataset{Name: d.Name, Schema: d.Schema, Key: []string{"id"}, Unguarded: true})
	}
	return out, nil
}

// rows returns what a query's key range holds.
func (all Datasets) rows(q source.Query) (Dataset, [][]formattest.Cell, error) {
	for _, d := range all {
		if d.Name != q.Dataset {
			continue
		}
		from, to := 0, len(d.Rows)
		var err error
		if len(q.After) > 0 {
			from, err = strconv.Atoi(q.After[0])
		}
		if len(q.UpTo) > 0 && err == nil {
			to, err = strconv.Atoi(q.UpTo[0])
		}
		return d, d.Rows[from:to], err
	}
	return Dataset{}, nil, source.ErrUnknownDataset
}

// Count counts the rows of a query.
func (all Datasets) Count(_ context.Context, q source.Query) (int64, error) {
	_, rows, err := all.rows(q)
	return int64(len(rows)), err
}

// Split cuts a query after every so many rows.
func (all Datasets) Split(_ context.Context, q source.Query, size int64) (keys []source.Key, err error) {
	_, rows, err := all.rows(q)
	for i := int(size); i < len(rows); i += int(size) {
		keys = append(keys, source.Key{rows[i-1][0].Text})
	}
	return keys, err
}

// Open reads a query.
func (all Datasets) Open(_ context.Context, q source.Query) (source.Reader, error) {
	d, rows, err := all.rows(q)
	return &reader{d, rows}, err
}

type reader struct {
	Dataset
	left [][]formattest.Cell
}

func (r *reader) Read(_ context.Context, b *source.Batch) error {
	if len(r.left) == 0 {
		return io.EOF
	}
	n, err := r.fill(b, r.left)
	r.left = r.left[n:]
	return err
}

func (r *reader) Close() error { return nil }
