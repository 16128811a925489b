package notify_test

import (
	"context"
	"fmt"
	"log"

	"github.com/exportyard/exportyard/export/notify"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore"
)

// A printer is a notifier of the host's own.
type printer struct{}

func (printer) Deliver(_ context.Context, m notify.Message) error {
	fmt.Printf("to %s of %s: %s, %s: %s\n", m.Actor, m.Tenant, m.Kind, m.Reason, m.URL)
	return nil
}

// A courier takes the events of the engine's store to a channel of the host's own and to
// the tenants' webhooks. A host lets its Run run beside the engine's.
func Example() {
	ctx := context.Background()
	store := memstore.New(nil) // the engine's
	hooks, err := notify.NewWebhook(func(ctx context.Context, m notify.Message) (notify.Endpoint, error) {
		return yourEndpoint(ctx, m.Tenant)
	}, nil)
	must(err)
	courier, err := notify.New(store, map[string]notify.Notifier{"print": printer{}, "webhook": hooks}, &notify.Options{
		URL: func(m notify.Message) string { return "https://app.example/exports/" + m.Job },
	})
	must(err)

	// What the engine writes when an export fails.
	_, err = store.Update(ctx, queue.Update{}, []queue.Entry{{
		ID: "event-1", Kind: queue.Outbox, Tenant: "acme", Actor: "ann", Job: "job-1", Type: "export.failed",
		Data: queue.Payload{Version: 1, Data: []byte(`{"message":"the bucket is full"}`)},
	}})
	must(err)
	must(courier.Drain(ctx))
	// Output:
	// to ann of acme: export.failed, the bucket is full: https://app.example/exports/job-1
}

// The same events are the person's inbox.
func ExampleInbox() {
	ctx := context.Background()
	store := memstore.New(nil) // the engine's
	inbox, err := notify.NewInbox(store, nil)
	must(err)
	for _, id := range []string{"event-1", "event-2"} {
		_, err = store.Update(ctx, queue.Update{}, []queue.Entry{{
			ID: id, Kind: queue.Outbox, Tenant: "acme", Actor: "ann", Job: "job-1", Type: "export.completed",
		}})
		must(err)
	}

	letters, _, err := inbox.List(ctx, notify.Listing{Tenant: "acme", Actor: "ann"})
	must(err)
	for _, l := range letters {
		fmt.Println(l.ID, l.Kind, l.ReadAt.IsZero())
	}
	_, err = inbox.MarkRead(ctx, "acme", "ann", letters[0].ID)
	must(err)
	unread, err := inbox.Unread(ctx, "acme", "ann")
	must(err)
	fmt.Println(unread, "unread")
	// Output:
	// event-2 export.completed true
	// event-1 export.completed true
	// 1 unread
}

// yourEndpoint stands for what a host has stored for a tenant; here nobody has asked
// for webhooks.
func yourEndpoint(context.Context, string) (notify.Endpoint, error) { return notify.Endpoint{}, nil }

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
