package filesink

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"
	"syscall"
	"time"
)

// files are the operations that the promises of a commit rest on. Names are
// slash-separated paths below the sink's folder, "." is the folder itself.
type files interface {
	Create(name string) (file, error) // fails if there is anything under name
	Stat(name string) (fs.FileInfo, error)
	Touch(name string, at time.Time) error
	Link(oldname, newname string) error // fails if there is anything under newname
	Rename(oldname, newname string) error
	Remove(name string) error
	Mkdir(name string) error
	SyncFolder(name string) error
}

// file is a new file that is being written.
type file interface {
	io.WriteCloser
	Sync() error
}

// disk is the real thing.
type disk struct {
	root                 *os.Root
	fileMode, folderMode fs.FileMode
}

func (d *disk) Create(name string) (file, error) {
	f, err := d.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, d.fileMode)
	if err != nil {
		return nil, err
	}
	// Where there are no locks, age alone tells a live writer's file. Until the
	// lock is taken, a Clean of another process takes the file for a dead one's.
	if lockedElsewhere(lock(f)) || !d.holds(name, f) {
		_ = f.Close()
		_ = d.root.Remove(name)
		return nil, errCleaned
	}
	return f, nil
}

// errCleaned says that a new file was cleaned away. Its name must not be used
// again, since who cleans may be about to remove it.
var errCleaned = errors.New("the temporary file was cleaned away")

// holds reports whether f is still the file of that name.
func (d *disk) holds(name string, f *os.File) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := d.root.Lstat(name)
	return err == nil && os.SameFile(mine, named)
}

func (d *disk) Stat(name string) (fs.FileInfo, error) { return d.root.Stat(name) }

func (d *disk) Touch(name string, at time.Time) error { return d.root.Chtimes(name, at, at) }

func (d *disk) Link(oldname, newname string) error { return d.root.Link(oldname, newname) }

func (d *disk) Rename(oldname, newname string) error { return d.root.Rename(oldname, newname) }

func (d *disk) Remove(name string) error { return d.root.Remove(name) }

func (d *disk) Mkdir(name string) error { return d.root.Mkdir(name, d.folderMode) }

func (d *disk) SyncFolder(name string) error {
	if runtime.GOOS == "windows" {
		return nil // which has no such operation
	}
	f, err := d.root.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return syncFolder(f)
}

// syncFolder writes a folder back. Some file systems know no such operation
// and say so; they keep their own order.
func syncFolder(f *os.File) error {
	err := f.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		return nil
	}
	return err
}
