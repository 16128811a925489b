package mailnotify_test

import (
	"context"
	"fmt"
	"log"

	"github.com/wneessen/go-mail"

	"github.com/exportyard/exportyard/export/notify"
	"github.com/exportyard/exportyard/export/notify/mailnotify"
)

func Example() {
	client, received := yourMailServer() // as in mail.NewClient("mail.host.example")
	mails, err := mailnotify.New(client, "Exports <exports@host.example>",
		func(_ context.Context, m notify.Message) ([]mailnotify.Recipient, error) {
			return []mailnotify.Recipient{{Address: m.Actor, Language: "en"}}, nil
		}, &mailnotify.Options{Product: "Yard"})
	must(err)
	// A courier does this with each event of the engine's outbox.
	err = mails.Deliver(context.Background(), notify.Message{
		ID: "event-1", Kind: notify.Completed, Tenant: "acme", Actor: "ann@acme.example", Job: "job-1", Rows: 12, Files: 1, Bytes: 345,
	})
	must(err)
	fmt.Println(received())
	// Output:
	// RCPT TO:<ann@acme.example>
}

// yourMailServer stands for the mail server that a host has already.
func yourMailServer() (client *mail.Client, received func() string) {
	s, err := startServer(false, nil)
	must(err)
	client, err = s.newClient()
	must(err)
	return client, func() string {
		s.stop()
		return s.got()[0].to
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
