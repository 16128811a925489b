package riverqueue

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// Migrate makes River's schema and tables, or brings them up to date. Any number of hosts
// may call it at the same time. Of the options Schema and Logger count.
func Migrate(ctx context.Context, pool *pgxpool.Pool, opts *Options) error {
	d, err := New(pool, opts)
	if err != nil {
		return err
	}
	if err := d.migrate(ctx); err != nil {
		return fmt.Errorf("riverqueue: migrate: %w", err)
	}
	return nil
}

func (d *Dispatcher) migrate(ctx context.Context) (err error) {
	migrator, err := d.migrator()
	if err != nil {
		return err
	}
	// River commits each version by itself, so the lock is the connection's.
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "select pg_advisory_lock($1)", d.lock); err != nil {
		return err
	}
	defer func() {
		if _, free := conn.Exec(context.WithoutCancel(ctx), "select pg_advisory_unlock($1)", d.lock); free != nil {
			err = errors.Join(err, free, conn.Conn().Close(context.WithoutCancel(ctx)))
		}
	}()
	if _, err := conn.Exec(ctx, createSchema(d.options.Schema)); err != nil {
		return err
	}
	_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

func (d *Dispatcher) migrator() (*rivermigrate.Migrator[pgx.Tx], error) {
	return rivermigrate.New(riverpgxv5.New(d.pool), &rivermigrate.Config{Schema: d.options.Schema, Logger: d.options.Logger})
}

// check tells of tables that are older than this code knows.
func (d *Dispatcher) check(ctx context.Context) error {
	migrator, err := d.migrator()
	if err != nil {
		return err
	}
	found, err := migrator.Validate(ctx, nil)
	if err != nil {
		return fmt.Errorf("look at River's tables: %w", err)
	}
	if !found.OK {
		return fmt.Errorf("the tables of River in schema %s are missing or older than this code, call Migrate, or run the SQL that Migrations gives: %s",
			d.options.Schema, strings.ToLower(strings.Join(found.Messages, ", ")))
	}
	return nil
}

func createSchema(name string) string {
	return "create schema if not exists " + pgx.Identifier{name}.Sanitize()
}

// A Migration is one version of River's tables.
type Migration struct {
	// Version is River's number.
	Version int
	// SQL leads from the version before to this one and notes it. It is several
	// statements, to be run in one transaction of its own.
	SQL string
}

// lines is the version from which on River notes a line of versions beside each.
const lines = 5

// Migrations returns all versions of River's tables, in their order, for hosts that change
// their tables by hand or with a tool of their own: those above the highest in
// river_migration are to be run. The first also makes the schema. Of the options Schema counts.
func Migrations(opts *Options) ([]Migration, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("riverqueue: %w", err)
	}
	migrator, err := rivermigrate.New(riverpgxv5.New(nil), &rivermigrate.Config{Schema: o.Schema, Logger: o.Logger})
	if err != nil {
		return nil, fmt.Errorf("riverqueue: migrations: %w", err)
	}
	prefix := pgx.Identifier{o.Schema}.Sanitize() + "."
	var all []Migration
	for _, v := range migrator.AllVersions() {
		text := strings.ReplaceAll(v.SQLUp, "/* TEMPLATE: schema */", prefix)
		if v.Version == 1 {
			text = createSchema(o.Schema) + ";\n" + text
		}
		note := fmt.Sprintf("insert into %sriver_migration (line, version) values ('main', %d);\n", prefix, v.Version)
		if v.Version < lines {
			note = fmt.Sprintf("insert into %sriver_migration (version) values (%d);\n", prefix, v.Version)
		}
		all = append(all, Migration{Version: v.Version, SQL: strings.TrimRight(text, " \n;") + ";\n" + note})
	}
	return all, nil
}
