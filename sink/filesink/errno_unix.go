//go:build !windows

package filesink

import (
	"errors"
	"syscall"
)

// full reports whether err means that there is no room left.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// noLinks reports whether err of a link means that the file system has none.
// FAT answers with EPERM.
func noLinks(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EPERM) ||
		errors.Is(err, syscall.EMLINK) || errors.Is(err, syscall.EXDEV)
}
