package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore"
)

func ExampleStore_TakeTick() {
	ctx := context.Background()
	now := time.Date(2026, 11, 21, 2, 0, 0, 0, time.UTC)
	store := memstore.New(&memstore.Options{Now: func() time.Time { return now }})
	_, _, err := store.CreateSchedule(ctx, queue.Schedule{ID: "nightly", Tenant: "acme", NextTick: now}, nil)
	fmt.Println(err)

	due, err := store.DueSchedules(ctx, 10)
	fmt.Println(due[0].Kind, due[0].Schedule.ID, err)
	take := func(host string) error {
		of := due[0].Schedule
		_, run, err := store.TakeTick(ctx, queue.Tick{
			Tenant: of.Tenant, Schedule: of.ID, Version: of.Version,
			Nominal: of.NextTick, Next: of.NextTick.AddDate(0, 0, 1), Outcome: queue.RunStarted,
			Job: queue.NewJob{
				Job:   queue.Job{ID: "job-of-" + host, Tenant: of.Tenant, Slot: "acme/snapshot"},
				First: []queue.Part{{Kind: queue.PlanPart}, {Kind: queue.SealPart}},
			},
		}, nil)
		if err == nil {
			fmt.Println(host, "took run", run.Number, "and made", run.Job)
		}
		return err
	}
	fmt.Println(take("one"))
	fmt.Println(errors.Is(take("two"), queue.ErrStale))
	// Output:
	// <nil>
	// tick nightly <nil>
	// one took run 1 and made job-of-one
	// <nil>
	// true
}
