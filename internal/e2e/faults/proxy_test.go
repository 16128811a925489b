package faults_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/exportyard/exportyard/internal/e2e/faults"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A reply is what a client gets to see.
type reply struct {
	status int
	etag   string
	body   string
	err    error
}

// Each fault does to a request what its name says, and the store is asked or not.
func TestFaults(t *testing.T) {
	t.Parallel()
	const content, etag = "0123456789", `"right"`
	for _, tt := range []struct {
		fault faults.Fault
		asked int // how often the store is
		check func(t *testing.T, r reply)
	}{
		{faults.None, 1, func(t *testing.T, r reply) { require.Equal(t, reply{200, etag, content, nil}, r) }},
		{faults.Unavailable, 0, func(t *testing.T, r reply) {
			require.Equal(t, 503, r.status)
			require.Contains(t, r.body, "<Code>ServiceUnavailable</Code>")
		}},
		{faults.SlowDown, 0, func(t *testing.T, r reply) {
			require.Equal(t, 429, r.status)
			require.Contains(t, r.body, "<Code>SlowDown</Code>")
		}},
		{faults.ErrorBody, 0, func(t *testing.T, r reply) {
			require.Equal(t, 200, r.status)
			require.Contains(t, r.body, "<Code>InternalError</Code>")
		}},
		{faults.Timeout, 0, func(t *testing.T, r reply) { require.ErrorContains(t, r.err, "timeout awaiting response headers") }},
		{faults.Reset, 0, func(t *testing.T, r reply) { require.ErrorIs(t, r.err, syscall.ECONNRESET) }},
		{faults.LostReply, 1, func(t *testing.T, r reply) { require.ErrorIs(t, r.err, syscall.ECONNRESET) }},
		{faults.Truncated, 1, func(t *testing.T, r reply) {
			require.Equal(t, content[:5], r.body)
			require.ErrorIs(t, r.err, io.ErrUnexpectedEOF)
		}},
		{faults.Slow, 1, func(t *testing.T, r reply) { require.Equal(t, reply{200, etag, content, nil}, r) }},
		{faults.WrongETag, 1, func(t *testing.T, r reply) {
			require.NotEqual(t, etag, r.etag)
			require.Equal(t, content, r.body)
		}},
	} {
		t.Run("fault "+string(tt.fault), func(t *testing.T) {
			t.Parallel()
			asked := 0
			proxy := faults.New(handled{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked++
				w.Header().Set("ETag", etag)
				_, _ = io.WriteString(w, content)
			})})
			proxy.Pace = time.Millisecond
			proxy.Choose = faults.Exactly(1, tt.fault)
			front := httptest.NewServer(proxy)
			t.Cleanup(front.Close)
			transport := &http.Transport{ResponseHeaderTimeout: 100 * time.Millisecond}
			if tt.fault != faults.Timeout {
				transport.ResponseHeaderTimeout = 0
			}
			t.Cleanup(transport.CloseIdleConnections)
			tt.check(t, get(t, &http.Client{Transport: transport}, front.URL))
			front.CloseClientConnections()
			require.Equal(t, tt.asked, asked)
		})
	}
}

// A handled transport asks a handler in this process.
type handled struct{ http.Handler }

func (h handled) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}

func get(t *testing.T, client *http.Client, url string) (got reply) {
	t.Helper()
	// A POST is not tried again by the client itself.
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("x"))
	require.NoError(t, err)
	resp, err := client.Do(request)
	if err != nil {
		return reply{err: err}
	}
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header.Get("ETag"), string(body), errors.Join(err, resp.Body.Close())}
}

func TestSeldom(t *testing.T) {
	t.Parallel()
	for _, percent := range []int{1, 5, 20, 100} {
		choose := faults.Seldom(7, percent, faults.Reset)
		n := 0
		for i := range int64(1000) {
			if choose(i, nil) != faults.None {
				n++
			}
		}
		require.Equal(t, 10*percent, n)
	}
}

// A cutter hands on until it cuts, and then takes new connections.
func TestCutter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	echo, err := new(net.ListenConfig).Listen(context.Background(), "unix", filepath.Join(dir, "echo"))
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := echo.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(conn, conn)
			_ = conn.Close()
		}
	}()
	cutter, err := faults.NewCutter(filepath.Join(dir, "cut"), filepath.Join(dir, "echo"))
	require.NoError(t, err)
	for range 2 {
		conn, err := new(net.Dialer).DialContext(t.Context(), "unix", filepath.Join(dir, "cut"))
		require.NoError(t, err)
		_, err = io.WriteString(conn, "hello")
		require.NoError(t, err)
		got := make([]byte, 5)
		_, err = io.ReadFull(conn, got)
		require.NoError(t, err)
		require.Equal(t, "hello", string(got))
		cutter.Cut()
		_, err = conn.Read(got)
		require.ErrorIs(t, err, io.EOF)
		require.NoError(t, conn.Close())
	}
	require.NoError(t, cutter.Close())
	require.NoError(t, echo.Close())
	<-ended
}
