// Package notify_test holds what is sent to the outside against what others read, and
// kills couriers in the middle of their work.
package notify_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export/notify"
)

// full asks for the sizes of a release.
func full() bool { return os.Getenv("EXPORTYARD_FULL") == "1" }

// A received is a webhook as it came.
type received struct {
	header http.Header
	body   []byte
}

// A receiver keeps what it was sent. It speaks plain HTTP, since what is looked at here
// is inside.
type receiver struct {
	*httptest.Server

	mu  sync.Mutex
	all []received
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return // its sender was killed
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.all = append(r.all, received{req.Header, body})
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) got() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received(nil), r.all...)
}

// webhookTo sends to a receiver on this host.
func webhookTo(url string, now func() time.Time, secrets ...notify.Secret) (*notify.Webhook, error) {
	return notify.NewWebhook(func(context.Context, notify.Message) (notify.Endpoint, error) {
		return notify.Endpoint{URL: url, Secrets: secrets}, nil
	}, &notify.WebhookOptions{AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Now: now})
}

// The reference library takes every message, under both secrets of a rotation, and refuses
// whatever was changed, and a replay.
func TestR37_ReferenceLibraryVerifies(t *testing.T) {
	t.Parallel()
	n := 500
	if full() {
		n = 10_000
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	text := func() string {
		b := make([]byte, random.IntN(60))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return string(b)
	}
	r := newReceiver(t)
	for i := range n {
		older, newer := notify.NewSecret(), notify.NewSecret()
		w, err := webhookTo(r.URL, nil, newer, older)
		require.NoError(t, err)
		m := notify.Message{
			ID: text(), Kind: notify.Kinds()[random.IntN(4)], Tenant: text(), Actor: text(), Job: text(), At: time.Unix(random.Int64N(1<<33), 0),
			Files: random.IntN(100), Rows: random.Int64(), Bytes: random.Int64(), Reason: text(), Hint: text(),
		}
		require.NoError(t, w.Deliver(t.Context(), m))
		got := r.got()[i]
		for _, secret := range []notify.Secret{older, newer} {
			reference, err := webhooks.NewWebhook(secret.Reveal())
			require.NoError(t, err)
			require.NoError(t, reference.Verify(got.body, got.header))
			require.Error(t, reference.Verify(append(got.body, ' '), got.header), "another body")
			other := got.header.Clone()
			other.Set("webhook-id", "msg_other")
			require.Error(t, reference.Verify(got.body, other), "another id")
			other = got.header.Clone()
			other.Set("webhook-timestamp", fmt.Sprint(time.Now().Unix()-1000))
			require.Error(t, reference.Verify(got.body, other), "another time")
		}
		stranger, err := webhooks.NewWebhook("whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32)))
		require.NoError(t, err)
		require.Error(t, stranger.Verify(got.body, got.header), "another secret")
	}
}

func TestR37_ReplayIsRefused(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	secret := notify.NewSecret()
	w, err := webhookTo(r.URL, func() time.Time { return time.Now().Add(-5*time.Minute - 2*time.Second) }, secret)
	require.NoError(t, err)
	require.NoError(t, w.Deliver(t.Context(), notify.Message{ID: "e", Kind: notify.Completed}))
	reference, err := webhooks.NewWebhook(secret.Reveal())
	require.NoError(t, err)
	got := r.got()[0]
	require.Error(t, reference.Verify(got.body, got.header))
	require.NoError(t, reference.VerifyIgnoringTimestamp(got.body, got.header))
}
