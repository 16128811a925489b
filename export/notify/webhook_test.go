package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export/notify"
)

var message = notify.Message{
	ID: "0190-ab", Kind: notify.Completed, Tenant: "acme", Actor: "ann", Job: "job-1",
	At: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC), Files: 2, Rows: 0, Bytes: 99,
	ExpiresAt: time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC), URL: "https://host.example/exports/job-1",
}

func TestR37_WebhookIsACloudEvent(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	clock := newClock()
	secret := notify.NewSecret()
	w := r.webhook(t, notify.WebhookOptions{Source: "https://host.example/exports", Now: clock.now}, secret)
	require.NoError(t, w.Deliver(t.Context(), message))
	got := r.got()
	require.Len(t, got, 1)
	require.NoError(t, verify(secret.Reveal(), got[0].header, got[0].body, clock.now()))
	require.Equal(t, "application/cloudevents+json; charset=utf-8", got[0].header.Get("Content-Type"))
	require.JSONEq(t, `{
		"specversion": "1.0", "id": "msg_0190-ab", "source": "https://host.example/exports",
		"type": "exportyard.export.completed", "subject": "job-1", "time": "2026-11-21T09:00:00Z",
		"datacontenttype": "application/json",
		"data": {
			"tenant": "acme", "job": "job-1", "actor": "ann", "files": 2, "rows": 0, "bytes": 99,
			"expires_at": "2026-11-28T09:00:00Z", "url": "https://host.example/exports/job-1"
		}
	}`, string(got[0].body))
}

func TestR37_FailureInAWebhook(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	w := r.webhook(t, notify.WebhookOptions{})
	m := notify.Message{ID: "e", Kind: notify.SchedulePaused, Tenant: "acme", Schedule: "nightly", Code: "bad_cron", Reason: "it never fires", Hint: "change it"}
	require.NoError(t, w.Deliver(t.Context(), m))
	var event struct {
		Type, Subject string
		Data          map[string]any
	}
	require.NoError(t, json.Unmarshal(r.got()[0].body, &event))
	require.Equal(t, "exportyard.schedule.paused", event.Type)
	require.Equal(t, "nightly", event.Subject)
	require.Equal(t, map[string]any{
		"tenant": "acme", "schedule": "nightly",
		"error": map[string]any{"code": "bad_cron", "message": "it never fires", "hint": "change it"},
	}, event.Data)
}

func TestR37_TwoSecretsDuringRotation(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	older, newer, other := notify.NewSecret(), notify.NewSecret(), notify.NewSecret()
	require.NoError(t, r.webhook(t, notify.WebhookOptions{}, newer, older).Deliver(t.Context(), message))
	got := r.got()[0]
	require.NoError(t, verify(older.Reveal(), got.header, got.body, time.Now()))
	require.NoError(t, verify(newer.Reveal(), got.header, got.body, time.Now()))
	require.ErrorIs(t, verify(other.Reveal(), got.header, got.body, time.Now()), errBadSignature)
}

// The ID is the same in every attempt; time and signature are new.
func TestR37_SameIDOnRetries(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	clock := newClock()
	secret := notify.NewSecret()
	w := r.webhook(t, notify.WebhookOptions{Now: clock.now}, secret)
	for range 3 {
		require.NoError(t, w.Deliver(t.Context(), message))
		clock.advance(time.Hour)
	}
	got := r.got()
	require.Len(t, got, 3)
	for i, c := range got {
		require.Equal(t, "msg_0190-ab", c.header.Get("webhook-id"))
		require.Equal(t, got[0].body, c.body)
		at := clock.now().Add(-time.Duration(3-i) * time.Hour)
		require.NoError(t, verify(secret.Reveal(), c.header, c.body, at))
		require.Error(t, verify(secret.Reveal(), c.header, c.body, at.Add(tolerance+time.Second)), "a replay")
	}
}

func FuzzR37_SignatureRoundTrip(f *testing.F) {
	f.Add("id", "tenant", "reason", int64(1_795_000_000))
	f.Add("a.b/c d\r\nwebhook-id: x", "müller & söhne", `"<script>`, int64(0))
	f.Add("", "", "\x00\xff", int64(-5))
	f.Fuzz(func(t *testing.T, id, tenant, reason string, at int64) {
		at %= 1 << 33
		h := http.Header{}
		var body []byte
		secret, other := notify.NewSecret(), notify.NewSecret()
		r := &roundTrip{func(req *http.Request, b []byte) { h, body = req.Header, b }}
		m := notify.Message{ID: id, Kind: notify.Failed, Tenant: tenant, Reason: reason}
		require.NoError(t, notify.DeliverBy(r, m, time.Unix(at, 0), secret))
		require.NoError(t, verify(secret.Reveal(), h, body, time.Unix(at, 0)))
		require.NotContains(t, h.Get("webhook-id"), ".")
		require.ErrorIs(t, verify(other.Reveal(), h, body, time.Unix(at, 0)), errBadSignature, "another secret")
		require.ErrorIs(t, verify(secret.Reveal(), h, append(body, ' '), time.Unix(at, 0)), errBadSignature, "another body")
		changed := h.Clone()
		changed.Set("webhook-id", h.Get("webhook-id")+"x")
		require.ErrorIs(t, verify(secret.Reveal(), changed, body, time.Unix(at, 0)), errBadSignature, "another id")
		again, err := notify.ParseSecret(secret.Reveal())
		require.NoError(t, err)
		require.Equal(t, secret.Reveal(), again.Reveal())
	})
}

