package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/brianvoe/gofakeit/v7"
)

// The demo's database: an organization's runs of an AI product, with their
// users and invoices, for two tenants.
const (
	demoTenantColumn = "org_id"
	demoTimeColumn   = "created_at"
	demoUsers        = 2_000
	demoInvoices     = 8_000
	demoRuns         = 190_000
	demoSeed         = 20261001
)

var demoTenants = []string{"acme", "globex"}

const demoSchema = `
create table users (
	user_id uuid primary key not null, org_id text not null, name text not null, email text not null,
	created_at timestamp not null
) without rowid;
create table invoices (
	invoice_id integer primary key not null, org_id text not null, customer text not null, amount decimal(12,2) not null,
	currency text not null, paid_at timestamp, created_at timestamp not null
);
create table runs (
	run_id integer primary key not null, org_id text not null, user_id uuid not null, workspace text not null,
	prompt text not null, tokens integer not null, credit_cost decimal(12,4) not null, failed boolean not null,
	meta json, created_at timestamp not null
);
create index runs_by_time on runs (org_id, created_at);
create index invoices_by_time on invoices (org_id, created_at);`

func (o *options) isDemo() bool { return o.db == o.state+".demo.db" }

// demo makes the demo's database beside the jobs, unless a run before has made
// it. The data is the same every time.
func (o *options) demo(ctx context.Context, show *screen) error {
	o.db = o.state + ".demo.db"
	if _, err := os.Stat(o.db); err == nil {
		return nil
	}
	unfinished := o.db + ".unfinished"
	for _, leftover := range []string{unfinished, unfinished + "-journal"} {
		if err := os.Remove(leftover); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	show.say("making a demo database with %s rows for %d tenants …", count(demoUsers+demoInvoices+demoRuns), len(demoTenants))
	if err := fillDemo(ctx, unfinished); err != nil {
		return fmt.Errorf("making the demo database: %w", err)
	}
	return os.Rename(unfinished, o.db)
}

func fillDemo(ctx context.Context, path string) (err error) {
	db, err := openSQLite(path, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if _, err := tx.ExecContext(ctx, demoSchema); err != nil {
		return err
	}
	fake := gofakeit.New(demoSeed)
	users, err := fillUsers(ctx, tx, fake)
	if err != nil {
		return err
	}
	if err := fillInvoices(ctx, tx, fake); err != nil {
		return err
	}
	if err := fillRuns(ctx, tx, fake, users); err != nil {
		return err
	}
	return tx.Commit()
}

// demoTime is a moment within October 2026.
func demoTime(fake *gofakeit.Faker) string {
	at := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(fake.IntRange(0, 31*24*3600-1)) * time.Second)
	return at.Format("2006-01-02 15:04:05")
}

// insert prepares a statement and runs it n times with what row returns.
func insert(ctx context.Context, tx *sql.Tx, query string, n int, row func(i int) []any) (err error) {
	stmt, err := tx.PrepareContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	for i := range n {
		if _, err := stmt.ExecContext(ctx, row(i)...); err != nil {
			return err
		}
	}
	return nil
}

func fillUsers(ctx context.Context, tx *sql.Tx, fake *gofakeit.Faker) ([]string, error) {
	var ids []string
	err := insert(ctx, tx, `insert into users values (?, ?, ?, ?, ?)`, demoUsers, func(i int) []any {
		id, name := fake.UUID(), fake.Name()
		ids = append(ids, id)
		return []any{id, demoTenants[i%2], name, fmt.Sprintf("user%d@%s.example", i, demoTenants[i%2]), demoTime(fake)}
	})
	return ids, err
}

func fillInvoices(ctx context.Context, tx *sql.Tx, fake *gofakeit.Faker) error {
	return insert(ctx, tx, `insert into invoices values (?, ?, ?, ?, ?, ?, ?)`, demoInvoices, func(i int) []any {
		var paid any
		if fake.IntRange(0, 9) > 1 {
			paid = demoTime(fake)
		}
		amount := fmt.Sprintf("%d.%02d", fake.IntRange(5, 20_000), fake.IntRange(0, 99))
		return []any{i + 1, demoTenants[i%2], fake.Company(), amount, "EUR", paid, demoTime(fake)}
	})
}

func fillRuns(ctx context.Context, tx *sql.Tx, fake *gofakeit.Faker, users []string) error {
	workspaces := []string{"Design", "Sales, EMEA", "Ops \"night shift\"", "研究", "Support 🛟"}
	prompts := make([]string, 500)
	for i := range prompts {
		prompts[i] = fake.Sentence()
	}
	return insert(ctx, tx, `insert into runs values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, demoRuns, func(i int) []any {
		user := fake.IntRange(0, len(users)/2-1)*2 + i%2 // of the same tenant
		var meta any
		if i%3 > 0 {
			meta = fmt.Sprintf(`{"model": "m-%d", "steps": %d, "tags": ["%s"]}`, fake.IntRange(1, 4), fake.IntRange(1, 40), fake.Word())
		}
		cost := fmt.Sprintf("%d.%04d", fake.IntRange(0, 9), fake.IntRange(0, 9999))
		return []any{
			i + 1, demoTenants[i%2], users[user], workspaces[fake.IntRange(0, len(workspaces)-1)], prompts[fake.IntRange(0, len(prompts)-1)],
			fake.IntRange(10, 90_000), cost, fake.IntRange(0, 19) == 0, meta, demoTime(fake),
		}
	})
}
