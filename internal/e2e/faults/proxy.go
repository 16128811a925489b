// Package faults stands between a program and its servers and breaks what goes
// through: requests over HTTP one by one, other connections all at once.
package faults

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"
)

// A Fault is what befalls a request.
type Fault string

// None lets a request through.
const None Fault = ""

// The faults in whose case the store does nothing.
const (
	Unavailable Fault = "503"
	SlowDown    Fault = "429 SlowDown"
	// Timeout gives no answer until the client has had enough.
	Timeout Fault = "timeout"
	Reset   Fault = "reset"
	// ErrorBody says 200 and has an error for its body, as S3 does when it is
	// too late for another status.
	ErrorBody Fault = "200 with an error for its body"
)

// The faults in whose case the store has done all that was asked.
const (
	// LostReply resets the connection in place of the answer.
	LostReply Fault = "lost reply"
	// Truncated resets it in the middle of the answer's body.
	Truncated Fault = "truncated body"
	// Slow lets the answer trickle.
	Slow Fault = "slow body"
	// WrongETag names another content than the one stored.
	WrongETag Fault = "wrong ETag"
)

// All are the faults.
var All = []Fault{Unavailable, SlowDown, Timeout, Reset, ErrorBody, LostReply, Truncated, Slow, WrongETag}

// Seldom breaks so many percent of the requests: of each hundred divided by that,
// one, chosen by the seed.
func Seldom(seed uint64, percent int, fault Fault) func(int64, *http.Request) Fault {
	every := int64(100 / percent)
	return func(n int64, _ *http.Request) Fault {
		if rand.New(rand.NewPCG(seed, uint64(n/every))).Int64N(every) == n%every {
			return fault
		}
		return None
	}
}

// Exactly breaks one request, the i-th.
func Exactly(i int64, fault Fault) func(int64, *http.Request) Fault {
	return func(n int64, _ *http.Request) Fault {
		if n == i {
			return fault
		}
		return None
	}
}

// A Proxy is a handler that hands requests on to a store over HTTP.
type Proxy struct {
	// Choose says what befalls the n-th request, counted from 1. It is called by
	// many goroutines.
	Choose func(n int64, r *http.Request) Fault
	// Pace is the time that a slow answer takes for each KiB.
	Pace time.Duration

	transport http.RoundTripper
	requests  atomic.Int64
	faults    atomic.Int64
}

// New makes a proxy to whatever the transport reaches, which breaks nothing yet.
func New(transport http.RoundTripper) *Proxy {
	return &Proxy{Choose: func(int64, *http.Request) Fault { return None }, Pace: time.Second, transport: transport}
}

// Requests returns how many there have been, and how many of them were broken.
func (p *Proxy) Requests() (all, broken int64) { return p.requests.Load(), p.faults.Load() }

// ServeHTTP hands a request on, or breaks it.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault := p.Choose(p.requests.Add(1), r)
	if fault != None {
		p.faults.Add(1)
	}
	switch fault {
	case Unavailable:
		answer(w, r, http.StatusServiceUnavailable, "ServiceUnavailable")
	case SlowDown:
		answer(w, r, http.StatusTooManyRequests, "SlowDown")
	case ErrorBody:
		answer(w, r, http.StatusOK, "InternalError")
	case Timeout:
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	case Reset:
		reset(w)
	default:
		p.forward(w, r, fault)
	}
}

// answer speaks in the store's place.
func answer(w http.ResponseWriter, r *http.Request, status int, code string) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>chosen by a test</Message></Error>", code)
}

// reset ends the connection without a goodbye.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2 knows no other way
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// forward hands a request on, and breaks its answer.
func (p *Proxy) forward(w http.ResponseWriter, r *http.Request, fault Fault) {
	through := httputil.ReverseProxy{
		Transport: p.transport, FlushInterval: -1, // half an answer is to arrive
		Rewrite: func(out *httputil.ProxyRequest) {
			out.SetURL(&url.URL{Scheme: "http", Host: "store"})
			out.Out.Host = out.In.Host // it is part of the signature
		},
		ErrorLog:     log.New(io.Discard, "", 0),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { reset(w) },
	}
	switch fault {
	case LostReply:
		through.ServeHTTP(&nowhere{header: make(http.Header)}, r)
		reset(w)
		return
	case Truncated:
		through.ModifyResponse = truncate
	case Slow:
		w = slowly{w, r, p.Pace}
	case WrongETag:
		through.ModifyResponse = func(resp *http.Response) error {
			if resp.Header.Get("ETag") != "" {
				resp.Header.Set("ETag", `"00000000000000000000000000000000"`)
			}
			return nil
		}
	}
	through.ServeHTTP(w, r)
}

// truncate promises the whole body and gives half of it. An answer without one
// never comes.
func truncate(resp *http.Response) error {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return io.ErrUnexpectedEOF
	}
	resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
	resp.ContentLength = int64(len(body))
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body[:len(body)/2]), broken{}))
	return nil
}

// broken is the rest of a body that never comes.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// nowhere takes an answer that nobody gets.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n *nowhere) WriteHeader(int)             {}

// slowly writes a KiB at a time.
type slowly struct {
	http.ResponseWriter
	request *http.Request
	pace    time.Duration
}

func (s slowly) Write(p []byte) (n int, err error) {
	for err == nil && n < len(p) {
		timer := time.NewTimer(s.pace)
		select {
		case <-timer.C:
		case <-s.request.Context().Done():
			timer.Stop()
			return n, s.request.Context().Err()
		}
		var wrote int
		wrote, err = s.ResponseWriter.Write(p[n:min(n+1024, len(p))])
		n += wrote
		if err == nil {
			err = http.NewResponseController(s.ResponseWriter).Flush()
		}
	}
	return n, err
}
