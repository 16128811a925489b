//go:build unix

package fleet_test

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/e2e/faults"
	"github.com/exportyard/exportyard/internal/e2e/fleet"
	"github.com/exportyard/exportyard/internal/e2e/server"
)

// R5, R24: workers die before and after each call of their store, sink and source,
// whatever it is about. Every export is completed by others, and nobody who looks
// at the bucket meanwhile sees a file that is not what its manifest says.
func TestR5_KillAtEveryPoint(t *testing.T) {
	t.Parallel()
	require.GreaterOrEqual(t, len(fleet.Points), 25)
	_, dsn := server.StartPostgresPool(t)
	y := newYard(t, dsn, 6, 250, 12*time.Minute).open()
	proved := y.watch()
	for batch := range slices.Chunk(fleet.Points, 8) {
		var victims []*process
		for _, point := range batch {
			victims = append(victims, y.start(fleet.Role{Die: point}))
		}
		y.feedFor(4*time.Minute, func() bool { return alive(victims) == 0 })
		for i, p := range victims {
			require.Zero(t, alive([]*process{p}), "nobody dies %s", batch[i])
			status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
			require.True(t, ok)
			require.Equal(t, syscall.SIGKILL, status.Signal(), "%s: %v", batch[i], p.cmd.ProcessState)
		}
	}
	survivor := y.start(fleet.Role{})
	y.settle()
	proved()
	survivor.stop()
}

// kills is how many there are: 40, at a release's size 500, or what the variable
// EXPORTYARD_KILLS says.
func kills(t *testing.T) int {
	t.Helper()
	if text := os.Getenv("EXPORTYARD_KILLS"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		return n
	}
	if full() {
		return 500
	}
	return 40
}

// R5, R24: one of four workers is killed, whatever it does at that moment, and
// another takes its place, again and again.
func TestR5_RandomKills(t *testing.T) {
	t.Parallel()
	n := kills(t)
	_, dsn := server.StartPostgresPool(t)
	y := newYard(t, dsn, 8, 250, time.Minute+time.Duration(n)*5*time.Second).open()
	proved := y.watch()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	workers := make([]*process, 4)
	for i := range workers {
		workers[i] = y.start(fleet.Role{})
	}
	for range n {
		i := rnd.IntN(len(workers))
		require.Equal(t, "up", workers[i].hear())
		y.feedFor(time.Duration(rnd.IntN(150))*time.Millisecond, nil)
		workers[i].kill()
		workers[i] = y.start(fleet.Role{})
	}
	y.settle()
	proved()
	for _, p := range workers {
		p.stop()
	}
}

// R25: a worker is killed in the middle of an upload in parts. Another completes the
// export, and what the store kept of the upload is thrown away.
func TestR25_KilledInTheMiddleOfAnUpload(t *testing.T) {
	t.Parallel()
	_, dsn := server.StartPostgresPool(t)
	y := newYard(t, dsn, 1, 1, 3*time.Minute)
	y.exec("sqlite", y.Rows, `with recursive n(i) as (select 1 union all select i + 1 from n where i < 90)
		insert into runs select i, 'tenant-0', hex(randomblob(200000)) from n`) // about 20 MB with gzip
	y.open()
	direct := y.Bucket
	transport := direct.Transport()
	proxy := faults.New(transport)
	hanging := make(chan struct{}, 1)
	proxy.Choose = func(_ int64, r *http.Request) faults.Fault {
		if r.URL.Query().Get("partNumber") != "2" {
			return faults.None
		}
		select {
		case hanging <- struct{}{}:
		default:
		}
		return faults.Timeout
	}
	front := httptest.NewServer(proxy)
	t.Cleanup(func() {
		front.CloseClientConnections()
		front.Close()
		transport.CloseIdleConnections()
	})
	y.Bucket.Endpoint = front.URL
	victim := y.start(fleet.Role{})
	y.Bucket = direct
	y.feed(time.Now().Add(time.Minute))
	select {
	case <-hanging:
	case <-y.ctx.Done():
		require.Fail(t, "no upload in parts is begun")
	}
	victim.kill()
	n := 0
	for _, err := range y.uploads.List(y.ctx, "") {
		require.NoError(t, err)
		n++
	}
	require.Equal(t, 1, n, "unfinished uploads")
	other := y.start(fleet.Role{})
	y.settle()
	other.stop()
}
