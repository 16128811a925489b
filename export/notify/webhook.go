package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/exportyard/exportyard/export/notify/internal/public"
	"github.com/exportyard/exportyard/export/notify/internal/rest"
)

var _ Notifier = (*Webhook)(nil)

// An Endpoint is where a tenant wants webhooks sent.
type Endpoint struct {
	// URL is an https address. It may hold a token; it is never logged.
	URL string
	// Secrets sign each message, one to four. Two are for the time in which one
	// replaces the other.
	Secrets []Secret
}

// WebhookOptions adjust a Webhook.
type WebhookOptions struct {
	// Source is the CloudEvents source. Default: "/exportyard".
	Source string
	// Timeout is how long a receiver has to answer. Default: 15 seconds.
	Timeout time.Duration
	// Rest is how long an endpoint that failed is left alone: what comes for it
	// meanwhile fails at once, so that one dead endpoint does not keep the others
	// waiting. Default: 1 minute. Negative: not at all.
	Rest time.Duration
	// Allow lists networks that may be called although they are not public, such as
	// the host's own. Default: nil. Without it no connection is made to a loopback,
	// private, link-local, multicast, unspecified, shared (100.64.0.0/10), reserved,
	// mapped, translated or metadata address, whatever the name resolved to before.
	Allow []netip.Prefix
	// AllowHTTP lets endpoints have http addresses. Default: false, only https.
	AllowHTTP bool
	// RootCAs sign the receivers' certificates. Default: nil, the system's.
	RootCAs *x509.CertPool
	// Resolver. Default: nil, the system's.
	Resolver *net.Resolver
	// Now is the clock. Default: [time.Now].
	Now func() time.Time
}

// A Webhook posts messages to the tenants' endpoints. Redirects are not followed, the
// environment's proxies are not used, and bodies of answers are not read.
type Webhook struct {
	endpoint func(context.Context, Message) (Endpoint, error)
	options  WebhookOptions
	client   *http.Client
	resting  *rest.List // by URL
}

// NewWebhook returns a notifier that asks for the endpoint of each message. An endpoint
// without a URL means that nobody wants it; an error counts as passing trouble.
func NewWebhook(endpoint func(context.Context, Message) (Endpoint, error), opts *WebhookOptions) (*Webhook, error) {
	if endpoint == nil {
		return nil, errors.New("notify: webhook without endpoints")
	}
	var o WebhookOptions
	if opts != nil {
		o = *opts
	}
	if o.Timeout < 0 {
		return nil, errors.New("notify: the timeout of a webhook is negative")
	}
	o.Timeout = orDefault(o.Timeout, 15*time.Second)
	o.Rest = orDefault(o.Rest, time.Minute)
	if o.Source == "" {
		o.Source = "/exportyard"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	client := &http.Client{
		Timeout:       o.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  nil, // a proxy would be asked for any address
			DialContext:            public.Dialer(o.Timeout, o.Resolver, o.Allow).DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: 64 << 10,
		},
	}
	return &Webhook{endpoint: endpoint, options: o, client: client, resting: rest.New(o.Rest, o.Now)}, nil
}

// Deliver posts the message to its endpoint.
func (w *Webhook) Deliver(ctx context.Context, m Message) error {
	e, err := w.endpoint(ctx, m)
	if err != nil {
		return fmt.Errorf("notify: endpoint of tenant %s: %w", m.Tenant, err)
	}
	if e.URL == "" {
		return nil
	}
	if err := w.check(e); err != nil {
		return fmt.Errorf("notify: endpoint of tenant %s: %w: %w", m.Tenant, err, ErrRefused)
	}
	if wait := w.resting.Wait(e.URL); wait > 0 {
		return &RetryError{After: wait, Err: fmt.Errorf("notify: the endpoint of tenant %s has just failed and rests", m.Tenant)}
	}
	err = w.post(ctx, e, m)
	w.resting.Note(e.URL, err != nil && !errors.Is(err, ErrRefused))
	if err != nil {
		return fmt.Errorf("notify: webhook of tenant %s: %w", m.Tenant, err)
	}
	return nil
}

// check reports what is wrong with an endpoint, without its address.
func (w *Webhook) check(e Endpoint) error {
	u, err := url.Parse(e.URL)
	switch {
	case err != nil || u.Hostname() == "":
		return errors.New("the address is not a URL")
	case u.Scheme != "https" && (u.Scheme != "http" || !w.options.AllowHTTP):
		return errors.New("the address is not of https")
	case u.User != nil:
		return errors.New("the address has a user in it")
	case len(e.Secrets) < 1 || len(e.Secrets) > 4:
		return errors.New("one to four secrets are needed")
	}
	for _, s := range e.Secrets {
		if len(s.key) == 0 {
			return errors.New("a secret is empty")
		}
	}
	return nil
}

