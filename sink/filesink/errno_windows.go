package filesink

import (
	"errors"
	"syscall"
)

const (
	errorInvalidFunction   = syscall.Errno(1)
	errorHandleDiskFull    = syscall.Errno(39)
	errorDiskFull          = syscall.Errno(112)
	errorDiskQuotaExceeded = syscall.Errno(1295)
)

// full reports whether err means that there is no room left.
func full(err error) bool {
	return errors.Is(err, errorDiskFull) || errors.Is(err, errorHandleDiskFull) ||
		errors.Is(err, errorDiskQuotaExceeded) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// noLinks reports whether err of a link means that the file system has none.
// FAT answers with an invalid function.
func noLinks(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, errorInvalidFunction)
}
