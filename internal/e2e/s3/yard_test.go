package s3_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/internal/e2e/faults"
	"github.com/exportyard/exportyard/internal/e2e/rowsum"
	"github.com/exportyard/exportyard/internal/e2e/server"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/slicesource"
)

// full asks for the sizes of a release.
func full() bool { return os.Getenv("EXPORTYARD_FULL") == "1" }

// patience bounds every wait. headerTimeout is how long a client waits for an answer.
const (
	patience      = 3 * time.Minute
	headerTimeout = 500 * time.Millisecond
)

// A run is a row.
type run struct {
	ID   int64  `export:"run_id,key"`
	Org  string `export:"org_id,tenant"`
	Text string `export:"text"`
}

// rows makes so many rows with a text of so many bytes.
func rows(t *testing.T, n, size int) source.Source {
	t.Helper()
	var all []run
	for i := range n {
		all = append(all, run{int64(i), "acme", strings.Repeat(string(rune('a'+i%26)), size)})
	}
	src, err := slicesource.New("runs", all, nil)
	require.NoError(t, err)
	return src
}

// A yard is an engine that reaches its bucket through a proxy.
type yard struct {
	t      *testing.T
	ctx    context.Context
	src    source.Source
	proxy  *faults.Proxy
	bucket *bucket // without the proxy
	engine *export.Engine
	direct *export.Engine // without the proxy, of the same jobs
}

func newYard(t *testing.T, src source.Source, tries int, change func(*export.Config)) *yard {
	t.Helper()
	at := server.StartS3(t)
	y := &yard{t: t, src: src, bucket: open(t, at, 3)}
	store := at.Transport()
	y.proxy = faults.New(store)
	front := httptest.NewServer(y.proxy)
	t.Cleanup(func() {
		front.CloseClientConnections()
		front.Close()
		store.CloseIdleConnections()
	})
	at.Endpoint = front.URL
	var cancel context.CancelFunc
	y.ctx, cancel = context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	jobs := memstore.New(nil)
	y.engine = y.newEngine(jobs, open(t, at, tries), change)
	y.direct = y.newEngine(jobs, y.bucket, change)
	return y
}

func (y *yard) newEngine(jobs queue.JobStore, s sink.Sink, change func(*export.Config)) *export.Engine {
	y.t.Helper()
	c := export.Config{
		Source: y.src, Store: jobs, Sink: s, Formats: []format.Formatter{csvfmt.Format{}}, PartRows: 100, CleanAfter: time.Millisecond,
		Poll: 10 * time.Millisecond, RetryBase: time.Millisecond, RetryCap: 20 * time.Millisecond,
	}
	if change != nil {
		change(&c)
	}
	engine, err := export.New(c)
	require.NoError(y.t, err)
	return engine
}

// start runs the engine behind the proxy until it is stopped.
func (y *yard) start() (stop func()) {
	y.t.Helper()
	ctx, cancel := context.WithCancel(y.ctx)
	done := make(chan error, 1)
	go func() { done <- y.engine.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(y.t, <-done)
	})
	y.t.Cleanup(stop)
	return stop
}

// export asks for everything until the destination is accepted, and follows the
// job to its end.
func (y *yard) export() *export.Job {
	y.t.Helper()
	j, err := y.engine.Request(y.ctx, everything)
	for err != nil {
		var refused *export.Error
		require.ErrorAs(y.t, err, &refused)
		require.Equal(y.t, export.CodeDestinationUnverified, refused.Code, "%v", err)
		require.NotEmpty(y.t, refused.Hint)
		require.NoError(y.t, y.ctx.Err())
		j, err = y.engine.Request(y.ctx, everything)
	}
	for now, err := range y.direct.Watch(y.ctx, j.Tenant, j.ID, 5*time.Millisecond) {
		require.NoError(y.t, err)
		j = now
	}
	return j
}

var everything = export.Request{Tenant: "acme", All: true, Format: "csv", Compression: export.Gzip}

// ended proves that a job is what it says: completed with every row once, or
// failed; and that the store has nothing else.
func (y *yard) ended(j *export.Job) {
	y.t.Helper()
	var want []string
	if j.State == export.Completed {
		m, err := y.direct.Verify(y.ctx, j.Tenant, j.ID)
		require.NoError(y.t, err)
		read, err := rowsum.Source(y.ctx, y.src, m)
		require.NoError(y.t, err)
		written, err := rowsum.Files(y.ctx, y.bucket, m)
		require.NoError(y.t, err)
		require.Equal(y.t, read, written)
		want = []string{m.Key}
		for _, f := range m.Files {
			want = append(want, f.Key)
		}
	} else {
		require.Equal(y.t, export.Failed, j.State)
		require.Contains(y.t, []export.Code{export.CodeDestinationUnreachable, export.CodeVerificationFailed}, j.Error.Code, "%v", j.Error)
		require.NotEmpty(y.t, j.Error.Hint)
	}
	slices.Sort(want)
	for {
		require.NoError(y.t, y.direct.Sweep(y.ctx))
		if got := y.keys(); slices.Equal(got, want) {
			break
		} else if y.ctx.Err() != nil {
			require.Equal(y.t, want, got)
		}
	}
	n, err := y.bucket.unfinished(y.ctx)
	require.NoError(y.t, err)
	require.Zero(y.t, n, "unfinished uploads")
}

// keys are those of the bucket but of the folder of probes, which the next request clears.
func (y *yard) keys() (found []string) {
	y.t.Helper()
	for o, err := range y.bucket.List(y.ctx, "") {
		require.NoError(y.t, err)
		if !strings.Contains(o.Key, "/probes/") {
			found = append(found, o.Key)
		}
	}
	return found
}

func (y *yard) String() string {
	all, broken := y.proxy.Requests()
	return fmt.Sprintf("%d of %d requests broken", broken, all)
}

// noise is about so many bytes of rows that do not compress.
func noise(t *testing.T, size int) source.Source {
	t.Helper()
	const cell = 64 << 10
	rnd := rand.NewChaCha8([32]byte{})
	type blob struct {
		ID   int64  `export:"blob_id,key"`
		Org  string `export:"org_id,tenant"`
		Body string `export:"body"`
	}
	var all []blob
	for i := range size / cell {
		body := make([]byte, cell*3/4)
		_, _ = rnd.Read(body) // it never fails
		all = append(all, blob{int64(i), "acme", base64.StdEncoding.EncodeToString(body)})
	}
	src, err := slicesource.New("blobs", all, nil)
	require.NoError(t, err)
	return src
}
