//go:build unix

package processes_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/internal/e2e/rowsum"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore"
	"github.com/exportyard/exportyard/sink/filesink"
	"github.com/exportyard/exportyard/source/sqlsource"
)

// full asks for the sizes of a release, which are not for the race detector.
func full() bool { return os.Getenv("EXPORTYARD_FULL") == "1" && !raceDetector }

// patience bounds every wait.
const patience = 3 * time.Minute

// A yard is a site as the test itself sees it.
type yard struct {
	site
	*export.Engine // takes requests and answers questions, and does no work
	t              *testing.T
	ctx            context.Context
	jobs           *sqlstore.Store
}

// newYard makes a database of so many tenants with so many rows each, and an
// empty store and folder.
func newYard(t *testing.T, tenants, rows int, change func(*site)) *yard {
	t.Helper()
	dir := t.TempDir()
	y := &yard{t: t, site: site{
		Store: filepath.Join(dir, "jobs.sqlite"), Rows: filepath.Join(dir, "rows.sqlite"), Folder: filepath.Join(dir, "files"),
		Lease: 2 * time.Second, Sweep: 500 * time.Millisecond, CleanAfter: 2 * time.Second,
	}}
	if change != nil {
		change(&y.site)
	}
	if raceDetector {
		y.Lease *= 4
	}
	var cancel context.CancelFunc
	y.ctx, cancel = context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	db := y.open(y.Rows)
	for _, statement := range []string{
		"pragma journal_mode = wal",
		"create table runs (run_id integer primary key, org_id text not null, prompt text)",
		fmt.Sprintf(`with recursive n(i) as (select 0 union all select i + 1 from n where i + 1 < %d)
			insert into runs select i, 'tenant-' || (i %% %d), printf('prompt "%%d", %%.*c', i, i %% 300, 'x') from n`, tenants*rows, tenants),
	} {
		_, err := db.ExecContext(y.ctx, statement)
		require.NoError(t, err)
	}
	var err error
	y.jobs, err = sqlstore.Open(y.ctx, y.open(y.Store), sqlstore.SQLite, nil)
	require.NoError(t, err)
	y.Engine, err = y.engine(y.ctx, nil)
	require.NoError(t, err)
	return y
}

func (y *yard) open(path string) *sql.DB {
	y.t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(y.t, err)
	y.t.Cleanup(func() { require.NoError(y.t, db.Close()) })
	return db
}

// A process is one that shares the yard.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Writer
	lines chan string // what it says; closed when it has ended
}

// start starts a process and waits until it is up. It ends with the test.
func (y *yard) start(r role) *process {
	y.t.Helper()
	r.site = y.site
	text, err := json.Marshal(r)
	require.NoError(y.t, err)
	self, err := os.Executable()
	require.NoError(y.t, err)
	p := &process{t: y.t, cmd: exec.CommandContext(y.ctx, self), lines: make(chan string, 64)}
	p.cmd.Env = append(os.Environ(), roleVariable+"="+string(text))
	p.cmd.Stderr = os.Stderr
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(y.t, err)
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(y.t, err)
	require.NoError(y.t, p.cmd.Start())
	var ended sync.WaitGroup
	ended.Go(func() {
		defer close(p.lines)
		lines := bufio.NewScanner(stdout)
		lines.Buffer(nil, 1<<20) // a thousand errors
		for lines.Scan() {
			p.lines <- lines.Text()
		}
		_ = p.cmd.Wait() // it is mostly killed
	})
	y.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		ended.Wait()
	})
	require.Equal(y.t, "up", p.hear())
	return p
}

// hear returns the next line that the process says.
func (p *process) hear() string {
	p.t.Helper()
	select {
	case line, ok := <-p.lines:
		require.True(p.t, ok, "the process has ended")
		return line
	case <-time.After(patience):
		p.t.Fatal("the process says nothing")
		return ""
	}
}

// tell gives the process an order.
func (p *process) tell(order string) {
	p.t.Helper()
	_, err := io.WriteString(p.stdin, order+"\n")
	require.NoError(p.t, err)
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(s))
}

// stop lets the process end in an orderly way.
func (p *process) stop() {
	p.t.Helper()
	p.tell("stop")
	require.Equal(p.t, "stopped", p.hear())
}

// request asks for everything of a tenant.
func (y *yard) request(tenant string) *export.Job {
	y.t.Helper()
	j, err := y.Request(y.ctx, export.Request{Tenant: tenant, All: true, Format: "csv", Compression: export.Gzip})
	require.NoError(y.t, err)
	return j
}

// wait follows a job to its end.
func (y *yard) wait(j *export.Job) *export.Job {
	y.t.Helper()
	for now, err := range y.Watch(y.ctx, j.Tenant, j.ID, 20*time.Millisecond) {
		require.NoError(y.t, err)
		j = now
	}
	return j
}

