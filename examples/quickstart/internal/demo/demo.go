// Package demo makes up a database of two tenants: an organization's runs of an
// AI product, with their users and invoices. It is the same every time.
package demo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/brianvoe/gofakeit/v7"
)

// What the tables have in common.
const (
	TenantColumn = "org_id"
	TimeColumn   = "created_at"
)

// Rows is how many there are, of both tenants.
const Rows = users + invoices + runs

const (
	users    = 2_000
	invoices = 8_000
	runs     = 190_000
	seed     = 20261001
)

var tenants = [...]string{"acme", "globex"}

// Tenants returns who owns the rows, in turn.
func Tenants() []string { return slices.Clone(tenants[:]) }

const schema = `
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

// Fill makes the tables and their rows in an empty SQLite database.
func Fill(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if _, err := tx.ExecContext(ctx, schema); err != nil {
		return err
	}
	fake := gofakeit.New(seed)
	ids, err := fillUsers(ctx, tx, fake)
	if err != nil {
		return err
	}
	if err := fillInvoices(ctx, tx, fake); err != nil {
		return err
	}
	if err := fillRuns(ctx, tx, fake, ids); err != nil {
		return err
	}
	return tx.Commit()
}

// moment is the text of one within October 2026.
func moment(fake *gofakeit.Faker) string {
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
	err := insert(ctx, tx, `insert into users values (?, ?, ?, ?, ?)`, users, func(i int) []any {
		id, name := fake.UUID(), fake.Name()
		ids = append(ids, id)
		return []any{id, tenants[i%2], name, fmt.Sprintf("user%d@%s.example", i, tenants[i%2]), moment(fake)}
	})
	return ids, err
}

func fillInvoices(ctx context.Context, tx *sql.Tx, fake *gofakeit.Faker) error {
	return insert(ctx, tx, `insert into invoices values (?, ?, ?, ?, ?, ?, ?)`, invoices, func(i int) []any {
		var paid any
		if fake.IntRange(0, 9) > 1 {
			paid = moment(fake)
		}
		amount := fmt.Sprintf("%d.%02d", fake.IntRange(5, 20_000), fake.IntRange(0, 99))
		return []any{i + 1, tenants[i%2], fake.Company(), amount, "EUR", paid, moment(fake)}
	})
}

func fillRuns(ctx context.Context, tx *sql.Tx, fake *gofakeit.Faker, ids []string) error {
	workspaces := []string{"Design", "Sales, EMEA", "Ops \"night shift\"", "研究", "Support 🛟"}
	prompts := make([]string, 500)
	for i := range prompts {
		prompts[i] = fake.Sentence()
	}
	return insert(ctx, tx, `insert into runs values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, runs, func(i int) []any {
		user := fake.IntRange(0, len(ids)/2-1)*2 + i%2 // of the same tenant
		var meta any
		if i%3 > 0 {
			meta = fmt.Sprintf(`{"model": "m-%d", "steps": %d, "tags": ["%s"]}`, fake.IntRange(1, 4), fake.IntRange(1, 40), fake.Word())
		}
		cost := fmt.Sprintf("%d.%04d", fake.IntRange(0, 9), fake.IntRange(0, 9999))
		return []any{
			i + 1, tenants[i%2], ids[user], workspaces[fake.IntRange(0, len(workspaces)-1)], prompts[fake.IntRange(0, len(prompts)-1)],
			fake.IntRange(10, 90_000), cost, fake.IntRange(0, 19) == 0, meta, moment(fake),
		}
	})
}
