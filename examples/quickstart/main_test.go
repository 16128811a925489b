package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// childEnv is set, by these tests alone, for their own binary when it is to be
// the quickstart: to a spec.
const childEnv = "EXPORTYARD_QUICKSTART_SPEC"

func TestMain(m *testing.M) {
	if text := os.Getenv(childEnv); text != "" {
		os.Exit(child(text))
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		removeShared()
		os.Exit(code)
	}))
}

// full says that the sizes of a release are wanted.
func full() bool { return os.Getenv("EXPORTYARD_FULL") == "1" }

// needs skips a test where something is missing that CI has to have.
func needs(t *testing.T, command string) {
	t.Helper()
	if _, err := exec.LookPath(command); err != nil {
		if os.Getenv("CI") == "true" {
			require.NoError(t, err, "CI has "+command)
		}
		t.Skipf("needs %s: %v", command, err)
	}
}

// child is the quickstart behind the seams that the spec asks for.
func child(text string) int {
	var s spec
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	p := newPoints(s)
	code := program(p.seams())
	if s.RowsFile != "" {
		if err := os.WriteFile(s.RowsFile, fmt.Append(nil, p.rows.Load()), 0o600); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 3
		}
	}
	return code
}

// An outcome is what a run of the quickstart in a process of its own gave.
type outcome struct {
	code           int
	stdout, stderr string
	took           time.Duration
}

// killed reports whether the process ended itself at a point.
func (o outcome) killed() bool { return o.code != 0 && strings.Contains(o.stderr, killedMark) }

// last is the last line of standard output.
func (o outcome) last() string {
	lines := strings.Split(strings.TrimSuffix(o.stdout, "\n"), "\n")
	return lines[len(lines)-1]
}

func (o outcome) String() string {
	return fmt.Sprintf("exit status %d after %s\n--- stdout\n%s--- stderr\n%s", o.code, o.took, o.stdout, o.stderr)
}

// command is the quickstart in a process of its own, not yet started.
func command(t *testing.T, s spec, args ...string) (*exec.Cmd, func(error) outcome) {
	t.Helper()
	text, err := json.Marshal(s)
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), childEnv+"="+string(text), "TMPDIR="+t.TempDir())
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	return cmd, func(err error) outcome {
		var exit *exec.ExitError
		if err != nil {
			require.True(t, errors.As(err, &exit), "%v", err)
		}
		return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String(), time.Since(began)}
	}
}

// process runs the quickstart in a process of its own, to its end.
func process(t *testing.T, s spec, args ...string) outcome {
	t.Helper()
	cmd, end := command(t, s, args...)
	return end(cmd.Run())
}

// here runs the quickstart within the test.
func here(t *testing.T, s seams, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	began := time.Now()
	code := run(context.Background(), args, &stdout, &stderr, s)
	return outcome{code, stdout.String(), stderr.String(), time.Since(began)}
}

// place is where one test has its jobs and files.
type place struct{ state, out string }

func newPlace(t *testing.T) place {
	t.Helper()
	dir := t.TempDir()
	return place{filepath.Join(dir, "jobs.db"), filepath.Join(dir, "files")}
}

// flags are -state and -out, and others behind them.
func (p place) flags(others ...string) []string {
	return append([]string{"-state", p.state, "-out", p.out}, others...)
}