// completed proves that a job has completed with every row of its tenant once.
func (y *yard) completed(j *export.Job) *manifest.Manifest {
	y.t.Helper()
	j = y.wait(j)
	require.Equal(y.t, export.Completed, j.State, "%v", j.Error)
	m, err := y.Verify(y.ctx, j.Tenant, j.ID)
	require.NoError(y.t, err)
	src, err := sqlsource.New(y.open(y.Rows), sqlsource.SQLite, []sqlsource.Dataset{runs}, nil)
	require.NoError(y.t, err)
	want, err := rowsum.Source(y.ctx, src, m)
	require.NoError(y.t, err)
	disk, err := filesink.New(y.Folder, nil)
	require.NoError(y.t, err)
	defer func() { require.NoError(y.t, disk.Close()) }()
	got, err := rowsum.Files(y.ctx, disk, m)
	require.NoError(y.t, err)
	require.Equal(y.t, want, got)
	return m
}

// strangers are the files in the folder that no manifest accounts for, hidden
// ones included.
func (y *yard) strangers(manifests ...*manifest.Manifest) []string {
	y.t.Helper()
	var known, found []string
	for _, m := range manifests {
		known = append(known, m.Key)
		for _, f := range m.Files {
			known = append(known, f.Key)
		}
	}
	err := filepath.WalkDir(y.Folder, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // cleaned up meanwhile
		}
		if err != nil || d.IsDir() {
			return err
		}
		key, err := filepath.Rel(y.Folder, path)
		if !slices.Contains(known, filepath.ToSlash(key)) {
			found = append(found, key)
		}
		return err
	})
	require.NoError(y.t, err)
	return found
}

// until waits until something is so.
func (y *yard) until(so func() bool, otherwise string) {
	y.t.Helper()
	for !so() {
		pause(y.ctx, 10*time.Millisecond)
		require.NoError(y.t, y.ctx.Err(), otherwise)
	}
}

// requireClean waits until the folder holds what the manifests account for and
// nothing else.
func (y *yard) requireClean(manifests ...*manifest.Manifest) {
	y.t.Helper()
	y.until(func() bool { return len(y.strangers(manifests...)) == 0 }, "there is more in the folder than the manifests name")
}

// R1: of 1,000 requests for one tenant that four processes make at once exactly
// one is accepted, and the others are conflicts that name it.
func TestR1_OneOfAThousandRequests(t *testing.T) {
	t.Parallel()
	rounds := 1
	if full() {
		rounds = 25
	}
	for range rounds {
		y := newYard(t, 1, 10, nil)
		var all []*process
		for range 4 {
			all = append(all, y.start(role{Requests: 250}))
		}
		for _, p := range all {
			p.tell("go")
		}
		var got answers
		for _, p := range all {
			var a answers
			require.NoError(t, json.Unmarshal([]byte(p.hear()), &a))
			got.add(a)
		}
		require.Empty(t, got.Others)
		require.Len(t, got.Accepted, 1)
		require.Equal(t, map[string]int{got.Accepted[0]: 999}, got.Conflicts)
		j, err := y.Get(y.ctx, "tenant-0", got.Accepted[0])
		require.NoError(t, err)
		require.Equal(t, export.Pending, j.State)
		audit, err := y.Audit(y.ctx, "tenant-0", 0, 2000)
		require.NoError(t, err)
		require.Len(t, audit, 1000, "one entry for each")
	}
}

// R5: four processes work on the exports of forty tenants; two of them are killed
// in the middle, and what they held is done by the others.
func TestR5_KillTwoOfFour(t *testing.T) {
	t.Parallel()
	tenants, rows := 40, 400
	switch {
	case full():
		rows = 4000
	case raceDetector:
		tenants = 8
	}
	y := newYard(t, tenants, rows, nil)
	var workers []*process
	for range 4 {
		workers = append(workers, y.start(role{}))
	}
	var jobs []*export.Job
	for i := range tenants {
		jobs = append(jobs, y.request(fmt.Sprint("tenant-", i)))
	}
	for i := range 2 {
		y.until(func() bool { return y.sealed(jobs) > (i+1)*tenants }, "the work does not go on")
		workers[i].signal(syscall.SIGKILL)
	}
	var manifests []*manifest.Manifest
	for _, j := range jobs {
		m := y.completed(j)
		require.Equal(t, int64(rows), m.Rows)
		manifests = append(manifests, m)
	}
	y.requireClean(manifests...)
	for _, p := range workers[2:] {
		p.stop()
	}
}

// sealed counts the sealed parts of all jobs.
func (y *yard) sealed(jobs []*export.Job) (n int) {
	y.t.Helper()
	for _, j := range jobs {
		j, err := y.Get(y.ctx, j.Tenant, j.ID)
		require.NoError(y.t, err)
		n += j.Progress.PartsSealed
	}
	return n
}

