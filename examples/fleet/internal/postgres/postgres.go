// Package postgres starts a private PostgreSQL: a new cluster in a folder of its own, on a
// Unix socket there, with nothing kept.
package postgres

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// ErrMissing says that PostgreSQL's programs are not there, and how to get them.
var ErrMissing = errors.New("PostgreSQL is not installed: apt-get install postgresql (or your system's package of it)")

// patience bounds the start of the server and its end.
const patience = time.Minute

// A Server is a running PostgreSQL.
type Server struct {
	dir  string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// Installed returns ErrMissing where there is no PostgreSQL.
func Installed() error {
	if program("initdb") == "" || program("postgres") == "" {
		return ErrMissing
	}
	return nil
}

// Start makes a cluster and returns when its server accepts connections. A server that is
// not stopped ends with this process, on Linux.
func Start(ctx context.Context) (_ *Server, err error) {
	if err := Installed(); err != nil {
		return nil, err
	}
	// The name of a socket has room for about a hundred characters, so the path is short.
	dir, err := os.MkdirTemp("", "fleet-pg-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	if err := own(dir); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	data := filepath.Join(dir, "data")
	make := exec.CommandContext(ctx, program("initdb"), "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--pgdata="+data)
	make.Dir = dir
	if out, err := run(make); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	// What a power failure would cost does not matter here.
	s.cmd = exec.CommandContext(context.WithoutCancel(ctx), program("postgres"), "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off",
		"-c", "full_page_writes=off", "-c", "max_connections=200", "-c", "shared_buffers=64MB")
	s.cmd.Dir = dir
	return s, s.start(ctx)
}

// program returns the path of one of PostgreSQL's programs, which are not in PATH on
// Debian, or nothing.
func program(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, folder := range []string{"/usr/lib/postgresql/*/bin/", "/usr/pgsql-*/bin/", "/opt/homebrew/opt/postgresql*/bin/"} {
		if paths, _ := filepath.Glob(folder + name); len(paths) > 0 {
			return paths[len(paths)-1]
		}
	}
	return ""
}

// run runs a command to its end. The kernel ends it when the thread that started it is
// gone, so that one is held.
func run(cmd *exec.Cmd) ([]byte, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	attributes(cmd)
	return cmd.CombinedOutput()
}

func (s *Server) start(ctx context.Context) error {
	attributes(s.cmd)
	output, writer := io.Pipe()
	s.cmd.Stdout, s.cmd.Stderr = writer, writer
	s.done = make(chan struct{})
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // as in run
		defer close(s.done)
		err := s.cmd.Start()
		started <- err
		if err == nil {
			_ = s.cmd.Wait() // by a signal
		}
		_ = writer.Close()
	}()
	if err := <-started; err != nil {
		return err
	}
	ready := make(chan error, 1)
	go listen(output, ready)
	select {
	case err := <-ready:
		if err != nil {
			<-s.done
		}
		return err
	case <-ctx.Done():
		s.end()
		return fmt.Errorf("start PostgreSQL: %w", ctx.Err())
	}
}

// listen tells when the server is ready, or what it said instead, and reads on, so that it
// never waits for its log.
func listen(output io.Reader, ready chan<- error) {
	lines, log := bufio.NewScanner(output), strings.Builder{}
	for lines.Scan() {
		if strings.Contains(lines.Text(), "ready to accept connections") {
			ready <- nil
			_, _ = io.Copy(io.Discard, output)
			return
		}
		log.WriteString(lines.Text() + "\n")
	}
	ready <- fmt.Errorf("PostgreSQL ended: %s", log.String())
}

// DSN says how to connect to it.
func (s *Server) DSN() string {
	return fmt.Sprintf("host=%s user=postgres dbname=postgres sslmode=disable", s.dir)
}

// Stop ends the server at once and removes its folder.
func (s *Server) Stop() error {
	s.end()
	return os.RemoveAll(s.dir)
}

func (s *Server) end() {
	_ = s.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-s.done:
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		<-s.done
	}
}
