package sqlsource

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/exportyard/exportyard/source"
)

// DiscoverOptions choose what [Discover] makes datasets of. The zero value is
// every table, without a tenant column.
type DiscoverOptions struct {
	// Schema is where the tables are: a schema of PostgreSQL, a database of
	// MySQL. Default: the session's current one. SQLite: not used.
	Schema string
	// Tables are the tables to take. One that is not there is an error.
	// Default: all, without views.
	Tables []string
	// Exclude are tables to leave out. Default: none.
	Exclude []string
	// Views also takes views, which have no key. Default: tables only.
	Views bool
	// TenantColumn names the column that says whose a row is. Tables without
	// it are an error unless Unguarded is set. Default: all are unguarded.
	TenantColumn string
	// Unguarded takes tables without the tenant column as unguarded datasets.
	Unguarded bool
	// TimeColumn names the column by which tables that have it are cut into
	// periods. Default: none.
	TimeColumn string
}

// found is a table of the database and what its catalog says.
type found struct {
	schema, name string
	columns      []foundColumn
}

type foundColumn struct {
	name     string
	typeName string // in lower case
	kind     source.Kind
	required bool
	key      int // position in the primary key from 1, 0 when not in it
	storage  TimeStorage
}

// Discover reads the database's own catalog and returns a dataset for each
// table, by name. On SQLite, where a column may hold anything, it also reads
// every table once and chooses kinds that keep every digit of what is there;
// the package documentation says how.
func Discover(ctx context.Context, db *sql.DB, dialect Dialect, opts *DiscoverOptions) ([]Dataset, error) {
	if opts == nil {
		opts = &DiscoverOptions{}
	}
	if db == nil || !dialect.valid() {
		return nil, errors.New("sqlsource: discover needs a database and a dialect")
	}
	look := map[Dialect]func(context.Context, *sql.DB, *DiscoverOptions) ([]found, error){
		SQLite: discoverSQLite, PostgreSQL: discoverPostgreSQL, MySQL: discoverMySQL,
	}[dialect]
	tables, err := look(ctx, db, opts)
	if err != nil {
		return nil, fmt.Errorf("sqlsource: discover: %w", err)
	}
	var errs []error
	for _, name := range opts.Tables {
		if !slices.ContainsFunc(tables, func(t found) bool { return t.name == name }) {
			errs = append(errs, fmt.Errorf("sqlsource: discover: no table %q", name))
		}
	}
	var out []Dataset
	for _, t := range tables {
		ds, err := t.dataset(dialect, opts)
		if err == nil && dialect == SQLite {
			err = settle(ctx, db, &ds)
		}
		out, errs = append(out, ds), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for i := range out {
		if err := out[i].assign(opts); err != nil {
			errs = append(errs, err)
		}
	}
	return out, errors.Join(errs...)
}

// wants reports whether the options ask for a table.
func (o *DiscoverOptions) wants(name string) bool {
	return (len(o.Tables) == 0 || slices.Contains(o.Tables, name)) && !slices.Contains(o.Exclude, name)
}

// dataset turns a table into a dataset without roles.
func (t found) dataset(d Dialect, opts *DiscoverOptions) (Dataset, error) {
	ds := Dataset{Name: t.name, Table: t.name, KeepCollation: true, Storage: make(map[string]TimeStorage)}
	if opts.Schema != "" {
		ds.Table = t.schema + "." + t.name
	}
	if strings.Contains(t.schema+t.name, ".") {
		ds.Table, ds.Query = "", "select * from "+d.quote(t.schema)+"."+d.quote(t.name)
	}
	var key []foundColumn
	for _, c := range t.columns {
		ds.Fields = append(ds.Fields, source.Field{Name: c.name, Kind: c.kind, Required: c.required})
		if c.storage != Detected {
			ds.Storage[c.name] = c.storage
		}
		if c.key > 0 {
			key = append(key, c)
		}
	}
	slices.SortFunc(key, func(a, b foundColumn) int { return a.key - b.key })
	for _, c := range key {
		if c.kind == source.Float64 || c.kind == source.Bytes || c.kind == source.JSON || !c.required {
			ds.Key = nil
			break
		}
		ds.Key = append(ds.Key, c.name)
	}
	return ds, source.Schema(ds.Fields).Validate()
}

// assign gives the dataset its tenant and its time.
func (ds *Dataset) assign(opts *DiscoverOptions) error {
	schema := source.Schema(ds.Fields)
	switch {
	case opts.TenantColumn == "":
		ds.Unguarded = true
	case schema.Index(opts.TenantColumn) >= 0:
		ds.Tenant = opts.TenantColumn
	case opts.Unguarded:
		ds.Unguarded = true
	default:
		return fmt.Errorf("sqlsource: discover: the table %q has no column %q: exclude it, or allow unguarded tables", ds.Name, opts.TenantColumn)
	}
	i := schema.Index(opts.TimeColumn)
	if opts.TimeColumn == "" || i < 0 {
		return nil
	}
	if !schema[i].Kind.Temporal() {
		return fmt.Errorf("sqlsource: discover: the column %q of the table %q holds no times: it is a %v", opts.TimeColumn, ds.Name, schema[i].Kind)
	}
	ds.Time = opts.TimeColumn
	ds.TimeStorage = ds.Storage[ds.Time]
	return nil
}

const postgreSQLColumns = `
select n.nspname, c.relname, a.attname, b.typname,
  case when t.typtype = 'd' then t.typtypmod else a.atttypmod end,
  a.attnotnull, coalesce(array_position(cast(i.indkey as smallint[]), a.attnum) + 1, 0)
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_catalog.pg_type t on t.oid = a.atttypid
join pg_catalog.pg_type b on b.oid = case when t.typtype = 'd' then t.typbasetype else t.oid end
left join pg_catalog.pg_index i on i.indrelid = c.oid and i.indisprimary
where (c.relkind in ('r', 'p') or c.relkind in ('v', 'm') and $1) and not c.relispartition
  and n.nspname = coalesce(nullif($2, ''), current_schema())
order by c.relname collate "C", a.attnum`

var postgreSQLKinds = map[string]source.Kind{
	"bool": source.Bool, "int2": source.Int64, "int4": source.Int64, "int8": source.Int64, "oid": source.Int64,
	"float4": source.Float64, "float8": source.Float64, "bytea": source.Bytes, "date": source.Date,
	"timestamptz": source.Timestamp, "timestamp": source.DateTime, "uuid": source.UUID, "json": source.JSON, "jsonb": source.JSON,
}

func discoverPostgreSQL(ctx context.Context, db *sql.DB, opts *DiscoverOptions) ([]found, error) {
	var out []found
	var schema, table string
	var c foundColumn
	var mod int
	scan := func(rows *sql.Rows) error {
		return rows.Scan(&schema, &table, &c.name, &c.typeName, &mod, &c.required, &c.key)
	}
	err := each(ctx, db, scan, func() {
		kind, ok := postgreSQLKinds[c.typeName]
		if c.typeName == "numeric" && mod >= 4 {
			// Eleven bits of scale, signed.
			scale := (mod - 4) & 0x7ff
			kind = source.Decimal((mod-4)>>16&0xffff, (scale^1024)-1024)
			ok = kind.Valid()
		}
		if !ok {
			kind = source.String
		}
		c.kind = kind
		out = add(out, opts, schema, table, c)
	}, postgreSQLColumns, opts.Views, opts.Schema)
	return out, err
}

// add appends a column to the table that it belongs to, which is the last one
// or a new one.
func add(tables []found, opts *DiscoverOptions, schema, table string, c foundColumn) []found {
	if !opts.wants(table) {
		return tables
	}
	if n := len(tables); n == 0 || tables[n-1].name != table {
		tables = append(tables, found{schema: schema, name: table})
	}
	last := &tables[len(tables)-1]
	last.columns = append(last.columns, c)
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

const mySQLColumns = `
select c.table_schema, c.table_name, c.column_name, c.data_type, c.column_type,
  coalesce(c.numeric_precision, 0), coalesce(c.numeric_scale, 0), c.is_nullable = 'NO',
  coalesce((select min(s.seq_in_index) from information_schema.statistics s
    where s.table_schema = c.table_schema and s.table_name = c.table_name and s.column_name = c.column_name
      and s.index_name = 'PRIMARY' and s.sub_part is null), 0)
from information_schema.columns c
join information_schema.tables t on t.table_schema = c.table_schema and t.table_name = c.table_name
where c.table_schema = coalesce(nullif(?, ''), database()) and (t.table_type = 'BASE TABLE' or t.table_type = 'VIEW' and ?)
order by cast(c.table_name as binary), c.ordinal_position`

var mySQLKinds = map[string]source.Kind{
	"tinyint": source.Int64, "smallint": source.Int64, "mediumint": source.Int64, "int": source.Int64, "bigint": source.Int64, "year": source.Int64,
	"float": source.Float64, "double": source.Float64, "date": source.Date, "datetime": source.DateTime, "timestamp": source.Timestamp,
	"json": source.JSON, "uuid": source.UUID, "binary": source.Bytes, "varbinary": source.Bytes, "bit": source.Bytes,
	"tinyblob": source.Bytes, "blob": source.Bytes, "mediumblob": source.Bytes, "longblob": source.Bytes,
	"geometry": source.Bytes, "point": source.Bytes, "linestring": source.Bytes, "polygon": source.Bytes, "multipoint": source.Bytes,
	"multilinestring": source.Bytes, "multipolygon": source.Bytes, "geomcollection": source.Bytes, "geometrycollection": source.Bytes,
}

func discoverMySQL(ctx context.Context, db *sql.DB, opts *DiscoverOptions) ([]found, error) {
	var out []found
	var schema, table, full string
	var c foundColumn
	var precision, scale int
	scan := func(rows *sql.Rows) error {
		return rows.Scan(&schema, &table, &c.name, &c.typeName, &full, &precision, &scale, &c.required, &c.key)
	}
	err := each(ctx, db, scan, func() {
		kind, ok := mySQLKinds[c.typeName]
		switch {
		case c.typeName == "bit" && precision == 1:
			kind = source.Bool
		case c.typeName == "bigint" && strings.Contains(strings.ToLower(full), "unsigned"):
			kind = source.Decimal(20, 0)
		case c.typeName == "decimal":
			kind = source.Decimal(precision, scale)
			ok = kind.Valid()
		}
		if !ok {
			kind = source.String
		}
		c.kind = kind
		out = add(out, opts, schema, table, c)
	}, mySQLColumns, opts.Schema, opts.Views)
	return out, err
}