func (w *Webhook) post(ctx context.Context, e Endpoint, m Message) error {
	now := w.options.Now()
	id := webhookID(m.ID)
	body, err := json.Marshal(newCloudEvent(id, w.options.Source, m))
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("the address is not a URL: %w", ErrRefused)
	}
	signatures := make([]string, len(e.Secrets))
	for i, s := range e.Secrets {
		signatures[i] = s.sign(id, now, body)
	}
	req.Header.Set("Content-Type", "application/cloudevents+json; charset=utf-8")
	req.Header.Set("User-Agent", "exportyard")
	req.Header.Set("Webhook-Id", id)
	req.Header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("Webhook-Signature", strings.Join(signatures, " "))
	resp, err := w.client.Do(req)
	if err != nil {
		return sendError(err)
	}
	// Closing ends the connection: what the receiver says beyond its status is not read.
	_ = resp.Body.Close()
	return statusError(resp, now)
}

// sendError leaves the address, which may hold a token, out of an error.
func sendError(err error) error {
	if errors.Is(err, public.ErrForbidden) {
		return fmt.Errorf("%w: %w", public.ErrForbidden, ErrRefused)
	}
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return err
}

// statusError is what an answer means.
func statusError(resp *http.Response, now time.Time) error {
	err := fmt.Errorf("the receiver answered %d", resp.StatusCode)
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusGone:
		return fmt.Errorf("%w: %w: %w", err, ErrGone, ErrRefused)
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= 500:
		return &RetryError{After: retryAfter(resp.Header.Get("Retry-After"), now), Err: err}
	default:
		return fmt.Errorf("%w: %w", err, ErrRefused)
	}
}

// retryAfter reads a Retry-After header, in seconds or as a date; 0 when there is none.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(strings.TrimSpace(header), 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(header); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

// webhookID is the event's ID in the form that the signature asks for: without a full
// stop, which ends it there.
func webhookID(id string) string {
	plain := func(r rune) bool {
		return r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
	}
	if strings.ContainsFunc(id, func(r rune) bool { return !plain(r) }) {
		return "msg64_" + base64.RawURLEncoding.EncodeToString([]byte(id))
	}
	return "msg_" + id
}

// A cloudEvent is an event in CloudEvents' JSON format.
type cloudEvent struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`
	Source          string    `json:"source"`
	Type            string    `json:"type"`
	Subject         string    `json:"subject,omitempty"`
	Time            time.Time `json:"time"`
	DataContentType string    `json:"datacontenttype"`
	Data            eventData `json:"data"`
}

// eventData is what a webhook tells. Fields may be added, and none change.
type eventData struct {
	Tenant    string       `json:"tenant"`
	Job       string       `json:"job,omitempty"`
	Schedule  string       `json:"schedule,omitempty"`
	Actor     string       `json:"actor,omitempty"`
	Files     int          `json:"files,omitempty"`
	Rows      *int64       `json:"rows,omitempty"` // present, also as 0, when the export is completed
	Bytes     *int64       `json:"bytes,omitempty"`
	ExpiresAt time.Time    `json:"expires_at,omitzero"`
	Error     *eventReason `json:"error,omitempty"`
	URL       string       `json:"url,omitempty"`
}

type eventReason struct {
	Code      string `json:"code,omitempty"`
	Message   string `json:"message"`
	Hint      string `json:"hint,omitempty"`
	Retryable bool   `json:"retryable,omitempty"`
}

func newCloudEvent(id, source string, m Message) cloudEvent {
	e := cloudEvent{
		SpecVersion: "1.0", ID: id, Source: source, Type: "exportyard." + string(m.Kind), Subject: m.Job, Time: m.At.UTC(),
		DataContentType: "application/json",
		Data: eventData{
			Tenant: m.Tenant, Job: m.Job, Schedule: m.Schedule, Actor: m.Actor,
			Files: m.Files, ExpiresAt: m.ExpiresAt, URL: m.URL,
		},
	}
	if m.Kind == Completed {
		e.Data.Rows, e.Data.Bytes = &m.Rows, &m.Bytes
	}
	if m.Reason != "" || m.Code != "" {
		e.Data.Error = &eventReason{Code: m.Code, Message: m.Reason, Hint: m.Hint, Retryable: m.Retryable}
	}
	if e.Subject == "" {
		e.Subject = m.Schedule
	}
	return e
}
