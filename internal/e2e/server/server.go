package server

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
	"time"
)

// startTimeout bounds the start of a server, the making of its data included.
const startTimeout = 2 * time.Minute

// endTimeout is how long a server has to stop before it is killed.
const endTimeout = 10 * time.Second

// Main runs the tests, ends the servers that they started, and returns the
// exit status.
func Main(m *testing.M) int {
	defer stopAll()
	return m.Run()
}

var running struct {
	sync.Mutex
	servers []*process
	names   atomic.Int64
}

func stopAll() {
	running.Lock()
	defer running.Unlock()
	for _, p := range running.servers {
		p.stop()
	}
	running.servers = nil
}

// newName returns a name for a database that no other test of this binary has.
func newName() string { return fmt.Sprintf("t%d", running.names.Add(1)) }

// missing skips the test, or fails it where everything should be installed.
func missing(t testing.TB, what, install string) {
	t.Helper()
	message := fmt.Sprintf("%s is not installed: %s", what, install)
	if os.Getenv("CI") == "true" {
		t.Fatal(message)
	}
	t.Skip(message)
}

// A process is a server that runs in a folder of its own.
type process struct {
	dir  string
	end  syscall.Signal // on which it stops at once
	cmd  *exec.Cmd
	done chan struct{}
}

// launch starts a server and returns when it has printed ready.
func launch(dir, ready string, end syscall.Signal, name string, args ...string) (*process, error) {
	p := &process{dir: dir, end: end, cmd: exec.CommandContext(context.Background(), name, args...), done: make(chan struct{})}
	p.cmd.Dir = dir
	attributes(p.cmd, end)
	output, writer := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = writer, writer
	started := make(chan error, 1)
	go func() {
		// The kernel ends the server when the thread that started it is gone.
		runtime.LockOSThread()
		defer close(p.done)
		err := p.cmd.Start()
		started <- err
		if err == nil {
			err = p.cmd.Wait()
		}
		_ = writer.CloseWithError(errors.Join(io.EOF, err))
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	said, log := make(chan bool, 1), &strings.Builder{}
	go watch(output, ready, log, said)
	select {
	case ok := <-said:
		if !ok {
			<-p.done
			return nil, fmt.Errorf("%s ended: %s", filepath.Base(name), log)
		}
	case <-time.After(startTimeout):
		p.stop()
		return nil, fmt.Errorf("%s is not ready after %v", filepath.Base(name), startTimeout)
	}
	running.Lock()
	running.servers = append(running.servers, p)
	running.Unlock()
	return p, nil
}

// watch says true when a line holds ready, false when the output ends without,
// and reads on, so that the server never waits for its log.
func watch(output io.Reader, ready string, log *strings.Builder, said chan<- bool) {
	lines, found := bufio.NewScanner(output), false
	for lines.Scan() {
		if found {
			continue
		}
		log.WriteString(lines.Text() + "\n")
		if found = strings.Contains(lines.Text(), ready); found {
			said <- true
		}
	}
	if !found {
		said <- false
	}
	_, _ = io.Copy(io.Discard, output)
}

func (p *process) stop() {
	p.halt()
	_ = os.RemoveAll(p.dir)
}

// halt ends the server and keeps its folder.
func (p *process) halt() {
	_ = p.cmd.Process.Signal(p.end)
	select {
	case <-p.done:
	case <-time.After(endTimeout):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// folder makes a folder that the servers' user owns, under a short path: the
// name of a socket has room for about a hundred characters.
func folder(name string) (string, error) {
	dir, err := os.MkdirTemp("", "exportyard-"+name+"-")
	if err != nil {
		return "", err
	}
	return dir, own(dir)
}

// run runs a program to its end, as the servers' user.
func run(dir, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	attributes(cmd, 0)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(name), err, out)
	}
	return nil
}

// find returns the path of a program, from PATH or from the folders.
func find(name string, globs ...string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, glob := range globs {
		if paths, _ := filepath.Glob(filepath.Join(glob, name)); len(paths) > 0 {
			return paths[len(paths)-1]
		}
	}
	return ""
}

// fresh makes a database on the server that admin is connected to and opens
// it; both end with the test.
func fresh(t testing.TB, driver, admin, create, drop string, dsn func(name string) string) *sql.DB {
	t.Helper()
	name := newName()
	ctl, err := sql.Open(driver, admin)
	if err != nil {
		t.Fatal(err)
	}
	exec := func(format string) error {
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		defer cancel()
		_, err := ctl.ExecContext(ctx, fmt.Sprintf(format, name))
		return err
	}
	if err := exec(create); err != nil {
		t.Fatal(errors.Join(err, ctl.Close()))
	}
	db, err := sql.Open(driver, dsn(name))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(16) // the server has connections for six such databases
	t.Cleanup(func() {
		if err := errors.Join(db.Close(), exec(drop), ctl.Close()); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return db
}
