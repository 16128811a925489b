package notify_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/exportyard/exportyard/export/notify"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tolerance is how far from the receiver's clock a signature may be.
const tolerance = 5 * time.Minute

var errBadSignature = errors.New("no signature matches")

// verify does what a receiver does, as Standard Webhooks says.
func verify(secret string, h http.Header, body []byte, now time.Time) error {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	if err != nil {
		return err
	}
	if now.Sub(time.Unix(seconds, 0)).Abs() > tolerance {
		return errors.New("too old or too new")
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(h.Get("webhook-id") + "." + h.Get("webhook-timestamp") + "."))
	mac.Write(body)
	for _, signature := range strings.Split(h.Get("webhook-signature"), " ") {
		given, ok := strings.CutPrefix(signature, "v1,")
		mine := base64.StdEncoding.EncodeToString(mac.Sum(nil))
		if ok && hmac.Equal([]byte(given), []byte(mine)) {
			return nil
		}
	}
	return errBadSignature
}

// A receiver is an HTTPS server that keeps what it was sent.
type receiver struct {
	*httptest.Server
	answer func(http.ResponseWriter, *http.Request)

	mu     sync.Mutex
	calls  []call
	dialed atomic.Int64
}

type call struct {
	path   string
	header http.Header
	body   []byte
}

func newReceiver(t *testing.T, answer func(http.ResponseWriter, *http.Request)) *receiver {
	t.Helper()
	r := &receiver{answer: answer}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(r.serve))
	r.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			r.dialed.Add(1)
		}
	}
	r.StartTLS()
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) serve(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	r.calls = append(r.calls, call{req.URL.Path, req.Header.Clone(), body})
	r.mu.Unlock()
	if r.answer != nil {
		r.answer(w, req)
	}
}

func (r *receiver) got() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]call(nil), r.calls...)
}

// port is where it listens.
func (r *receiver) port(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(r.URL)
	require.NoError(t, err)
	return u.Port()
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}

// webhook sends to the receiver, although it is not public.
func (r *receiver) webhook(t *testing.T, opts notify.WebhookOptions, secrets ...notify.Secret) *notify.Webhook {
	t.Helper()
	return newWebhook(t, r, opts, notify.Endpoint{URL: r.URL, Secrets: secrets})
}

func newWebhook(t *testing.T, r *receiver, opts notify.WebhookOptions, e notify.Endpoint) *notify.Webhook {
	t.Helper()
	if opts.Allow == nil {
		opts.Allow = loopback
	}
	if opts.RootCAs == nil {
		opts.RootCAs = r.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	}
	if e.Secrets == nil {
		e.Secrets = []notify.Secret{notify.NewSecret()}
	}
	w, err := notify.NewWebhook(func(context.Context, notify.Message) (notify.Endpoint, error) { return e, nil }, &opts)
	require.NoError(t, err)
	return w
}

// resolver answers each question for an IPv4 address with what answer gives, and has no
// IPv6 addresses.
func resolver(answer func() netip.Addr) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go answerDNS(server, answer)
		return client, nil
	}}
}

// answerDNS serves one connection, in the framing of DNS over TCP.
func answerDNS(conn net.Conn, answer func() netip.Addr) {
	defer conn.Close()
	for {
		var size uint16
		if binary.Read(conn, binary.BigEndian, &size) != nil {
			return
		}
		question := make([]byte, size)
		if _, err := io.ReadFull(conn, question); err != nil {
			return
		}
		end := 12
		for question[end] != 0 {
			end += 1 + int(question[end])
		}
		end += 5 // the root's label, type and class
		reply := append([]byte{}, question[:end]...)
		copy(reply[2:12], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0})
		if binary.BigEndian.Uint16(question[end-4:]) == 1 {
			reply[7] = 1
			ip := answer().As4()
			reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
			reply = append(reply, ip[:]...)
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
			return
		}
	}
}

// A fake is a notifier that does as it is told and keeps what it got.
type fake struct {
	deliver func(notify.Message) error

	mu  sync.Mutex
	got []notify.Message
}

func (f *fake) Deliver(_ context.Context, m notify.Message) error {
	f.mu.Lock()
	f.got = append(f.got, m)
	f.mu.Unlock()
	if f.deliver == nil {
		return nil
	}
	return f.deliver(m)
}

func (f *fake) messages() []notify.Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]notify.Message(nil), f.got...)
}

func (f *fake) ids() []string {
	ids := []string{}
	for _, m := range f.messages() {
		ids = append(ids, m.ID)
	}
	return ids
}

// A clock is moved by hand.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

// put appends an event.
func put(t *testing.T, s *memstore.Store, e queue.Entry) queue.Entry {
	t.Helper()
	e.Kind = queue.Outbox
	if e.Tenant == "" {
		e.Tenant = "acme"
	}
	_, err := s.Update(t.Context(), queue.Update{}, []queue.Entry{e})
	require.NoError(t, err)
	return e
}

func failed(id string) queue.Entry {
	return queue.Entry{ID: id, Type: "export.failed", Actor: "ann", Job: "job", Data: queue.Payload{
		Version: 1, Data: []byte(`{"code":"range_too_large","message":"too much","hint":"choose less","retryable":false}`),
	}}
}

func newCourier(t *testing.T, s notify.Store, channels map[string]notify.Notifier, opts *notify.Options) *notify.Courier {
	t.Helper()
	c, err := notify.New(s, channels, opts)
	require.NoError(t, err)
	return c
}

// A roundTrip shows a request instead of sending it.
type roundTrip struct {
	show func(*http.Request, []byte)
}

func (r *roundTrip) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	r.show(req, body)
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
}

func event(id string, kind notify.Kind, job string) queue.Entry {
	return queue.Entry{ID: id, Type: string(kind), Actor: "ann", Job: job}
}
