package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestR28_FullDisk exports onto a file system of 1 MiB, where the test may
// mount one; TestR25_NoRoom does the same by hand everywhere. It does not run
// beside the tests that start processes: a child holds its parent's files for
// a moment, and with them the room of a removed one.
func TestR28_FullDisk(t *testing.T) {
	at := newPlace(t)
	require.NoError(t, os.Mkdir(at.out, 0o700))
	err := syscall.Mount("tmpfs", at.out, "tmpfs", 0, "size=1m")
	if errors.Is(err, syscall.EPERM) {
		t.Logf("only root may mount: %v", err)
		return
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(at.out, 0)) })
	db := makeWide(t, 3000)
	requireNoRoom(t, at, here(t, seams{config: quick}, at.flags("-db", db, "-compress", "none")...))
	// What fits goes there, after all.
	o := here(t, seams{config: quick}, at.flags("-db", chinook, "-dataset", "Genre")...)
	require.Equal(t, "verified: 1 files, 25 rows", o.last(), "%v", o)
	onlyArchive(t, at.out)
}

// unprivileged is the quickstart as a user who is not root, to whom the
// permissions of files mean something.
func unprivileged(t *testing.T, args ...string) outcome {
	t.Helper()
	if os.Getuid() != 0 {
		return process(t, spec{}, args...)
	}
	// The folder of the test's own binary is closed to others.
	dir, err := os.MkdirTemp("", "exportyard-quickstart-nobody-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	self, err := os.Executable()
	require.NoError(t, err)
	data, err := os.ReadFile(self)
	require.NoError(t, err)
	binary := filepath.Join(dir, "quickstart")
	require.NoError(t, os.WriteFile(binary, data, 0o755))
	cmd, end := command(t, spec{}, args...)
	cmd.Path, cmd.Dir = binary, dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	return end(cmd.Run())
}

// A database that may only be read, in a folder that may only be read.
func TestDatabase_ReadOnly(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "exportyard-quickstart-read-only-")
	require.NoError(t, err)
	folder, work := filepath.Join(dir, "data"), filepath.Join(dir, "work")
	t.Cleanup(func() {
		require.NoError(t, os.Chmod(folder, 0o700))
		require.NoError(t, os.RemoveAll(dir))
	})
	data, err := os.ReadFile(chinook)
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(folder, 0o700))
	require.NoError(t, os.Mkdir(work, 0o700))
	require.NoError(t, os.Chmod(work, 0o777)) // whatever the umask is
	db := filepath.Join(folder, "shop.db")
	require.NoError(t, os.WriteFile(db, data, 0o444))
	require.NoError(t, os.Chmod(folder, 0o555))
	require.NoError(t, os.Chmod(dir, 0o755))
	o := unprivileged(t, "-db", db, "-state", filepath.Join(work, "jobs.db"), "-out", filepath.Join(work, "out"))
	require.Equal(t, "verified: 11 files, 15607 rows", o.last(), "%v", o)
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	// The same folder takes no files and no jobs, and that is said in one line.
	o = unprivileged(t, "-db", db, "-state", filepath.Join(work, "jobs.db"), "-out", filepath.Join(folder, "out"))
	requireOneLine(t, o, "-out", "permission denied")
	o = unprivileged(t, "-db", db, "-state", filepath.Join(folder, "jobs.db"), "-out", filepath.Join(work, "out"))
	requireOneLine(t, o, "permission denied")
}

// terminal opens a new terminal: what is written to one end is read at the other.
func terminal(t *testing.T) (near, far *os.File) {
	t.Helper()
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		if os.Getenv("CI") == "true" {
			require.NoError(t, err, "CI has terminals")
		}
		t.Skipf("needs a terminal: %v", err)
	}
	t.Cleanup(func() { _ = near.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(near.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(near.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	far, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	return near, far
}

// A terminal gets one bar that is drawn over and over.
func TestScreen_Terminal(t *testing.T) {
	t.Parallel()
	near, far := terminal(t)
	db, err := small()
	require.NoError(t, err)
	at := newPlace(t)
	cmd, end := command(t, spec{PartRows: smallPartRows}, at.flags("-db", db)...)
	cmd.Stdout = far
	require.NoError(t, cmd.Start())
	require.NoError(t, far.Close())
	screen, err := io.ReadAll(near)
	require.True(t, err == nil || errors.Is(err, syscall.EIO), "the far end is closed: %v", err)
	o := end(cmd.Wait())
	require.Zero(t, o.code, "%v", o)
	text := strings.ReplaceAll(string(screen), "\r\n", "\n")
	bar, rest, found := strings.Cut(text, "\n")
	require.True(t, found)
	require.Greater(t, strings.Count(bar, "\r\x1b[K"), 1, "%q", bar)
	require.Regexp(t, `\r\x1b\[Kexport +█{30} 100 %  750 rows · part 10 of 10 · [0-9.]+m?s$`, bar)
	require.NotContains(t, rest, "\r")
	require.NotContains(t, rest, "\x1b")
	require.Contains(t, rest, "\nverified: 3 files, 750 rows\n")
}
