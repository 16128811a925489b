// Package database opens the database that is to be exported and makes every
// table of it a dataset, as its own catalog has it.
package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource"
)

// Options say what to open.
type Options struct {
	// File is a SQLite database, or PostgreSQL a connection string.
	File, PostgreSQL string
	// Tables to take; none is all.
	Tables []string
	// TenantColumn and TimeColumn give datasets their roles; empty is none.
	TenantColumn, TimeColumn string
}

// A Refusal lists what the database does not bear out, each beginning with the
// flag that it is about.
type Refusal struct{ Problems []string }

// Error lists the problems, one a line.
func (r *Refusal) Error() string { return strings.Join(r.Problems, "\n") }

// Data is an open database and what there is to export of it.
type Data struct {
	// Source can do more than the interface says: hand it on as it is.
	Source source.Source
	close  func() error
}

// Close closes the database.
func (d *Data) Close() error { return d.close() }

// Open opens the database and reads its catalog.
func Open(ctx context.Context, o Options) (*Data, error) {
	if o.PostgreSQL != "" {
		return o.openPostgreSQL(ctx)
	}
	db, err := SQLite(o.File, "mode=ro")
	if err != nil {
		return nil, err
	}
	src, err := o.discover(ctx, db)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Data{Source: src, close: db.Close}, nil
}

// SQLite opens a database file, whatever characters its path has.
func SQLite(path, query string) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	u := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: query}
	return sql.Open("sqlite", u.String())
}

func (o Options) discover(ctx context.Context, db *sql.DB) (source.Source, error) {
	datasets, err := sqlsource.Discover(ctx, db, sqlsource.SQLite, &sqlsource.DiscoverOptions{
		Tables: o.Tables, TenantColumn: o.TenantColumn, Unguarded: true, TimeColumn: o.TimeColumn,
	})
	if err != nil {
		return nil, o.refused(ctx, err, "-db", "sqlsource: discover: ")
	}
	found := newFound(o, len(datasets), fmt.Sprintf("-db: %q has no tables", o.File))
	for i := range datasets {
		found.add(datasets[i].Tenant, datasets[i].Time)
		if datasets[i].Unguarded {
			datasets[i].Off = o.off()
		}
	}
	if err := found.err(); err != nil {
		return nil, err
	}
	return sqlsource.New(db, sqlsource.SQLite, datasets, nil)
}

// off says of a table without the tenant column why it is not exported: rows
// that nobody can tell the tenant of stay where they are. It is nil where
// tenants are not told apart.
func (o Options) off() func(context.Context, string) (string, error) {
	if o.TenantColumn == "" {
		return nil
	}
	return func(context.Context, string) (string, error) { return "it has no column " + o.TenantColumn, nil }
}

// refused says which flags the database's catalog does not bear out.
func (o Options) refused(ctx context.Context, err error, flag, prefix string) error {
	if ctx.Err() != nil {
		return err
	}
	bad := &Refusal{}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		line = strings.TrimPrefix(line, prefix)
		switch {
		case strings.HasPrefix(line, "no table"):
			line = "-dataset: " + line
		case strings.HasPrefix(line, "the column"):
			line = "-time-column: " + line
			if flag == "-db" {
				line += " (name one whose values are all written alike: 2026-10-01, 2026-10-01 08:00:00 in UTC, or Unix time)"
			}
		default:
			line = flag + ": " + line
		}
		bad.Problems = append(bad.Problems, line)
	}
	return bad
}

// found notes which columns the tables have.
type found struct {
	Options
	tenants, times bool
	problems       []string
}

func newFound(o Options, tables int, none string) *found {
	f := &found{Options: o, tenants: o.TenantColumn == "", times: o.TimeColumn == ""}
	if tables == 0 {
		f.problems = append(f.problems, none)
	}
	return f
}

func (f *found) add(tenant, time string) {
	f.tenants, f.times = f.tenants || tenant != "", f.times || time != ""
}

// err complains of what no table has.
func (f *found) err() error {
	if !f.tenants {
		f.problems = append(f.problems, fmt.Sprintf("-tenant-column: no table to export has a column %q", f.TenantColumn))
	}
	if !f.times {
		f.problems = append(f.problems, fmt.Sprintf("-time-column: no table to export has a column %q", f.TimeColumn))
	}
	if len(f.problems) > 0 {
		return &Refusal{f.problems}
	}
	return nil
}