// R7: what a killed process held is claimed by another within the lease and a
// sweep, here 2.5 seconds, and as much again for a busy machine.
func TestR7_TakeoverInTime(t *testing.T) {
	t.Parallel()
	y := newYard(t, 1, 500, nil)
	victim := y.start(role{Hold: atRead})
	j := y.request("tenant-0")
	require.Equal(t, "held", victim.hear())
	other := y.start(role{})
	began := time.Now()
	victim.signal(syscall.SIGKILL)
	y.until(func() bool {
		parts, err := y.jobs.Parts(y.ctx, j.Tenant, j.ID, -1, 1000)
		require.NoError(t, err)
		return slices.ContainsFunc(parts, func(p queue.Part) bool { return p.Fence > 1 })
	}, "nobody takes it over")
	took := time.Since(began)
	t.Logf("taken over after %v", took.Round(time.Millisecond))
	if !raceDetector {
		require.Less(t, took, y.Lease+3*time.Second)
	}
	y.requireClean(y.completed(j))
	other.stop()
}

// R6: a process that is stopped for three leases, wherever, can change nothing
// when it goes on, and what it wrote is collected.
func TestR6_ZombieIsFenced(t *testing.T) {
	t.Parallel()
	rounds := 1
	if full() {
		rounds = 14
	}
	for _, point := range []string{atClaimed, atRead, atCreate, atWrite, atCommit, atLateCommit, atCommitted, atFinish} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			for range rounds {
				zombie(t, point)
			}
		})
	}
}

// freeze stops a process. One that is stopped while it writes to the store has
// SQLite's lock, and everybody waits for it to go on: that is not what is tested.
func (y *yard) freeze(p *process) {
	y.t.Helper()
	for {
		p.signal(syscall.SIGSTOP)
		ctx, cancel := context.WithTimeout(y.ctx, time.Second)
		_, err := y.jobs.Update(ctx, queue.Update{Tenant: "nobody"}, nil)
		cancel()
		if err == nil {
			return
		}
		require.NoError(y.t, y.ctx.Err())
		p.signal(syscall.SIGCONT)
		pause(y.ctx, 20*time.Millisecond)
	}
}

func zombie(t *testing.T, point string) {
	t.Helper()
	y := newYard(t, 1, 500, func(s *site) { s.Lease, s.Sweep, s.CleanAfter = time.Second, 250*time.Millisecond, 8*time.Second })
	dead := y.start(role{Hold: point})
	j := y.request("tenant-0")
	require.Equal(t, "held", dead.hear())
	y.freeze(dead)
	began := time.Now()
	other := y.start(role{})
	m := y.completed(j)
	before := y.wait(j)
	pause(y.ctx, 3*y.Lease-time.Since(began))

	dead.tell("go")
	dead.signal(syscall.SIGCONT)
	if point == atFinish {
		require.Contains(t, dead.hear(), queue.ErrFenced.Error())
	}
	dead.stop()
	if point == atLateCommit {
		late := y.strangers(m)
		require.NotEmpty(t, late, "no object came too late")
		for _, key := range late {
			require.Contains(t, key, ".1.csv.gz", "of the first attempt")
		}
	}
	after, err := y.Get(y.ctx, j.Tenant, j.ID)
	require.NoError(t, err)
	require.Equal(t, before.State, after.State)
	require.Equal(t, before.Manifest, after.Manifest)
	require.Equal(t, before.Rows, after.Rows)
	require.Equal(t, before.FinishedAt, after.FinishedAt)
	require.Equal(t, m, y.completed(j), "the result is as it was")
	y.requireClean(m)
	other.stop()
}

// R12: a cancellation in one process stops the work in another within a heartbeat,
// a quarter of a lease: not one byte comes after it, and nothing is left.
func TestR12_CancelInAnotherProcess(t *testing.T) {
	t.Parallel()
	for _, point := range []string{atRead, atWrite, atCommit} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			y := newYard(t, 1, 500, nil)
			worker := y.start(role{Hold: point})
			j := y.request("tenant-0")
			require.Equal(t, "held", worker.hear())
			j, err := y.Cancel(y.ctx, j.Tenant, j.ID, "ann")
			require.NoError(t, err)
			require.Equal(t, export.Canceled, j.State)
			pause(y.ctx, y.Lease/4+y.Lease/4) // and as much again, for a busy machine
			before := y.bytes()
			worker.tell("go")
			worker.stop()
			require.LessOrEqual(t, y.bytes(), before)
			require.NoError(t, y.Engine.Sweep(y.ctx))
			y.requireClean()
		})
	}
}

// bytes returns how much is in the folder, hidden files included.
func (y *yard) bytes() (n int64) {
	y.t.Helper()
	for _, key := range y.strangers() {
		info, err := os.Stat(filepath.Join(y.Folder, key))
		if !os.IsNotExist(err) {
			require.NoError(y.t, err)
			n += info.Size()
		}
	}
	return n
}
