package pgsource

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/pgsource/internal/statement"
)

// DiscoverOptions choose what [Discover] makes datasets of. The zero value is
// every table of the current schema, without a tenant column.
type DiscoverOptions struct {
	// Schema is where the tables are. Default: the session's current one.
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

// found is a row of the catalog: a column of a table, its place in the primary
// key from 1, 0 when it has none.
type found struct {
	schema, table, column string
	required              bool
	key                   int
}

const catalog = `
select n.nspname, c.relname, a.attname, a.attnotnull,
       coalesce(array_position(i.indkey::int2[], a.attnum) + 1, 0)
from pg_catalog.pg_class as c
     join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     left join pg_catalog.pg_index as i on i.indrelid = c.oid and i.indisprimary
where (c.relkind in ('r', 'p') or $1 and c.relkind in ('v', 'm'))
      and not c.relispartition
      and n.nspname = case $2 when '' then current_schema() else $2 end
order by c.relname collate "C", a.attnum`

// Discover reads the database's own catalog and returns a dataset for each
// table, by name. Text keys keep their columns' collation.
func Discover(ctx context.Context, pool *pgxpool.Pool, opts *DiscoverOptions) ([]Dataset, error) {
	if pool == nil {
		return nil, errors.New("pgsource: discover: no pool of connections")
	}
	if opts == nil {
		opts = &DiscoverOptions{}
	}
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("pgsource: discover: %w", err)
	}
	defer conn.Release()
	rows, err := conn.Query(ctx, catalog, opts.Views, opts.Schema)
	if err != nil {
		return nil, fmt.Errorf("pgsource: discover: %w", err)
	}
	columns, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f found, err error) {
		return f, row.Scan(&f.schema, &f.table, &f.column, &f.required, &f.key)
	})
	if err != nil {
		return nil, fmt.Errorf("pgsource: discover: %w", err)
	}
	columns = slices.DeleteFunc(columns, func(f found) bool {
		return slices.Contains(opts.Exclude, f.table) || len(opts.Tables) > 0 && !slices.Contains(opts.Tables, f.table)
	})
	var out []Dataset
	var errs []error
	for _, name := range opts.Tables {
		if !slices.ContainsFunc(columns, func(f found) bool { return f.table == name }) {
			errs = append(errs, fmt.Errorf("pgsource: discover: no table %q", name))
		}
	}
	for len(columns) > 0 {
		n := slices.IndexFunc(columns, func(f found) bool { return f.table != columns[0].table })
		if n < 0 {
			n = len(columns)
		}
		ds, err := discovered(ctx, conn, columns[:n], opts)
		out, errs, columns = append(out, ds), append(errs, err), columns[n:]
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return out, nil
}

// discovered makes a dataset of a table's columns. Their types are the server's
// answer to a select, which has looked through domains.
func discovered(ctx context.Context, conn *pgxpool.Conn, columns []found, opts *DiscoverOptions) (Dataset, error) {
	schema, table := columns[0].schema, columns[0].table
	ds := Dataset{Name: table, Table: table, KeepCollation: true}
	if opts.Schema != "" {
		ds.Table = schema + "." + table
	}
	full := statement.Quote(schema) + "." + statement.Quote(table)
	if strings.Contains(schema+table, ".") {
		ds.Table, ds.Query = "", "select * from "+full
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = statement.Quote(c.column)
	}
	described, err := conn.Conn().PgConn().Prepare(ctx, "", "select "+strings.Join(names, ", ")+" from "+full, nil)
	if err != nil {
		return ds, fmt.Errorf("pgsource: discover: the table %q: %w", table, err)
	}
	key := make([]string, len(columns)+1)
	whole := true
	for i, c := range columns {
		kind := statement.KindOf(described.Fields[i].DataTypeOID, described.Fields[i].TypeModifier)
		ds.Fields = append(ds.Fields, source.Field{Name: c.column, Kind: kind, Required: c.required})
		if c.key > 0 {
			key[c.key] = c.column
			whole = whole && c.required && kind != source.Float64 && kind != source.Bytes && kind != source.JSON
		}
	}
	if whole && slices.ContainsFunc(columns, func(c found) bool { return c.key > 0 }) {
		ds.Key = slices.DeleteFunc(key, func(name string) bool { return name == "" })
	}
	return ds, ds.assign(opts)
}

// assign gives the dataset its tenant and its time.
func (ds *Dataset) assign(opts *DiscoverOptions) error {
	schema := source.Schema(ds.Fields)
	switch {
	case opts.TenantColumn != "" && schema.Index(opts.TenantColumn) >= 0:
		ds.Tenant = opts.TenantColumn
	case opts.TenantColumn == "", opts.Unguarded:
		ds.Unguarded = true
	default:
		return fmt.Errorf("pgsource: discover: the table %q has no column %q: exclude it, or allow unguarded tables", ds.Name, opts.TenantColumn)
	}
	i := schema.Index(opts.TimeColumn)
	switch {
	case opts.TimeColumn == "" || i < 0:
		return nil
	case !schema[i].Kind.Temporal():
		return fmt.Errorf("pgsource: discover: the column %q of the table %q holds no times: it is a %v", opts.TimeColumn, ds.Name, schema[i].Kind)
	}
	ds.Time = opts.TimeColumn
	return nil
}
