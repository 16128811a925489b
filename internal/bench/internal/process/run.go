package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// sampleEvery is how often the memory of processes that cannot tell it
// themselves is looked at.
const sampleEvery = 20 * time.Millisecond

// A Usage is what processes took from their start to their end.
type Usage struct {
	Wall float64 // seconds
	CPU  float64 // seconds of all of them
	Peak int64   // bytes, of the largest
}

// Run runs commands that are connected to each other, all at once, and waits for
// them. They end when ctx does, and with this program, however it ends.
func Run(ctx context.Context, cmds ...*exec.Cmd) (Usage, error) {
	type answer struct {
		Usage
		error
	}
	done := make(chan answer, 1)
	go func() {
		// The kernel ends the processes when the thread that started them is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		u, err := run(ctx, cmds)
		done <- answer{u, err}
	}()
	a := <-done
	return a.Usage, a.error
}

func run(ctx context.Context, cmds []*exec.Cmd) (u Usage, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	said := make([]bytes.Buffer, len(cmds))
	begin := time.Now()
	var started []*exec.Cmd
	for i, cmd := range cmds {
		bind(cmd, syscall.SIGKILL)
		cmd.Stderr = &said[i]
		if err = cmd.Start(); err != nil {
			break
		}
		started = append(started, cmd)
		closeFiles(cmd) // the next in the line sees the end only when nobody else can write
	}
	if err != nil {
		kill(started)
	}
	stop := context.AfterFunc(ctx, func() { kill(started) })
	defer stop()
	peak := watch(started)
	for i, cmd := range started {
		if waitErr := cmd.Wait(); waitErr != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), waitErr, strings.TrimSpace(said[i].String())))
			kill(started)
		}
		u.CPU += (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	}
	u.Wall, u.Peak = time.Since(begin).Seconds(), peak()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return u, err
}

// closeFiles closes this program's ends of the pipes and files that the process
// has got.
func closeFiles(cmd *exec.Cmd) {
	for _, end := range []any{cmd.Stdin, cmd.Stdout} {
		if f, ok := end.(*os.File); ok {
			_ = f.Close()
		}
	}
}

func kill(cmds []*exec.Cmd) {
	for _, cmd := range cmds {
		_ = cmd.Process.Kill()
	}
}

// watch looks at the memory of processes until it is asked for the largest.
func watch(cmds []*exec.Cmd) (peak func() int64) {
	quit, answer := make(chan struct{}), make(chan int64)
	go func() {
		var most int64
		ticker := time.NewTicker(sampleEvery)
		defer ticker.Stop()
		for {
			select {
			case <-quit:
				answer <- most
				return
			case <-ticker.C:
				for _, cmd := range cmds {
					most = max(most, PeakMemory(cmd.Process.Pid))
				}
			}
		}
	}()
	return func() int64 {
		close(quit)
		return <-answer
	}
}
