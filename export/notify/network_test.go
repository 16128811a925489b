package notify_test

import (
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export/notify"
)

// However an address of this host is written, and whatever a name resolves to: no
// connection reaches the listener.
func TestR36_NothingReachesThisHost(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	port := r.port(t)
	here := resolver(func() netip.Addr { return netip.MustParseAddr("127.0.0.1") })
	for _, host := range []string{
		"127.0.0.1", "localhost", "LOCALHOST", "localhost.", "hook.example", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
		"[::127.0.0.1]", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "127.0.1", "0", "0.0.0.0", "[::]",
		"[64:ff9b::7f00:1]", "[2002:7f00:1::]", "127.0.0.1.nip.example", "ⓛocalhost", "127。0。0。1", "%31%32%37.0.0.1",
	} {
		w := newWebhook(t, r, notify.WebhookOptions{Resolver: here, Allow: []netip.Prefix{}}, notify.Endpoint{URL: "https://" + host + ":" + port})
		require.Error(t, w.Deliver(t.Context(), message), host)
	}
	require.Zero(t, r.dialed.Load())
	require.Empty(t, r.got())
}

// A name that leads to a permitted address the first time and to a forbidden one the
// second time does not get through: what counts is the address that is connected to.
func TestR36_Rebinding(t *testing.T) {
	t.Parallel()
	var inside atomic.Int64
	var listen net.ListenConfig
	forbidden, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := forbidden.Accept()
			if err != nil {
				return
			}
			inside.Add(1)
			conn.Close()
		}
	}()
	defer func() { forbidden.Close(); <-done }()

	var asked atomic.Int64
	names := resolver(func() netip.Addr {
		if asked.Add(1) == 1 {
			return netip.MustParseAddr("127.0.0.2")
		}
		return netip.MustParseAddr("127.0.0.1")
	})
	_, port, err := net.SplitHostPort(forbidden.Addr().String())
	require.NoError(t, err)
	r := newReceiver(t, nil)
	w := newWebhook(t, r, notify.WebhookOptions{
		Resolver: names, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}, Rest: -1,
	}, notify.Endpoint{URL: "https://rebind.example:" + port})
	err = w.Deliver(t.Context(), message)
	require.Error(t, err)
	require.NotErrorIs(t, err, notify.ErrRefused, "the first address is permitted; nobody listens there")
	for range 3 {
		require.ErrorIs(t, w.Deliver(t.Context(), message), notify.ErrRefused)
	}
	require.GreaterOrEqual(t, asked.Load(), int64(4))
	require.Zero(t, inside.Load())
}

// A proxy of the environment is not asked.
func TestR36_NoProxyFromTheEnvironment(t *testing.T) {
	proxy := newReceiver(t, nil)
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
		require.Equal(t, proxy.URL, os.Getenv(name))
	}
	r := newReceiver(t, nil)
	here := resolver(func() netip.Addr { return netip.MustParseAddr("127.0.0.1") })
	w := newWebhook(t, r, notify.WebhookOptions{Resolver: here}, notify.Endpoint{URL: "https://example.com:" + r.port(t)})
	require.NoError(t, w.Deliver(t.Context(), message))
	require.Len(t, r.got(), 1)
	require.Zero(t, proxy.dialed.Load())
}
