package sqlsource

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource/internal/catalog"
	"github.com/exportyard/exportyard/source/sqlsource/internal/dialect"
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
	// periods. On SQLite it may be declared as text or integer: how its values
	// are written decides. Default: none.
	TimeColumn string
}

// Discover reads the database's own catalog and returns a dataset for each
// table, by name. On SQLite, where a column may hold anything, it also reads
// every table once and chooses kinds that keep every digit of what is there;
// the package documentation says how.
func Discover(ctx context.Context, db *sql.DB, d Dialect, opts *DiscoverOptions) ([]Dataset, error) {
	if opts == nil {
		opts = &DiscoverOptions{}
	}
	if db == nil || !dialect.Dialect(d).Valid() {
		return nil, errors.New("sqlsource: discover needs a database and a dialect")
	}
	tables, err := catalog.Read(ctx, db, dialect.Dialect(d), catalog.Options{
		Schema: opts.Schema, Tables: opts.Tables, Exclude: opts.Exclude, Views: opts.Views,
	})
	if err != nil {
		return nil, fmt.Errorf("sqlsource: discover: %w", err)
	}
	var errs []error
	for _, name := range opts.Tables {
		if !slices.ContainsFunc(tables, func(t catalog.Table) bool { return t.Name == name }) {
			errs = append(errs, fmt.Errorf("sqlsource: discover: no table %q", name))
		}
	}
	var out []Dataset
	for _, t := range tables {
		ds, err := newDataset(d, t, opts)
		if err == nil && d == SQLite {
			ds.expectTimes(opts.TimeColumn)
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

// newDataset turns a table into a dataset without roles.
func newDataset(d Dialect, t catalog.Table, opts *DiscoverOptions) (Dataset, error) {
	ds := Dataset{Name: t.Name, Table: t.Name, KeepCollation: true, Storage: make(map[string]TimeStorage)}
	if opts.Schema != "" {
		ds.Table = t.Schema + "." + t.Name
	}
	if strings.Contains(t.Schema+t.Name, ".") {
		quote := dialect.Dialect(d).Quote
		ds.Table, ds.Query = "", "select * from "+quote(t.Schema)+"."+quote(t.Name)
	}
	var key []catalog.Column
	for _, c := range t.Columns {
		ds.Fields = append(ds.Fields, source.Field{Name: c.Name, Kind: c.Kind, Required: c.Required})
		if c.Key > 0 {
			key = append(key, c)
		}
	}
	slices.SortFunc(key, func(a, b catalog.Column) int { return a.Key - b.Key })
	for _, c := range key {
		ds.Key = append(ds.Key, c.Name)
	}
	return ds, source.Schema(ds.Fields).Validate()
}

// expectTimes takes the host's word that a column holds times, whatever it was
// declared as: SQLite has no type for them. What it really holds settles it.
func (ds *Dataset) expectTimes(column string) {
	for i := range ds.Fields {
		if f := &ds.Fields[i]; f.Name == column && (f.Kind == source.String || f.Kind == source.Int64) {
			f.Kind = source.DateTime
		}
	}
}

// assign gives the dataset its tenant and its time, and takes a key away that
// cannot be one.
func (ds *Dataset) assign(opts *DiscoverOptions) error {
	schema := source.Schema(ds.Fields)
	if slices.ContainsFunc(ds.Key, func(name string) bool {
		return !schema[schema.Index(name)].Required || noKey(schema[schema.Index(name)].Kind)
	}) {
		ds.Key = nil
	}
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
		return fmt.Errorf("sqlsource: discover: the column %q of the table %q holds no times, or not all in one form: it is a %v", opts.TimeColumn, ds.Name, schema[i].Kind)
	}
	ds.Time = opts.TimeColumn
	ds.TimeStorage = ds.Storage[ds.Time]
	return nil
}
