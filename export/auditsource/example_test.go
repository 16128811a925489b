package auditsource_test

import (
	"context"
	"fmt"
	"time"

	"github.com/exportyard/exportyard/export/auditsource"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/source"
)

func Example() {
	ctx := context.Background()
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	store := memstore.New(&memstore.Options{Now: func() time.Time { return now }})
	_, err := store.Update(ctx, queue.Update{}, []queue.Entry{
		{ID: "e-1", Kind: queue.Audit, Tenant: "acme", Type: "export.requested", Actor: "ann"},
		{ID: "e-2", Kind: queue.Audit, Tenant: "globex", Type: "export.requested", Actor: "bob"},
	})
	fmt.Println(err)

	log, err := auditsource.New(store, nil) // and source.Merge with the host's own
	fmt.Println(err)
	query := source.Query{Tenant: "acme", Dataset: "audit_log", Columns: []string{"at", "what", "actor"}}
	err = source.Each(ctx, log, query, func(b *source.Batch) error {
		for row := range b.Len() {
			fmt.Printf("%s %s %s\n", source.AppendText(nil, b.Col(0), row), source.AppendText(nil, b.Col(1), row), source.AppendText(nil, b.Col(2), row))
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// <nil>
	// <nil>
	// 2026-11-21T09:00:00Z export.requested ann
	// <nil>
}
