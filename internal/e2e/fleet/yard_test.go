package fleet_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/internal/e2e/fleet"
	"github.com/exportyard/exportyard/internal/e2e/outsider"
	"github.com/exportyard/exportyard/internal/e2e/rowsum"
	"github.com/exportyard/exportyard/internal/e2e/server"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore"
	"github.com/exportyard/exportyard/sink/blobsink"
	"github.com/exportyard/exportyard/sink/blobsink/s3uploads"
	"github.com/exportyard/exportyard/source/sqlsource"
)

// TestMain is also every worker that a test starts.
func TestMain(m *testing.M) {
	fleet.Main()
	os.Exit(server.Main(m))
}

// full asks for the sizes of a release.
func full() bool { return os.Getenv("EXPORTYARD_FULL") == "1" }

// A yard is a site as the test itself sees it, and the exports that it has made.
type yard struct {
	fleet.Site
	*export.Engine // takes requests and answers questions, and does no work
	t              *testing.T
	ctx            context.Context
	jobs           *sqlstore.Store
	rows           *sqlsource.Source
	bucket         *blobsink.Sink
	uploads        *s3uploads.Uploads
	program        string // of the workers; empty for this one

	active map[string]string // the job of each tenant
	all    []*export.Job     // as they were accepted
}

// newYard makes a database of so many tenants with so many rows each, and an empty
// bucket; the jobs are to be in the PostgreSQL that dsn says.
func newYard(t *testing.T, dsn string, tenants, rows int, patience time.Duration) *yard {
	t.Helper()
	y := &yard{t: t, active: make(map[string]string), Site: fleet.Site{
		Jobs: dsn, Rows: filepath.Join(t.TempDir(), "rows.sqlite"), Bucket: server.StartS3(t),
		Lease: 1500 * time.Millisecond, Sweep: 250 * time.Millisecond, CleanAfter: time.Second,
	}}
	var cancel context.CancelFunc
	y.ctx, cancel = context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	for i := range tenants {
		y.active[fmt.Sprintf("tenant-%d", i)] = ""
	}
	y.exec("sqlite", y.Rows, "pragma journal_mode = wal",
		"create table runs (run_id integer primary key, org_id text not null, prompt text)",
		fmt.Sprintf(`with recursive n(i) as (select 0 union all select i + 1 from n where i + 1 < %d)
			insert into runs select i, 'tenant-' || (i %% %d), printf('prompt "%%d", %%.*c', i, i %% 300, 'x') from n`, tenants*rows, tenants))
	return y
}

// open migrates the job store and opens what the workers share.
func (y *yard) open() *yard {
	y.t.Helper()
	db, err := sql.Open("pgx", y.Jobs)
	require.NoError(y.t, err)
	require.NoError(y.t, errors.Join(sqlstore.Migrate(y.ctx, db, sqlstore.PostgreSQL), db.Close()))
	y.jobs, err = y.Store(y.ctx)
	require.NoError(y.t, err)
	y.rows, err = y.Source()
	require.NoError(y.t, err)
	y.bucket, y.uploads, err = y.Sink(y.ctx)
	require.NoError(y.t, err)
	y.Engine, err = y.Site.Engine(y.ctx, "")
	require.NoError(y.t, err)
	return y
}

func (y *yard) exec(driver, dsn string, statements ...string) {
	y.t.Helper()
	db, err := sql.Open(driver, dsn)
	require.NoError(y.t, err)
	defer func() { require.NoError(y.t, db.Close()) }()
	conn, err := db.Conn(y.ctx)
	require.NoError(y.t, err)
	defer func() { require.NoError(y.t, conn.Close()) }()
	for _, statement := range statements {
		_, err := conn.ExecContext(y.ctx, statement)
		require.NoError(y.t, err)
	}
}

// A process is a worker.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string   // what it says
	ended chan struct{} // closed when it has ended
}

// start starts a worker, which ends with the test.
func (y *yard) start(r fleet.Role) *process {
	y.t.Helper()
	r.Site = y.Site
	text, err := json.Marshal(r)
	require.NoError(y.t, err)
	program := y.program
	if program == "" {
		program, err = os.Executable()
		require.NoError(y.t, err)
	}
	p := &process{t: y.t, cmd: exec.CommandContext(y.ctx, program), lines: make(chan string, 64), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), fleet.Variable+"="+string(text))
	p.cmd.Stderr = io.Discard // the SDK's log of what the test breaks
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(y.t, err)
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(y.t, err)
	require.NoError(y.t, p.cmd.Start())
	go func() {
		defer close(p.ended)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			p.lines <- lines.Text()
		}
		_ = p.cmd.Wait() // it is mostly killed
	}()
	y.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
	})
	return p
}

// hear returns the next line that the process says.
func (p *process) hear() string {
	p.t.Helper()
	select {
	case line := <-p.lines:
		return line
	case <-p.ended:
		select {
		case line := <-p.lines:
			return line
		default:
			return "ended: " + p.cmd.ProcessState.String()
		}
	}
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(s))
}

// kill ends the process in the middle of everything.
func (p *process) kill() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// stop lets the process end in an orderly way.
func (p *process) stop() {
	p.t.Helper()
	_, err := io.WriteString(p.stdin, "stop\n")
	require.NoError(p.t, err)
	for line := p.hear(); line != "stopped"; line = p.hear() {
		require.Equal(p.t, "up", line)
	}
}

