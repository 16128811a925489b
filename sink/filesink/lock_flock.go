//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package filesink

import (
	"errors"
	"os"
	"syscall"
)

// lock takes the lock that says that f has a live writer. The system drops it
// when f is closed or its process ends.
func lock(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := conn.Control(func(fd uintptr) {
		failed = syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB)
	}); err != nil {
		return err
	}
	return failed
}

// lockedElsewhere reports whether err of lock means that there is a live writer.
func lockedElsewhere(err error) bool { return errors.Is(err, syscall.EWOULDBLOCK) }
