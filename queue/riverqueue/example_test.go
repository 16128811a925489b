package riverqueue_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/queue/riverqueue"
	"github.com/exportyard/exportyard/queue/sqlstore"
	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/source"
)

// Every host of a fleet is wired alike: the jobs are in the store, and River spreads the
// work on them.
func Example() {
	const url = "postgres:///app"
	wire := func(ctx context.Context, src source.Source, bucket sink.Sink) error {
		pool, err := pgxpool.New(ctx, url)
		if err != nil {
			return err
		}
		defer pool.Close()
		db, err := sql.Open("pgx", url)
		if err != nil {
			return err
		}
		defer func() { _ = db.Close() }()
		store, err := sqlstore.Open(ctx, db, sqlstore.PostgreSQL, nil)
		if err != nil {
			return err
		}
		river, err := riverqueue.New(pool, &riverqueue.Options{MaxInFlight: 32})
		if err != nil {
			return err
		}
		engine, err := export.New(export.Config{
			Source: src, Store: store, Sink: bucket, Dispatcher: river, Formats: []format.Formatter{csvfmt.Format{}},
		})
		if err != nil {
			return err
		}
		return engine.Run(ctx)
	}
	fmt.Printf("%T\n", wire)
	// Output: func(context.Context, source.Source, sink.Sink) error
}

// The tables may be made with the host's own tool for that.
func ExampleMigrations() {
	versions, err := riverqueue.Migrations(nil)
	if err != nil {
		log.Fatal(err)
	}
	first, _, _ := strings.Cut(versions[0].SQL, "\n")
	fmt.Println(versions[0].Version, first)
	// Output: 1 create schema if not exists "exportyard_river";
}
