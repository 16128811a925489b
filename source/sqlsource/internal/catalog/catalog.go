// Package catalog reads which tables and columns a database has, and proposes a
// kind for each column that keeps every digit.
package catalog

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource/internal/dialect"
)

// Options choose tables.
type Options struct {
	Schema  string
	Tables  []string
	Exclude []string
	Views   bool
}

// A Table is a table of the database and what its catalog says.
type Table struct {
	Schema, Name string
	Columns      []Column
}

// A Column is one column of a table.
type Column struct {
	Name     string
	Kind     source.Kind
	Required bool
	Key      int // position in the primary key from 1, 0 when not in it
	typeName string
}

// Read returns the tables by name.
func Read(ctx context.Context, db *sql.DB, d dialect.Dialect, opts Options) ([]Table, error) {
	switch d {
	case dialect.PostgreSQL:
		return postgreSQL(ctx, db, opts)
	case dialect.MySQL:
		return mySQL(ctx, db, opts)
	default:
		return sqlite(ctx, db, opts)
	}
}

// wants reports whether the options ask for a table.
func (o Options) wants(name string) bool {
	return (len(o.Tables) == 0 || slices.Contains(o.Tables, name)) && !slices.Contains(o.Exclude, name)
}

// add appends a column to the table that it belongs to, which is the last one
// or a new one.
func add(tables []Table, opts Options, schema, table string, c Column) []Table {
	if !opts.wants(table) {
		return tables
	}
	if n := len(tables); n == 0 || tables[n-1].Name != table {
		tables = append(tables, Table{Schema: schema, Name: table})
	}
	last := &tables[len(tables)-1]
	last.Columns = append(last.Columns, c)
	return tables
}

// each runs a query and calls fn after each row that scan has taken.
func each(ctx context.Context, db *sql.DB, scan func(*sql.Rows) error, fn func(), query string, args ...any) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	for rows.Next() {
		if err := scan(rows); err != nil {
			return errors.Join(err, rows.Close())
		}
		fn()
	}
	return errors.Join(rows.Err(), rows.Close())
}
