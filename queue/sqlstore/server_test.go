package sqlstore_test

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

	"github.com/stretchr/testify/require"

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

// program returns the path of one of PostgreSQL's programs, which are not in PATH on
// Debian, or nothing.
func program(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	if paths, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name); len(paths) > 0 {
		return paths[len(paths)-1]
	}
	return ""
}

// startServer makes a new cluster and starts it. Its texts sort as people sort.
func startServer(settings ...string) (*server, error) {
	dir, err := os.MkdirTemp("", "exportyard-pg-")
	if err != nil {
		return nil, err
	}
	if os.Getuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			return nil, err
		}
	}
	s := &server{dir: dir}
	out, err := asServer(dir, program("initdb"), "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8",
		"--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US", "--pgdata="+filepath.Join(dir, "data")).CombinedOutput()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("initdb: %w: %s", err, out), s.remove())
	}
	if err := s.start(settings...); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

// start returns when the server accepts connections.
func (s *server) start(settings ...string) error {
	args := []string{"-D", filepath.Join(s.dir, "data"), "-k", s.dir}
	for _, setting := range append([]string{
		"listen_addresses=", "fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=128MB",
		"max_connections=120", "deadlock_timeout=200ms", "max_wal_size=4GB", "maintenance_work_mem=256MB",
		"wal_level=minimal", "max_wal_senders=0",
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

// kill ends the server at once, as a crash does.
func (s *server) kill() {
	_ = s.cmd.Process.Signal(syscall.SIGQUIT)
	<-s.done
}

func (s *server) remove() error { return os.RemoveAll(s.dir) }

func (s *server) dsn() string {
	return fmt.Sprintf("host=%s user=postgres dbname=postgres sslmode=disable", s.dir)
}

// shared is the server of all tests, and schemas counts theirs.
var (
	shared  = sync.OnceValues(func() (*server, error) { started.Store(true); return startServer() })
	started atomic.Bool
	schemas atomic.Int64
)

// stopShared ends the server, if a test started it.
func stopShared() {
	if !started.Load() {
		return
	}
	if s, err := shared(); err == nil {
		s.kill()
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

// emptySchema is a new schema of PostgreSQL, without tables.
func emptySchema(t testing.TB) place {
	t.Helper()
	needServer(t)
	s, err := shared()
	require.NoError(t, err)
	name := fmt.Sprint("t", schemas.Add(1))
	db, err := sql.Open("pgx", s.dsn())
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "create schema "+name)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := db.ExecContext(context.WithoutCancel(t.Context()), "drop schema "+name+" cascade")
		require.NoError(t, errors.Join(err, db.Close()))
	})
	return place{Dialect: sqlstore.PostgreSQL, Driver: "pgx", DSN: s.dsn() + " search_path=" + name}
}
