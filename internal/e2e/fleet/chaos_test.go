//go:build unix

package fleet_test

import (
	"math/rand/v2"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/e2e/faults"
	"github.com/exportyard/exportyard/internal/e2e/fleet"
	"github.com/exportyard/exportyard/internal/e2e/server"
)

// R15: eight processes work for many tenants while some of them are killed, some
// stopped for longer than a lease, and the connections to PostgreSQL and to S3 are
// cut. At every instant each tenant has at most one active export, each that was
// accepted ends, each is verified.
func TestR15_Fleet(t *testing.T) {
	t.Parallel()
	tenants, lasting, processes := 40, 8*time.Second, 4
	if full() {
		tenants, lasting, processes = 500, 5*time.Minute, 8
	}
	_, dsn := server.StartPostgresPool(t)
	socket, cutter := cut(t, dsn)
	y := newYard(t, dsn, tenants, 250, 3*lasting+2*time.Minute).open()
	direct := y.Site
	y.Jobs = strings.Replace(dsn, "host="+filepath.Dir(socket), "host="+filepath.Dir(cutter.path), 1)
	require.NotEqual(t, direct.Jobs, y.Jobs)
	y.Bucket.Endpoint = resetting(t, direct.Bucket)

	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	workers := make([]*process, processes)
	for i := range workers {
		workers[i] = y.start(fleet.Role{})
	}
	counts := make(map[string]int)
	paused := make(map[*process]time.Time)
	for end := time.Now().Add(lasting); time.Now().Before(end); {
		y.feedFor(time.Duration(rnd.IntN(400))*time.Millisecond, nil)
		for p, since := range paused {
			if time.Since(since) > 2*y.Lease {
				p.signal(syscall.SIGCONT)
				delete(paused, p)
			}
		}
		y.revive(workers)
		i := rnd.IntN(len(workers))
		p := workers[i]
		switch what := []string{"kill", "pause", "cut"}[rnd.IntN(3)]; {
		case what == "kill":
			delete(paused, p)
			p.kill()
			workers[i] = y.start(fleet.Role{})
			counts[what]++
		case what == "cut":
			cutter.Cut()
			counts[what]++
		case paused[p].IsZero():
			p.signal(syscall.SIGSTOP)
			paused[p] = time.Now()
			counts[what]++
		}
	}
	for p := range paused {
		p.signal(syscall.SIGCONT)
	}
	t.Logf("%v", counts)
	y.revive(workers)
	y.settle()
	y.revive(workers)
	for _, p := range workers {
		p.stop()
	}
}

// revive does what whoever runs workers does: one that could not start, because its
// connection was cut, is started again.
func (y *yard) revive(workers []*process) {
	y.t.Helper()
	for i, p := range workers {
		if alive([]*process{p}) == 0 {
			require.Contains(y.t, p.hear(), "error: sqlstore: open: ")
			workers[i] = y.start(fleet.Role{})
		}
	}
}

// A cutter stands before PostgreSQL.
type cutter struct {
	*faults.Cutter
	path string
}

// cut puts a cutter before the server of the dsn.
func cut(t *testing.T, dsn string) (socket string, c cutter) {
	t.Helper()
	const name = ".s.PGSQL.5432"
	host, _, _ := strings.Cut(strings.TrimPrefix(dsn, "host="), " ")
	socket = filepath.Join(host, name)
	c.path = filepath.Join(t.TempDir(), name)
	require.Less(t, len(c.path), 100, "the name of a socket")
	var err error
	c.Cutter, err = faults.NewCutter(c.path, socket)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return socket, c
}

// resetting puts a proxy before the bucket that resets two of a hundred connections,
// and returns its address.
func resetting(t *testing.T, to server.S3) string {
	t.Helper()
	transport := to.Transport()
	proxy := faults.New(transport)
	proxy.Choose = faults.Seldom(rand.Uint64(), 2, faults.Reset)
	front := httptest.NewServer(proxy)
	t.Cleanup(func() {
		front.CloseClientConnections()
		front.Close()
		transport.CloseIdleConnections()
		all, broken := proxy.Requests()
		t.Logf("%d of %d requests to S3 reset", broken, all)
	})
	return front.URL
}
