//go:build unix

package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// held starts a run whose reads wait for ever, and returns when it is at them.
func held(t *testing.T, s spec, args ...string) (cmd *exec.Cmd, end func() outcome) {
	t.Helper()
	s.Hold = 1 << 30
	cmd, outcomeOf := command(t, s, args...)
	cmd.Stdout = nil
	pipe, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	var seen bytes.Buffer
	lines := bufio.NewScanner(pipe)
	for lines.Scan() && lines.Text() != heldMark {
		seen.WriteString(lines.Text() + "\n")
	}
	return cmd, func() outcome {
		for lines.Scan() {
			seen.WriteString(lines.Text() + "\n")
		}
		o := outcomeOf(cmd.Wait())
		o.stdout = seen.String()
		return o
	}
}

// Ctrl-C puts the work down and says how to go on.
func TestStop_Signals(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			db, err := small()
			require.NoError(t, err)
			at := newPlace(t)
			args := at.flags("-db", db)
			cmd, end := held(t, spec{PartRows: smallPartRows, Grace: 100 * time.Millisecond}, args...)
			began := time.Now()
			require.NoError(t, cmd.Process.Signal(signal))
			o := end()
			require.Less(t, time.Since(began), 10*time.Second)
			requireOneLine(t, o, "stopped; to go on, run it again", "-state "+at.state, "-out "+at.out)
			requireManifestsTrue(t, at.out)
			requireComplete(t, at, process(t, spec{PartRows: smallPartRows}, args...))
		})
	}
}

// Whoever presses it twice does not wait.
func TestStop_Twice(t *testing.T) {
	t.Parallel()
	db, err := small()
	require.NoError(t, err)
	at := newPlace(t)
	args := at.flags("-db", db)
	cmd, end := held(t, spec{PartRows: smallPartRows, Grace: time.Hour}, args...)
	done := make(chan struct{})
	go func() {
		again := time.NewTicker(50 * time.Millisecond)
		defer again.Stop()
		for {
			_ = cmd.Process.Signal(os.Interrupt)
			select {
			case <-again.C:
			case <-done:
				return
			}
		}
	}()
	o := end()
	close(done)
	require.Equal(t, -1, o.code, "ended by the signal: %v", o)
	requireComplete(t, at, process(t, spec{PartRows: smallPartRows}, args...))
}
