package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/format/jsonfmt"
	"github.com/exportyard/exportyard/queue/sqlstore"
	"github.com/exportyard/exportyard/sink/filesink"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource"
)

// The whole wiring: a table of yours, jobs in SQLite, files in a folder.
func Example_wiring() {
	ctx, stop := context.WithCancel(context.Background())
	appDB, jobsDB, dir := yourDatabases()
	defer appDB.Close()
	defer jobsDB.Close()

	src, err := sqlsource.New(appDB, sqlsource.SQLite, []sqlsource.Dataset{{
		Name: "runs", Key: []string{"run_id"}, Tenant: "org_id", Time: "created_at",
		Query: `select run_id, org_id, credit_cost, created_at from runs`,
		Fields: []source.Field{
			{Name: "run_id", Kind: source.Int64},
			{Name: "org_id", Kind: source.String},
			{Name: "credit_cost", Kind: source.Decimal(12, 4)},
			{Name: "created_at", Kind: source.Timestamp},
		},
	}}, nil)
	check(err)
	store, err := sqlstore.Open(ctx, jobsDB, sqlstore.SQLite, nil)
	check(err)
	disk, err := filesink.New(dir, nil)
	check(err)
	engine, err := export.New(export.Config{
		Source: src, Store: store, Sink: disk,
		Formats: []format.Formatter{csvfmt.Format{}, jsonfmt.Document{}},
	})
	check(err)
	done := make(chan error, 1)
	go func() { done <- engine.Run(ctx) }() // worker and sweeper; ends with ctx, work put down safely

	job, err := engine.Request(ctx, export.Request{
		Tenant: "acme", Actor: "ann@acme.example", All: true,
		Format: "csv", Compression: export.Gzip, Interval: export.Month,
	})
	check(err)
	for job, err = range engine.Watch(ctx, job.Tenant, job.ID, time.Second) {
		check(err)
	}
	manifest, err := engine.Verify(ctx, job.Tenant, job.ID)
	check(err)
	for _, f := range manifest.Files {
		fmt.Println(job.State, f.Name, f.Rows)
	}
	stop()
	check(<-done)
	// Output:
	// completed runs_2026-09.csv.gz 2
	// completed runs_2026-10.csv.gz 1
}

// yourDatabases stands for what a host has already: a database with runs of
// two tenants, one for the jobs, and a folder.
func yourDatabases() (app, jobs *sql.DB, dir string) {
	dir, err := os.MkdirTemp("", "exportyard-wiring-")
	check(err)
	app, err = sql.Open("sqlite", filepath.Join(dir, "app.db"))
	check(err)
	_, err = app.ExecContext(context.Background(), `
		create table runs (run_id integer primary key, org_id text, credit_cost decimal(12,4), created_at timestamp);
		insert into runs values
			(1, 'acme', 0.25, '2026-09-01 08:00:00'), (2, 'globex', 1, '2026-09-02 08:00:00'),
			(3, 'acme', 12, '2026-09-30 23:59:59'), (4, 'acme', 3.1415, '2026-10-01 00:00:00');`)
	check(err)
	jobs, err = sql.Open("sqlite", filepath.Join(dir, "jobs.db"))
	check(err)
	return app, jobs, filepath.Join(dir, "files")
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
