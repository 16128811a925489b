package sqlsource_test

import (
	"context"
	"database/sql/driver"
	"fmt"
	"log"
	"time"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource"
)

// A host declares what it has; the engine asks for a tenant and a range in time.
func Example() {
	// In a program: db, err := sql.Open("sqlite", "app.db").
	db := (&fake{
		columns: []string{"run_id", "credit_cost", "created_at"},
		rows: [][]driver.Value{
			{"0189f7e2-0000-7000-8000-000000000001", 0.25, "2026-11-01 08:00:00"},
			{"0189f7e2-0000-7000-8000-000000000002", int64(3), "2026-11-01 09:30:00"},
		},
	}).db()
	defer db.Close()

	src, err := sqlsource.New(db, sqlsource.SQLite, []sqlsource.Dataset{{
		Name: "runs", Title: "Runs", Area: "chat",
		Query:  `select run_id, org_id, credit_cost, created_at from runs where deleted_at is null`,
		Key:    []string{"run_id"},
		Tenant: "org_id",
		Time:   "created_at", TimeStorage: "2006-01-02 15:04:05",
		Fields: []source.Field{
			{Name: "run_id", Kind: source.UUID},
			{Name: "org_id", Kind: source.String},
			{Name: "credit_cost", Kind: source.Decimal(12, 4)},
			{Name: "created_at", Kind: source.Timestamp},
		},
	}}, nil)
	if err != nil {
		log.Fatal(err)
	}

	q := source.Query{
		Tenant: "acme", Dataset: "runs", Columns: []string{"run_id", "credit_cost", "created_at"},
		From: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
	}
	err = source.Each(context.Background(), src, q, func(b *source.Batch) error {
		for row := range b.Len() {
			id, cost, at := b.Col(0), b.Col(1), b.Col(2)
			fmt.Printf("%s %s %s\n", source.AppendText(nil, id, row), source.AppendText(nil, cost, row), source.AppendText(nil, at, row))
		}
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// 0189f7e2-0000-7000-8000-000000000001 0.2500 2026-11-01T08:00:00Z
	// 0189f7e2-0000-7000-8000-000000000002 3.0000 2026-11-01T09:30:00Z
}
