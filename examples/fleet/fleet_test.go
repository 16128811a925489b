package main

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/exportyard/exportyard/examples/fleet/internal/postgres"
)

// programVariable makes the test binary the program, as siteVariable makes it a worker.
const programVariable = "EXPORTYARD_FLEET_PROGRAM"

func TestMain(m *testing.M) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	if text := os.Getenv(siteVariable); text != "" {
		os.Exit(work(ctx, text))
	}
	if args := os.Getenv(programVariable); args != "" {
		os.Exit(run(ctx, strings.Fields(args), os.Stdout, os.Stderr))
	}
	stop()
	goleak.VerifyTestMain(m)
}

// needPostgreSQL skips a test where PostgreSQL is missing, unless CI has to have it.
func needPostgreSQL(t *testing.T) {
	t.Helper()
	err := postgres.Installed()
	if err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skip(err)
}

// temporary makes a new folder the one for temporary files, which the server's user can
// enter too.
func temporary(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fleet-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // on purpose
	t.Setenv("TMPDIR", dir)
	return dir
}

func requireEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

// D13: whatever dies, every export ends verified, and nothing is left behind.
func TestD13_FleetEndsVerified(t *testing.T) {
	needPostgreSQL(t)
	dir := temporary(t)
	var out, errs bytes.Buffer
	status := run(t.Context(), strings.Fields("-tenants 6 -rows 80 -workers 2 -kill 1s -seed 7"), &out, &errs)
	require.Zero(t, status, "%s%s", &out, &errs)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Regexp(t, `^verified: 6 exports, 480 rows, \d+ kills, \d+ seconds$`, lines[len(lines)-1])
	require.Empty(t, errs.String())
	requireEmpty(t, dir)
}

func TestTimeout(t *testing.T) {
	needPostgreSQL(t)
	dir := temporary(t)
	var out, errs bytes.Buffer
	require.Equal(t, 1, run(t.Context(), strings.Fields("-tenants 40 -rows 4000 -timeout 3s"), &out, &errs))
	require.Equal(t, "fleet: not done within 3s\n", errs.String())
	requireEmpty(t, dir)
}

// A program is the fleet as a process of its own.
type program struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	errs  bytes.Buffer
}

func start(t *testing.T, args string) *program {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	p := &program{cmd: exec.CommandContext(t.Context(), self)}
	p.cmd.Env = append(os.Environ(), programVariable+"="+args)
	p.cmd.Stderr = &p.errs
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.lines = bufio.NewScanner(out)
	require.NoError(t, p.cmd.Start())
	return p
}

var atWork = regexp.MustCompile(`[1-9][0-9]* running`)

// work returns when the program says that exports are running.
func (p *program) work(t *testing.T) {
	t.Helper()
	for p.lines.Scan() {
		if atWork.MatchString(p.lines.Text()) {
			return
		}
	}
	t.Fatalf("no export ran: %s", &p.errs)
}

// of finds the processes that work in a folder: servers by their command, workers by their
// site.
func of(t *testing.T, dir string) (found []string) {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/environ")
	require.NoError(t, err)
	for _, path := range paths {
		environ, _ := os.ReadFile(path) // of one that has ended: nothing
		command, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		ours := bytes.Contains(environ, []byte(siteVariable+"=")) && bytes.Contains(environ, []byte(dir))
		if ours || bytes.Contains(command, []byte(dir)) {
			found = append(found, filepath.Base(filepath.Dir(path))+" "+string(bytes.ReplaceAll(command, []byte{0}, []byte(" "))))
		}
	}
	return found
}

// An interrupt ends everything; so does the program's own death, but for its folder.
func TestNothingIsLeftRunning(t *testing.T) {
	needPostgreSQL(t)
	for _, tt := range []struct {
		name   string
		signal syscall.Signal
		status int
		says   string
	}{
		{"interrupted", syscall.SIGINT, 1, "fleet: stopped; nothing is left behind\n"},
		{"killed", syscall.SIGKILL, -1, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := os.Stat("/proc/self/environ"); err != nil {
				if os.Getenv("CI") == "true" {
					t.Fatal(err)
				}
				t.Skip("processes are counted in /proc")
			}
			dir := temporary(t)
			p := start(t, "-tenants 40 -rows 4000 -kill 2s")
			p.work(t)
			// The server and its workers, of which one may just have been killed.
			require.Eventually(t, func() bool { return len(of(t, dir)) > 3 }, 30*time.Second, 50*time.Millisecond)
			require.NoError(t, p.cmd.Process.Signal(tt.signal))
			for p.lines.Scan() {
			}
			err := p.cmd.Wait()
			require.Equal(t, tt.status, p.cmd.ProcessState.ExitCode(), "%v", err)
			require.Equal(t, tt.says, p.errs.String())
			require.Eventually(t, func() bool { return len(of(t, dir)) == 0 }, 30*time.Second, 50*time.Millisecond)
			if tt.status > 0 {
				requireEmpty(t, dir)
			}
		})
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, args string
		status     int
		want       string
	}{
		{"help", "-h", 0, "-tenants number"},
		{"unknown", "-wings 2", 2, "flag provided but not defined: -wings"},
		{"no flag", "fast", 2, `"fast" is not a flag`},
		{"no tenants", "-tenants 0 -workers 99", 2, "-tenants: give 1 to 10000\n  -workers: give 1 to 20"},
		{"time", "-kill -1s", 2, "give a time such as 3s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			require.Equal(t, tt.status, run(t.Context(), strings.Fields(tt.args), &out, &errs))
			require.Contains(t, errs.String(), tt.want)
			require.Empty(t, out.String())
		})
	}
}
