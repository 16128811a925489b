package pgsource_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/e2e/server"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/pgsource"
	"github.com/exportyard/exportyard/source/sourcetest"
)

func TestMain(m *testing.M) { os.Exit(server.Main(m)) }

// A store is one way of keeping the suite's tables in a database.
type store struct {
	// types are the SQL types of kinds, where they differ from the obvious ones.
	types map[source.Kind]string
	// index also makes the primary key and an index of the time.
	index bool
	// wide makes rows of 3 kB, so that even small tables have several blocks.
	wide bool
	opts *pgsource.Options
}

var stores = map[string]store{
	"plain":   {},
	"indexed": {index: true},
	"other types": {types: map[source.Kind]string{
		source.Bool: "integer", source.UUID: "text", source.JSON: "text", source.Timestamp: "timestamp",
	}, opts: &pgsource.Options{OmitCount: true}},
	"ranges":     {wide: true, opts: &pgsource.Options{Connections: 3, RangeBlocks: 1}},
	"more types": {index: true, types: map[source.Kind]string{source.UUID: "bytea", source.String: "varchar"}},
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, s := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lacks := map[sourcetest.Feature]string{sourcetest.NUL: "PostgreSQL refuses it"}
			if s.opts != nil && s.opts.OmitCount {
				lacks[sourcetest.CountedReader] = "the count was left out"
			}
			sourcetest.Run(t, func(*testing.T) sourcetest.Harness {
				return sourcetest.Harness{Load: s.load, Lacks: lacks}
			})
		})
	}
}

func quote(name string) string { return `"` + name + `"` }

func (s store) columnType(f source.Field) string {
	if sqlType, ok := s.types[f.Kind]; ok {
		return sqlType
	}
	return server.PostgresType(f.Kind)
}

// load makes the tables and returns a source over them.
func (s store) load(t testing.TB, tables []sourcetest.Table) source.Source {
	t.Helper()
	pool, _ := server.StartPostgresPool(t)
	var datasets []pgsource.Dataset
	for _, table := range tables {
		s.create(t, pool, table)
		d := table.Dataset
		ds := pgsource.Dataset{
			Name: d.Name, Title: d.Title, Area: d.Area, Fields: d.Schema, Key: d.Key,
			Tenant: d.Tenant, Time: d.Time, Subject: d.Subject, Table: d.Name, KeepCollation: s.index,
		}
		if len(datasets)%2 == 1 {
			ds.Table, ds.Query = "", "select * from "+quote(d.Name)+" -- as it is"
		}
		datasets = append(datasets, ds)
	}
	src, err := pgsource.New(pool, datasets, s.opts)
	require.NoError(t, err)
	return src
}

func (s store) create(t testing.TB, pool *pgxpool.Pool, table sourcetest.Table) {
	t.Helper()
	d := table.Dataset
	var columns, names []string
	for _, f := range d.Schema {
		column := quote(f.Name) + " " + s.columnType(f)
		if f.Required {
			column += " not null"
		}
		columns, names = append(columns, column), append(names, quote(f.Name))
	}
	if s.index && len(d.Key) > 0 {
		columns = append(columns, "primary key ("+quote(strings.Join(d.Key, `","`))+")")
	}
	if s.wide {
		columns = append(columns, "width text default repeat('x', 3000)")
	}
	exec(t, pool, "create table "+quote(d.Name)+" ("+strings.Join(columns, ", ")+")")
	if s.wide {
		exec(t, pool, "alter table "+quote(d.Name)+" alter column width set storage plain")
	}
	if s.index && d.Time != "" {
		exec(t, pool, "create index on "+quote(d.Name)+" ("+quote(d.Tenant)+", "+quote(d.Time)+")")
	}
	for row := range table.Rows.Len() {
		values := make([]string, len(d.Schema))
		for col, f := range d.Schema {
			values[col] = "null"
			if text, null := table.Text(row, col); !null {
				values[col] = s.literal(f, text)
			}
		}
		exec(t, pool, "insert into "+quote(d.Name)+" ("+strings.Join(names, ", ")+") values ("+strings.Join(values, ", ")+")")
	}
}

// literal writes a cell's text as the column takes it.
func (s store) literal(f source.Field, text string) string {
	switch sqlType := s.columnType(f); {
	case f.Kind == source.Bytes:
		return "decode('" + text + "', 'base64')"
	case f.Kind == source.Bool && sqlType == "integer":
		return map[string]string{"true": "1", "false": "0"}[text]
	case f.Kind == source.UUID && sqlType == "bytea":
		return `'\x` + strings.ReplaceAll(text, "-", "") + "'"
	case f.Kind == source.UUID && sqlType == "text":
		return "'" + strings.ToUpper(text) + "'"
	default:
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
}

// newPool returns a pool of its own to a server.
func newPool(t testing.TB, dsn string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), dsn)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func exec(t testing.TB, pool *pgxpool.Pool, sql string) {
	t.Helper()
	_, err := pool.Exec(context.Background(), sql)
	require.NoError(t, err, "%.200s", sql)
}

// texts reads a query through the source and returns its rows as texts, null as
// "∅", cut raw or not.
func texts(t testing.TB, src source.Source, q source.Query, raw bool) ([][]string, error) {
	t.Helper()
	datasets, err := src.Datasets(t.Context(), q.Tenant)
	require.NoError(t, err)
	d, ok := source.Find(datasets, q.Dataset)
	require.True(t, ok)
	if len(q.Columns) == 0 {
		q.Columns = d.Schema.Names()
	}
	schema, err := d.BatchSchema(q)
	require.NoError(t, err)
	r, err := src.Open(t.Context(), q)
	if err != nil {
		return nil, err
	}
	defer func() { require.NoError(t, r.Close()) }()
	var out [][]string
	for {
		b := source.NewBatch(schema, 0, 0)
		var err error
		if cutter, is := source.RawOf(r); raw && is {
			arena := source.NewRawBatch(3, 0)
			if err = cutter.ReadRaw(t.Context(), arena); err == nil {
				err = cutter.Decode(arena, b)
			}
		} else {
			err = r.Read(t.Context(), b)
		}
		switch {
		case err != nil && b.Len() == 0 && err.Error() == "EOF":
			return out, nil
		case err != nil:
			return nil, err
		}
		for row := range b.Len() {
			cells := make([]string, len(schema))
			for i := range schema {
				if cells[i] = "∅"; !b.Col(i).Null(row) {
					cells[i] = string(source.AppendText(nil, b.Col(i), row))
				}
			}
			out = append(out, slices.Clip(cells))
		}
	}
}
