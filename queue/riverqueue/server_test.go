package riverqueue_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue/riverqueue"
	"github.com/exportyard/exportyard/queue/sqlstore"
)

// A server is a private PostgreSQL on a Unix socket in a folder of its own.
type server struct {
	dir  string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// nobody is who the server runs as when the tests run as root, whom it refuses.
const nobody = 65534

// asServer is a command that runs as the server's user and ends with this process.
func asServer(dir, name string, args ...string) *exec.Cmd {
	as := []string{"setpriv", "--pdeathsig", "KILL"}
	if os.Getuid() == 0 {
		as = append(as, fmt.Sprint("--reuid=", nobody), fmt.Sprint("--regid=", nobody), "--clear-groups")
	}
	as = append(append(as, name), args...)
	cmd := exec.CommandContext(context.Background(), as[0], as[1:]...)
	cmd.Dir = dir
	return cmd
}

// program returns the path of one of PostgreSQL's programs, or nothing.
func program(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	if paths, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name); len(paths) > 0 {
		return paths[len(paths)-1]
	}
	return ""
}

func startServer(settings ...string) (*server, error) {
	dir, err := os.MkdirTemp("", "exportyard-river-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir}
	if os.Getuid() == 0 {
		err = os.Chown(dir, nobody, nobody)
	}
	if err == nil {
		var out []byte
		out, err = asServer(dir, program("initdb"), "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8",
			"--locale=C.UTF-8", "--pgdata="+filepath.Join(dir, "data")).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("initdb: %w: %s", err, out)
		}
	}
	if err == nil {
		err = s.start(settings...)
	}
	if err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

// start returns when the server accepts connections.
func (s *server) start(settings ...string) error {
	args := []string{"-D", filepath.Join(s.dir, "data"), "-k", s.dir}
	for _, setting := range append([]string{
		"listen_addresses=", "fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB", "max_connections=400",
	}, settings...) {
		args = append(args, "-c", setting)
	}
	s.cmd = asServer(s.dir, program("postgres"), args...)
	s.done = make(chan struct{})
	output, writer := io.Pipe()
	s.cmd.Stdout, s.cmd.Stderr = writer, writer
	started := make(chan error, 1)
	go func() {
		// The kernel ends the server when the thread that started it is gone.
		runtime.LockOSThread()
		defer close(s.done)
		err := s.cmd.Start()
		started <- err
		if err == nil {
			_ = s.cmd.Wait() // by a signal, mostly
		}
		_ = writer.Close()
	}()
	if err := <-started; err != nil {
		return err
	}
	lines, log := bufio.NewScanner(output), strings.Builder{}
	for lines.Scan() {
		log.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "ready to accept connections") {
			go func() { _, _ = io.Copy(io.Discard, output) }() // it never waits for its log
			return nil
		}
	}
	return fmt.Errorf("postgres ended: %s", log.String())
}

// crash ends the server at once.
func (s *server) crash() {
	_ = s.cmd.Process.Signal(syscall.SIGQUIT)
	<-s.done
}

func (s *server) remove() error { return os.RemoveAll(s.dir) }

// shared is the server of all tests, and databases counts theirs.
var (
	shared    = sync.OnceValues(func() (*server, error) { return keep() })
	databases atomic.Int64
)

// kept are the servers that end with the tests.
var kept struct {
	sync.Mutex
	servers []*server
}

// keep starts a server that ends with the tests.
func keep(settings ...string) (*server, error) {
	s, err := startServer(settings...)
	if err == nil {
		kept.Lock()
		defer kept.Unlock()
		kept.servers = append(kept.servers, s)
	}
	return s, err
}

func stopKept() {
	for _, s := range kept.servers {
		s.crash()
		_ = s.remove()
	}
}

func needServer(t testing.TB) {
	t.Helper()
	if program("initdb") != "" && program("postgres") != "" && program("setpriv") != "" {
		return
	}
	const message = "PostgreSQL is not installed: apt-get install postgresql"
	if os.Getenv("CI") == "true" {
		t.Fatal(message)
	}
	t.Skip(message)
}

// emptyDatabase returns how to connect to a new database.
func emptyDatabase(t testing.TB) (dsn string) {
	t.Helper()
	needServer(t)
	s, err := shared()
	require.NoError(t, err)
	return s.database(t, fmt.Sprint("t", databases.Add(1)))
}

func (s *server) database(t testing.TB, name string) (dsn string) {
	t.Helper()
	connect := func(name string) string {
		return fmt.Sprintf("host=%s user=postgres dbname=%s sslmode=disable", s.dir, name)
	}
	db, err := sql.Open("pgx", connect("postgres"))
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "create database "+name+" strategy file_copy")
	require.NoError(t, errors.Join(err, db.Close()))
	return connect(name)
}

// newDatabase returns how to connect to a new database with the store's tables and River's.
func newDatabase(t testing.TB) (dsn string) {
	t.Helper()
	dsn = emptyDatabase(t)
	migrate(t, dsn)
	return dsn
}

func migrate(t testing.TB, dsn string) {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	require.NoError(t, errors.Join(sqlstore.Migrate(t.Context(), db, sqlstore.PostgreSQL), db.Close()))
	require.NoError(t, riverqueue.Migrate(t.Context(), connect(t, dsn), nil))
}

// connect returns a pool that is closed after the test.
func connect(t testing.TB, dsn string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), dsn+" pool_max_conns=8")
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}
