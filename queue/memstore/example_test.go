package memstore_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore"
)

func Example() {
	ctx := context.Background()
	store := memstore.New(nil)
	request := func(id string) (queue.Job, error) {
		job, _, err := store.Create(ctx, queue.NewJob{
			Job:   queue.Job{ID: id, Tenant: "acme", Kind: "archive", Slot: "acme/archive"},
			First: []queue.Part{{Kind: queue.PlanPart}, {Kind: queue.SealPart}},
		}, []queue.Entry{{ID: "entry-of-" + id, Kind: queue.Audit, Tenant: "acme", Job: id, Type: "export.requested"}})
		return job, err
	}

	job, err := request("job-1")
	fmt.Println(job.ID, job.State, err)

	_, err = request("job-2")
	var conflict *queue.ConflictError
	if errors.As(err, &conflict) {
		fmt.Println("the slot is held by", conflict.Active.ID)
	}

	entries, err := store.Entries(ctx, "acme", queue.Audit, 0, 10)
	for _, e := range entries {
		fmt.Println(e.Seq, e.Type, e.Job, err)
	}
	// Output:
	// job-1 pending <nil>
	// the slot is held by job-1
	// 1 export.requested job-1 <nil>
}
