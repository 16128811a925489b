package process

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	// startTimeout bounds the start of a service.
	startTimeout = time.Minute
	// endTimeout is how long it has to stop before it is killed.
	endTimeout = 10 * time.Second
)

// A Service is a process that runs beside others until it is stopped. It also
// ends when this program does, however that happens.
type Service struct {
	cmd  *exec.Cmd
	end  syscall.Signal
	done chan struct{}
}

// Start starts a service and returns when it has printed ready. The signal end is
// on what it stops at once.
func Start(cmd *exec.Cmd, ready string, end syscall.Signal) (*Service, error) {
	s := &Service{cmd: cmd, end: end, done: make(chan struct{})}
	name := filepath.Base(cmd.Path)
	bind(cmd, end)
	AsServer(cmd)
	output, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, writer
	started := make(chan error, 1)
	go func() {
		// The kernel ends the service when the thread that started it is gone.
		runtime.LockOSThread()
		defer close(s.done)
		err := cmd.Start()
		started <- err
		if err == nil {
			err = cmd.Wait()
		}
		_ = writer.CloseWithError(errors.Join(io.EOF, err))
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	var log strings.Builder
	said := make(chan bool, 1)
	go listen(output, ready, &log, said)
	select {
	case ok := <-said:
		if !ok {
			<-s.done
			return nil, fmt.Errorf("%s ended: %s", name, &log)
		}
		return s, nil
	case <-time.After(startTimeout):
		s.Stop()
		return nil, fmt.Errorf("%s is not ready after %v", name, startTimeout)
	}
}

// listen says true when a line holds ready, false when the output ends without,
// and reads on, so that the service never waits for its log.
func listen(output io.Reader, ready string, log *strings.Builder, said chan<- bool) {
	lines := bufio.NewScanner(output)
	found := false
	for !found && lines.Scan() {
		log.WriteString(lines.Text() + "\n")
		found = strings.Contains(lines.Text(), ready)
	}
	said <- found
	_, _ = io.Copy(io.Discard, output)
}

// PID is the service's process.
func (s *Service) PID() int { return s.cmd.Process.Pid }

// Stop ends the service and returns when it is gone.
func (s *Service) Stop() {
	_ = s.cmd.Process.Signal(s.end)
	select {
	case <-s.done:
	case <-time.After(endTimeout):
		_ = s.cmd.Process.Kill()
		<-s.done
	}
}
