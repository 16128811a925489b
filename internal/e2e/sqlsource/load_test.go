package sqlsource_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sourcetest"
	"github.com/exportyard/exportyard/source/sqlsource"
)

// A store is one way of keeping the suite's tables in a database.
type store struct {
	dialect sqlsource.Dialect
	// columnType returns the SQL type of a field, and key whether it is one of the key's.
	columnType func(f source.Field, key bool) string
	// encode returns the argument for a cell, given its text.
	encode func(k source.Kind, text string) any
	// declare adds what the columns' storage needs to the dataset.
	declare func(d *sqlsource.Dataset)
	// index also makes the primary key and an index of the time.
	index bool
}

func quote(d sqlsource.Dialect, name string) string {
	if d == sqlsource.MySQL {
		return "`" + name + "`"
	}
	return `"` + name + `"`
}

// load makes the tables and returns a source over them.
func (s store) load(t testing.TB, db *sql.DB, tables []sourcetest.Table) source.Source {
	t.Helper()
	var datasets []sqlsource.Dataset
	for _, table := range tables {
		s.create(t, db, table)
		d := table.Dataset
		ds := sqlsource.Dataset{
			Name: d.Name, Title: d.Title, Area: d.Area, Fields: d.Schema, Key: d.Key,
			Tenant: d.Tenant, Time: d.Time, Subject: d.Subject, Table: d.Name, KeepCollation: s.index,
		}
		if len(datasets)%2 == 1 {
			ds.Table, ds.Query = "", "select * from "+quote(s.dialect, d.Name)+" -- as it is"
		}
		if s.declare != nil {
			s.declare(&ds)
		}
		datasets = append(datasets, ds)
	}
	src, err := sqlsource.New(db, s.dialect, datasets, nil)
	require.NoError(t, err)
	return src
}

func (s store) create(t testing.TB, db *sql.DB, table sourcetest.Table) {
	t.Helper()
	d := table.Dataset
	var columns, names, marks []string
	isKey := func(name string) bool { return strings.Contains(","+strings.Join(d.Key, ",")+",", ","+name+",") }
	for i, f := range d.Schema {
		column := quote(s.dialect, f.Name) + " " + s.columnType(f, isKey(f.Name))
		if f.Required {
			column += " not null"
		} else {
			column += " null"
		}
		columns, names = append(columns, column), append(names, quote(s.dialect, f.Name))
		mark := "?"
		if s.dialect == sqlsource.PostgreSQL {
			mark = fmt.Sprintf("$%d", i+1)
		}
		marks = append(marks, mark)
	}
	if s.index && len(d.Key) > 0 {
		columns = append(columns, "primary key ("+quote(s.dialect, strings.Join(d.Key, quote(s.dialect, ",")))+")")
	}
	name := quote(s.dialect, d.Name)
	exec := func(sql string, args ...any) {
		_, err := db.ExecContext(t.Context(), sql, args...)
		require.NoError(t, err, sql)
	}
	exec("create table " + name + " (" + strings.Join(columns, ", ") + ")")
	if s.index && d.Time != "" {
		exec("create index " + quote(s.dialect, "by_time_"+d.Name) + " on " + name + " (" + quote(s.dialect, d.Tenant) + ", " + quote(s.dialect, d.Time) + ")")
	}
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	insert, err := tx.PrepareContext(t.Context(), "insert into "+name+" ("+strings.Join(names, ", ")+") values ("+strings.Join(marks, ", ")+")")
	require.NoError(t, err)
	for row := range table.Rows.Len() {
		args := make([]any, len(d.Schema))
		for col, f := range d.Schema {
			if text, null := table.Text(row, col); !null {
				args[col] = s.encode(f.Kind, text)
			}
		}
		_, err := insert.ExecContext(t.Context(), args...)
		require.NoError(t, err, d.Name)
	}
	require.NoError(t, insert.Close())
	require.NoError(t, tx.Commit())
}

// cell parses a text into a vector of one cell.
func cell(k source.Kind, text string) *source.Vector {
	v := source.NewBatch(source.Schema{{Name: "cell", Kind: k}}, 1, 0).Col(0)
	if err := source.ParseText(v, text); err != nil {
		panic(err)
	}
	return v
}

// plain encodes what every database takes alike.
func plain(k source.Kind, text string) any {
	switch v := cell(k, text); k.Base() {
	case source.Bool:
		return v.Bools()[0]
	case source.Int64:
		return v.Int64s()[0]
	case source.Float64:
		return v.Float64s()[0]
	case source.Bytes:
		return append([]byte{}, v.Bytes(0)...)
	default:
		return text
	}
}

// clock writes a Timestamp or DateTime with a layout.
func clock(k source.Kind, text, layout string) string {
	return source.Instant(k, cell(k, text).Int64s()[0]).Format(layout)
}

func micros(k source.Kind, text string) int64 { return cell(k, text).Int64s()[0] }

const fixed = "2006-01-02 15:04:05.000000"
