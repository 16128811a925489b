package notify

import (
	"context"
	"net/http"
	"time"
)

// RetryAfter reads a Retry-After header.
func RetryAfter(header string, now time.Time) time.Duration { return retryAfter(header, now) }

// DeliverBy posts a message through another transport.
func DeliverBy(by http.RoundTripper, m Message, now time.Time, secret Secret) error {
	w, err := NewWebhook(func(context.Context, Message) (Endpoint, error) {
		return Endpoint{URL: "https://host.example/hook", Secrets: []Secret{secret}}, nil
	}, &WebhookOptions{Now: func() time.Time { return now }})
	if err != nil {
		return err
	}
	w.client.Transport = by
	return w.Deliver(context.Background(), m)
}
