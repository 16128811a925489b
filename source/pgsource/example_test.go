package pgsource_test

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/pgsource"
)

// A table of runs, whose tenant and time the engine goes by.
func Example() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, "postgres://app@localhost/app")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Close()
	src, err := pgsource.New(pool, []pgsource.Dataset{{
		Name: "runs", Title: "Runs", Area: "chat",
		Key: []string{"run_id"}, Tenant: "org_id", Time: "created_at", Subject: "user_email",
		Table: "runs",
		Fields: []source.Field{
			{Name: "run_id", Kind: source.UUID},
			{Name: "org_id", Kind: source.String},
			{Name: "user_email", Kind: source.String, Sensitivity: source.Personal},
			{Name: "credit_cost", Kind: source.Decimal(12, 4)},
			{Name: "created_at", Kind: source.Timestamp},
		},
	}}, &pgsource.Options{RowsPerSecond: 200_000})
	if err != nil {
		fmt.Println(err)
		return
	}
	datasets, err := src.Datasets(ctx, "acme")
	fmt.Println(datasets[0].Title, datasets[0].Schema.Names(), err)

	// Output: Runs [run_id org_id user_email credit_cost created_at] <nil>
}