// alive counts the processes that run.
func alive(all []*process) (n int) {
	for _, p := range all {
		select {
		case <-p.ended:
		default:
			n++
		}
	}
	return n
}

// feed asks for an export of each tenant that has none, as far as there is time.
// When PostgreSQL does not answer, that is what the requester is told.
func (y *yard) feed(until time.Time) {
	y.t.Helper()
	for tenant, id := range y.active {
		if time.Now().After(until) {
			return
		}
		if !y.over(tenant, id) {
			continue
		}
		j, err := y.Request(y.ctx, export.Request{Tenant: tenant, All: true, Format: "csv", Compression: format.Gzip})
		if err != nil {
			y.requireUnavailable(err)
			continue
		}
		y.active[tenant] = j.ID
		y.all = append(y.all, j)
	}
}

// over reports whether a job has ended, if that can be said.
func (y *yard) over(tenant, id string) bool {
	y.t.Helper()
	if id == "" {
		return true
	}
	j, err := y.Get(y.ctx, tenant, id)
	if err != nil {
		y.requireUnavailable(err)
		return false
	}
	return !j.State.Active()
}

func (y *yard) requireUnavailable(err error) {
	y.t.Helper()
	require.NoError(y.t, y.ctx.Err())
	var refused *export.Error
	require.ErrorAs(y.t, err, &refused)
	require.Contains(y.t, []export.Code{export.CodeUnavailable, export.CodeDestinationUnverified, export.CodeConflict}, refused.Code, "%v", err)
	require.NotEmpty(y.t, refused.Hint)
}

// feedFor feeds for a while, or until something is so.
func (y *yard) feedFor(d time.Duration, so func() bool) {
	y.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end) && (so == nil || !so()); {
		y.feed(end)
		y.pause(20 * time.Millisecond)
	}
}

func (y *yard) pause(d time.Duration) {
	y.t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-y.ctx.Done():
		require.NoError(y.t, y.ctx.Err())
	}
}

// settle waits until every job has ended, and proves that each has completed with
// every row of its tenant once, that of each tenant at most one was active at every
// instant, and that the bucket holds what the manifests name and nothing else.
func (y *yard) settle() {
	y.t.Helper()
	want := make(map[string]map[string]rowsum.Sum)
	var keys []string
	for _, j := range y.all {
		for !y.over(j.Tenant, j.ID) {
			y.pause(20 * time.Millisecond)
		}
		j, err := y.Get(y.ctx, j.Tenant, j.ID)
		require.NoError(y.t, err)
		require.Equal(y.t, export.Completed, j.State, "%v", j.Error)
		m, err := y.Verify(y.ctx, j.Tenant, j.ID)
		require.NoError(y.t, err)
		if want[j.Tenant] == nil {
			want[j.Tenant], err = rowsum.Source(y.ctx, y.rows, m)
			require.NoError(y.t, err)
		}
		got, err := rowsum.Files(y.ctx, y.bucket, m)
		require.NoError(y.t, err)
		require.Equal(y.t, want[j.Tenant], got)
		keys = append(keys, m.Key)
		for _, f := range m.Files {
			keys = append(keys, f.Key)
		}
	}
	for tenant := range y.active {
		y.requireOneAtATime(tenant)
	}
	slices.Sort(keys)
	for got := y.keys(); !slices.Equal(keys, got); got = y.keys() {
		if y.ctx.Err() != nil {
			require.Equal(y.t, keys, got)
		}
		require.NoError(y.t, y.Engine.Sweep(y.ctx))
	}
	for up, err := range y.uploads.List(y.ctx, "") {
		require.NoError(y.t, err)
		if !strings.Contains(up.Key, "/probes/") {
			require.Fail(y.t, "an unfinished upload", up.Key)
		}
	}
	y.t.Logf("%d exports", len(y.all))
}

// requireOneAtATime replays the audit log of a tenant against a model of its slot:
// nothing, or one job.
func (y *yard) requireOneAtATime(tenant string) {
	y.t.Helper()
	active := ""
	for after := int64(0); ; {
		page, err := y.jobs.Entries(y.ctx, tenant, queue.Audit, after, 500)
		require.NoError(y.t, err)
		for _, e := range page {
			after = e.Seq
			switch e.Type {
			case "export.requested":
				require.Empty(y.t, active, "%s: %s is accepted while another is active", tenant, e.Job)
				active = e.Job
			case "export.completed", "export.failed", "export.canceled":
				require.Equal(y.t, active, e.Job, "%s: a job ends that is not active", tenant)
				active = ""
			}
		}
		if len(page) == 0 {
			break
		}
	}
	require.Empty(y.t, active, "%s: a job has not ended", tenant)
}

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

// watch lets an outsider look at the bucket until the func that it returns is
// called, which proves that nothing was ever seen that a manifest does not say (R24).
func (y *yard) watch() (proved func()) {
	y.t.Helper()
	p := &outsider.Poller{Sink: y.bucket}
	ctx, cancel := context.WithCancel(y.ctx)
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	stop := sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	y.t.Cleanup(func() { _ = stop() })
	return func() {
		y.t.Helper()
		require.NoError(y.t, stop())
		y.t.Logf("%d polls, %d whole manifests", p.Polls.Load(), p.Manifests.Load())
		require.Positive(y.t, p.Manifests.Load(), "no manifest was ever seen")
	}
}
