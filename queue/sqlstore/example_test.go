package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore"
)

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "jobs")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	// The driver is the host's choice; here it is modernc.org/sqlite.
	db, err := sql.Open("sqlite", filepath.Join(dir, "jobs.sqlite"))
	if err != nil {
		panic(err)
	}
	defer db.Close()
	store, err := sqlstore.Open(ctx, db, sqlstore.SQLite, nil)
	if err != nil {
		panic(err)
	}

	job, _, err := store.Create(ctx, queue.NewJob{
		Job:   queue.Job{ID: "job-1", Tenant: "acme", Kind: "archive", Slot: "acme/archive"},
		First: []queue.Part{{Kind: queue.PlanPart}, {Kind: queue.SealPart}},
	}, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(job.ID, job.State)

	claimed, err := store.Claim(ctx, queue.Claim{Worker: "host-1", Limit: 4, Lease: time.Minute})
	if err != nil {
		panic(err)
	}
	for _, c := range claimed {
		fmt.Println(c.Part.Kind, c.Part.State, "under fence", c.Part.Fence)
	}
	// Output:
	// job-1 pending
	// plan leased under fence 1
}

// On PostgreSQL the host migrates when it wants to. A request can be part of a
// transaction of its own: the order and its export are both stored, or neither.
func Example_postgreSQL() {
	ctx := context.Background()
	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
	if err != nil {
		panic(err)
	}
	defer db.Close()
	if err := sqlstore.Migrate(ctx, db, sqlstore.PostgreSQL); err != nil {
		panic(err)
	}
	store, err := sqlstore.Open(ctx, db, sqlstore.PostgreSQL, nil)
	if err != nil {
		panic(err)
	}

	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		panic(err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, "insert into orders (id) values (7)"); err != nil {
		panic(err)
	}
	_, _, err = queue.CreateTx(ctx, store, tx, queue.NewJob{
		Job:   queue.Job{ID: "job-1", Tenant: "acme", Kind: "archive", Slot: "acme/archive"},
		First: []queue.Part{{Kind: queue.PlanPart}, {Kind: queue.SealPart}},
	}, nil)
	if err != nil {
		panic(err)
	}
	if err := tx.Commit(); err != nil {
		panic(err)
	}
}
