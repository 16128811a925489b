package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/exportyard/exportyard/examples/fleet/internal/board"
)

// A slot is a place for a worker process. There is always one in it, but for the moment
// after it was killed.
type slot struct {
	mu     sync.Mutex
	cmd    *exec.Cmd // nil while there is none
	since  time.Time
	killed int
	dead   bool // it was killed on purpose
}

// respawn is how long a place stays empty.
const respawn = 300 * time.Millisecond

// keep keeps a worker in the slot until ctx ends; then it lets it stop, and waits for it. A
// worker that ends by itself is an error.
func (s *slot) keep(ctx context.Context, on site) error {
	text, err := json.Marshal(on)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		said, err := s.occupy(ctx, self, string(text))
		s.mu.Lock()
		dead := s.dead
		s.cmd, s.dead = nil, false
		s.mu.Unlock()
		if !dead && ctx.Err() == nil {
			return fmt.Errorf("a worker ended by itself: %w: %s", err, said)
		}
		select {
		case <-time.After(respawn):
		case <-ctx.Done():
		}
	}
	return nil
}

// stopping is how long a worker has to stop.
const stopping = 10 * time.Second

// occupy runs one process to its end, and returns the last that it said.
func (s *slot) occupy(ctx context.Context, self, text string) (said string, err error) {
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), siteVariable+"="+text)
	var output bytes.Buffer
	cmd.Stderr = &output
	// It ends with this program, at the latest when nobody holds this any more.
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	defer func() { _ = in.Close() }()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopping
	if err := cmd.Start(); err != nil {
		return "", err
	}
	s.mu.Lock()
	s.cmd, s.since = cmd, time.Now()
	s.mu.Unlock()
	err = cmd.Wait()
	lines := strings.Split(strings.TrimSpace(output.String()), "\n")
	return lines[len(lines)-1], err
}

// kill ends the worker at once, as kill -9 does, if there is one.
func (s *slot) kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil || s.dead {
		return nil
	}
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	s.dead = true
	s.killed++
	return nil
}

// look is the worker as the board shows it.
func (s *slot) look() board.Worker {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := board.Worker{Killed: s.killed}
	if s.cmd != nil && !s.dead {
		w.PID, w.Up = s.cmd.Process.Pid, time.Since(s.since)
	}
	return w
}