func TestR37_Answers(t *testing.T) {
	t.Parallel()
	now := newClock().now()
	tests := []struct {
		name   string
		status int
		header string
		want   string // "", "retry", "refused" or "gone"
		after  time.Duration
	}{
		{name: "ok", status: 200},
		{name: "accepted", status: 202},
		{name: "no content", status: 204},
		{name: "redirect", status: 302, want: "refused"},
		{name: "permanent redirect", status: 308, want: "refused"},
		{name: "bad request", status: 400, want: "refused"},
		{name: "unauthorized", status: 401, want: "refused"},
		{name: "not found", status: 404, want: "refused"},
		{name: "gone", status: 410, want: "gone"},
		{name: "request timeout", status: 408, want: "retry"},
		{name: "too many requests", status: 429, header: "120", want: "retry", after: 2 * time.Minute},
		{name: "server error", status: 500, want: "retry"},
		{name: "unavailable until", status: 503, header: now.Add(time.Hour).Format(http.TimeFormat), want: "retry", after: time.Hour},
		{name: "unavailable for ever", status: 503, header: "4294967295", want: "retry", after: 24 * time.Hour},
		{name: "odd advice", status: 503, header: "soon", want: "retry"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
				if tt.header != "" {
					w.Header().Set("Retry-After", tt.header)
				}
				w.WriteHeader(tt.status)
			})
			err := r.webhook(t, notify.WebhookOptions{Now: func() time.Time { return now }}).Deliver(t.Context(), message)
			var retry *notify.RetryError
			require.Equal(t, tt.want == "retry", errors.As(err, &retry))
			require.Equal(t, tt.want == "refused" || tt.want == "gone", errors.Is(err, notify.ErrRefused))
			require.Equal(t, tt.want == "gone", errors.Is(err, notify.ErrGone))
			if tt.want == "" {
				require.NoError(t, err)
			}
			if retry != nil {
				require.Equal(t, tt.after, retry.After)
			}
		})
	}
	require.Zero(t, notify.RetryAfter("-5", now))
	require.Zero(t, notify.RetryAfter(now.Add(-time.Hour).Format(http.TimeFormat), now))
}

// A redirect is not followed, wherever it leads.
func TestR36_NoRedirects(t *testing.T) {
	t.Parallel()
	inside := newReceiver(t, nil)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, location := range []string{inside.URL, "/", "//" + inside.Listener.Addr().String() + "/latest/meta-data/"} {
			r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", location)
				w.WriteHeader(status)
			})
			require.ErrorIs(t, r.webhook(t, notify.WebhookOptions{}).Deliver(t.Context(), message), notify.ErrRefused)
			require.Len(t, r.got(), 1)
		}
	}
	require.Zero(t, inside.dialed.Load())
}

// What follows the status is not read: a huge body and a slow one cost nothing.
func TestR36_BodiesAreNotRead(t *testing.T) {
	t.Parallel()
	const huge = 1 << 30
	written := make(chan int, 1)
	big := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
		n := 0
		for block := make([]byte, 1<<16); n < huge; {
			k, err := w.Write(block)
			n += k
			if err != nil {
				break
			}
		}
		written <- n
	})
	require.NoError(t, big.webhook(t, notify.WebhookOptions{}).Deliver(t.Context(), message))
	require.Less(t, <-written, 64<<20, "what fits between the two ends")

	slow := newReceiver(t, func(w http.ResponseWriter, req *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-req.Context().Done() // the webhook hangs up
	})
	require.NoError(t, slow.webhook(t, notify.WebhookOptions{}).Deliver(t.Context(), message))
}

func TestR36_NeverAnswers(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() })
	err := r.webhook(t, notify.WebhookOptions{Timeout: 100 * time.Millisecond}).Deliver(t.Context(), message)
	require.Error(t, err)
	require.NotErrorIs(t, err, notify.ErrRefused)

	endless := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
	})
	require.Error(t, endless.webhook(t, notify.WebhookOptions{}).Deliver(t.Context(), message), "a megabyte of headers")
}

