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
