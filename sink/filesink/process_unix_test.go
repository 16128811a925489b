//go:build unix

package filesink_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/sink/filesink"
)

// childDir makes this program the child of a test: it writes into that folder.
const childDir = "EXPORTYARD_FILESINK_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child commits "a/done", begins "a/half", says so, and commits that too once
// its standard input ends.
func child(dir string) error {
	ctx := context.Background()
	s, err := filesink.New(dir, nil)
	if err != nil {
		return err
	}
	done, err := s.Create(ctx, "a/done", nil)
	if err != nil {
		return err
	}
	if _, err := done.Write([]byte("whole")); err != nil {
		return err
	}
	if err := done.Commit(); err != nil {
		return err
	}
	half, err := s.Create(ctx, "a/half", nil)
	if err != nil {
		return err
	}
	if _, err := half.Write([]byte("half")); err != nil {
		return err
	}
	fmt.Println("written")
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
	return half.Commit()
}

func childCommand(t *testing.T, dir string, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

func executable(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	require.NoError(t, err)
	return path
}

// TestKilledProcess kills a process while it writes. Only what Clean
// recognises stays, and Clean takes it only once the process is dead.
func TestKilledProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := childCommand(t, dir, executable(t))
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	defer func() { _ = stdin.Close() }()
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "written\n", line)

	s := newSink(t, dir)
	future := time.Now().Add(time.Hour)
	n, err := s.Clean(t.Context(), "", future)
	require.NoError(t, err)
	require.Zero(t, n, "its writer lives")

	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	found, err := entries(dir)
	require.NoError(t, err)
	require.Len(t, found, 3)
	require.Equal(t, "a", found[0])
	require.True(t, isTemp(found[1]))
	require.Equal(t, "a/done", found[2])

	n, err = s.Clean(t.Context(), "", future)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	requireEntries(t, dir, "a", "a/done")
}
