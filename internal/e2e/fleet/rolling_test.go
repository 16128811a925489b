//go:build unix

package fleet_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/e2e/fleet"
	"github.com/exportyard/exportyard/internal/e2e/server"
)

// previous is the commit whose workers run beside those of now: the one before, or
// what EXPORTYARD_PREVIOUS names, for instance the last release.
func previous() string {
	if rev := os.Getenv("EXPORTYARD_PREVIOUS"); rev != "" {
		return rev
	}
	return "HEAD~1"
}

// A deploy: the host brings the tables up to date while workers of the previous
// commit are at work, workers of now join them, and those of before go one by one.
// They share a store and its exports all the time; every export completes. When the
// tables have become newer, a worker of before that runs goes on, and one that starts
// is refused and says why.
func TestRollingDeploy(t *testing.T) {
	t.Parallel()
	old := buildPrevious(t)
	_, dsn := server.StartPostgresPool(t)
	y := newYard(t, dsn, 8, 250, 4*time.Minute)
	y.program = old
	require.Contains(t, y.start(fleet.Role{Migrate: true}).hear(), "exit status 0")
	before := []*process{y.start(fleet.Role{}), y.start(fleet.Role{})}
	for _, p := range before {
		require.Equal(t, "up", p.hear())
	}

	y.open()
	y.feedFor(time.Second, nil)
	late := y.start(fleet.Role{}).hear()
	if late != "up" {
		require.Contains(t, late, "they were made by newer code")
	}
	t.Logf("a worker of before that starts after the migration: %s", late)
	y.program = ""
	now := []*process{y.start(fleet.Role{}), y.start(fleet.Role{})}
	y.feedFor(2*time.Second, nil)
	for _, p := range before {
		p.stop()
		y.feedFor(500*time.Millisecond, nil)
	}
	y.settle()
	for _, p := range now {
		p.stop()
	}
}

// buildPrevious builds the worker of the previous commit and returns its path.
func buildPrevious(t *testing.T) string {
	t.Helper()
	top := filepath.Join("..", "..", "..")
	git := func(args ...string) ([]byte, error) {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = top
		return cmd.Output()
	}
	if _, err := git("cat-file", "-e", previous()+":internal/e2e/fleet/worker/main.go"); err != nil {
		// Where a commit is named it has to be there; a copy without history has none.
		if os.Getenv("EXPORTYARD_PREVIOUS") != "" || os.Getenv("CI") == "true" && hasHistory(git) {
			t.Fatalf("%s has no worker: %v", previous(), err)
		}
		t.Skipf("%s is not here, or has no worker yet: nothing to run beside", previous())
	}
	tree, err := git("archive", previous())
	require.NoError(t, err)
	dir := t.TempDir()
	unpack := exec.CommandContext(t.Context(), "tar", "-x", "-C", dir)
	unpack.Stdin = bytes.NewReader(tree)
	out, err := unpack.CombinedOutput()
	require.NoError(t, err, "%s", out)
	program := filepath.Join(dir, "worker")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./internal/e2e/fleet/worker")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOWORK=") // the workspace of that commit
	out, err = build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}

// hasHistory reports whether there is a commit with a worker before this one.
func hasHistory(git func(args ...string) ([]byte, error)) bool {
	out, err := git("log", "--format=%h", "-n", "2", "--", "internal/e2e/fleet/worker/main.go")
	first, err2 := git("log", "--format=%h", "-n", "1")
	return err == nil && err2 == nil && strings.TrimSpace(string(out)) != "" && strings.TrimSpace(string(out)) != strings.TrimSpace(string(first))
}