func TestR36_BadEndpoints(t *testing.T) {
	t.Parallel()
	secrets := []notify.Secret{notify.NewSecret()}
	tests := []struct {
		name string
		e    notify.Endpoint
		want string
	}{
		{"http", notify.Endpoint{URL: "http://host.example/token", Secrets: secrets}, "not of https"},
		{"file", notify.Endpoint{URL: "file:///etc/passwd", Secrets: secrets}, "not a URL"},
		{"gopher", notify.Endpoint{URL: "gopher://host.example/token", Secrets: secrets}, "not of https"},
		{"no host", notify.Endpoint{URL: "https:///token", Secrets: secrets}, "not a URL"},
		{"a user", notify.Endpoint{URL: "https://token@host.example/", Secrets: secrets}, "a user in it"},
		{"not a URL", notify.Endpoint{URL: "https://token\x7f/", Secrets: secrets}, "not a URL"},
		{"no secret", notify.Endpoint{URL: "https://host.example/token"}, "one to four"},
		{"five secrets", notify.Endpoint{URL: "https://host.example/token", Secrets: make([]notify.Secret, 5)}, "one to four"},
		{"an empty secret", notify.Endpoint{URL: "https://host.example/token", Secrets: make([]notify.Secret, 1)}, "empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, err := notify.NewWebhook(func(context.Context, notify.Message) (notify.Endpoint, error) { return tt.e, nil }, nil)
			require.NoError(t, err)
			err = w.Deliver(t.Context(), message)
			require.ErrorIs(t, err, notify.ErrRefused)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "token")
		})
	}
}

// An error names no address: a webhook's often holds a token.
func TestR40_ErrorsHideTheAddress(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	r.Close()
	w := newWebhook(t, r, notify.WebhookOptions{}, notify.Endpoint{URL: r.URL + "/token?key=token"})
	err := w.Deliver(t.Context(), message)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "token")
}

func TestR40_SecretsHide(t *testing.T) {
	t.Parallel()
	s := notify.NewSecret()
	e := notify.Endpoint{URL: "https://host.example", Secrets: []notify.Secret{s}}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "endpoint", e)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s, "endpoint", e)
	data, err := json.Marshal(e)
	require.NoError(t, err)
	shown := log.String() + string(data) + fmt.Sprint(s) + fmt.Sprintf("%v %+v %#v %s %q %x %d", e, e, e, s, s, s, s)
	require.NotContains(t, shown, s.Reveal())
	require.NotContains(t, shown, strings.TrimPrefix(s.Reveal(), "whsec_"))
	require.NotContains(t, shown, fmt.Sprint([]byte(s.Reveal())[:8]))
	for _, bad := range []string{"", "whsec_", "whsec_AAAA", s.Reveal()[6:], "whsec_" + strings.Repeat("A", 200), s.Reveal() + "\n"} {
		_, err := notify.ParseSecret(bad)
		require.Error(t, err, bad)
	}
}

func TestNobodyWantsIt(t *testing.T) {
	t.Parallel()
	w, err := notify.NewWebhook(func(context.Context, notify.Message) (notify.Endpoint, error) { return notify.Endpoint{}, nil }, nil)
	require.NoError(t, err)
	require.NoError(t, w.Deliver(t.Context(), message))

	broken := errors.New("no database")
	w, err = notify.NewWebhook(func(context.Context, notify.Message) (notify.Endpoint, error) { return notify.Endpoint{}, broken }, nil)
	require.NoError(t, err)
	err = w.Deliver(t.Context(), message)
	require.ErrorIs(t, err, broken)
	require.NotErrorIs(t, err, notify.ErrRefused)

	_, err = notify.NewWebhook(nil, nil)
	require.Error(t, err)
	_, err = notify.NewWebhook(func(context.Context, notify.Message) (notify.Endpoint, error) { return notify.Endpoint{}, nil }, &notify.WebhookOptions{Timeout: -1})
	require.Error(t, err)
}

// While an endpoint that failed rests, messages for it fail without a call.
func TestFailingEndpointRests(t *testing.T) {
	t.Parallel()
	status := http.StatusInternalServerError
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	clock := newClock()
	w := r.webhook(t, notify.WebhookOptions{Now: clock.now, Rest: time.Minute})
	require.Error(t, w.Deliver(t.Context(), message))
	clock.advance(20 * time.Second)
	err := w.Deliver(t.Context(), message)
	var retry *notify.RetryError
	require.ErrorAs(t, err, &retry)
	require.Equal(t, 40*time.Second, retry.After)
	require.Len(t, r.got(), 1)
	clock.advance(40 * time.Second)
	require.Error(t, w.Deliver(t.Context(), message))
	require.Len(t, r.got(), 2)
	clock.advance(time.Minute)
	status = http.StatusOK
	require.NoError(t, w.Deliver(t.Context(), message))
	require.NoError(t, w.Deliver(t.Context(), message))
	require.Len(t, r.got(), 4)
}

func TestR36_PrivateNeedsLeave(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	w := r.webhook(t, notify.WebhookOptions{Allow: []netip.Prefix{}})
	require.ErrorIs(t, w.Deliver(t.Context(), message), notify.ErrRefused)
	require.Zero(t, r.dialed.Load())
}
