// Package scan moves rows from database/sql into batches.
package scan

import (
	"database/sql"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource/internal/stored"
)

// A Column is one column to scan.
type Column struct {
	Field source.Field
	// Form is how its times are stored. The zero value: as each value shows.
	Form stored.Form
}

// Rows reads rows straight into the vectors of batches.
type Rows struct {
	rows  *sql.Rows
	cells []cell
	dest  []any
}

// New returns Rows that scan the columns of a dataset and then the extras.
// typed says that a number comes as a number, so that a text is none.
func New(dataset string, columns []Column, typed bool, rows *sql.Rows, extras ...any) *Rows {
	r := &Rows{rows: rows, cells: make([]cell, len(columns))}
	for i, c := range columns {
		r.cells[i] = cell{dataset: dataset, field: c.Field, form: c.Form, typed: typed}
		r.dest = append(r.dest, &r.cells[i])
	}
	r.dest = append(r.dest, extras...)
	return r
}

// Fill appends rows to b until it is full or they end.
func (r *Rows) Fill(b *source.Batch) error {
	for i := range r.cells {
		r.cells[i].vec = b.Col(i)
	}
	for !b.Full() && r.rows.Next() {
		if err := r.rows.Scan(r.dest...); err != nil {
			return err
		}
		b.EndRow()
	}
	return r.rows.Err()
}

// Keys reads all rows as keys.
func (r *Rows) Keys() ([]source.Key, error) {
	schema := make(source.Schema, len(r.cells))
	for i := range r.cells {
		schema[i] = r.cells[i].field
	}
	b := source.NewBatch(schema, 0, 0)
	var out []source.Key
	for {
		b.Reset()
		if err := r.Fill(b); err != nil {
			return nil, err
		}
		if b.Len() == 0 {
			return out, nil
		}
		for row := range b.Len() {
			k := make(source.Key, len(schema))
			for i := range schema {
				k[i] = string(source.AppendText(nil, b.Col(i), row))
			}
			out = append(out, k)
		}
	}
}
