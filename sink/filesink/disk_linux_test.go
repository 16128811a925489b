package filesink_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/sink/filesink"
)

// fullDisk is a disk whose files have no room, by the system's own word.
type fullDisk struct{ filesink.Files }

func (d fullDisk) Create(name string) (filesink.File, error) {
	f, err := d.Files.Create(name)
	if err != nil {
		return nil, err
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	return fullFile{f, full}, err
}

type fullFile struct {
	filesink.File
	full *os.File
}

func (f fullFile) Write(p []byte) (int, error) { return f.full.Write(p) }
func (f fullFile) Close() error                { return errors.Join(f.full.Close(), f.File.Close()) }

// TestR28_FullDisk fills a file system of 1 MiB where the test may mount one,
// and a device that is always full everywhere else. It does not run beside the
// tests that start processes: a child holds its parent's files for a moment,
// and with them the room of a removed one.
func TestR28_FullDisk(t *testing.T) {
	dir := t.TempDir()
	mounted := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m") == nil
	if mounted {
		t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	}
	s := newSink(t, dir)
	put(t, s, "a/small", "x")
	if !mounted {
		filesink.ReplaceFiles(s, func(real filesink.Files) filesink.Files { return fullDisk{real} })
	}

	w, err := s.Create(t.Context(), "a/big", nil)
	require.NoError(t, err)
	piece := make([]byte, 64<<10)
	for range 32 {
		if _, err = w.Write(piece); err != nil {
			break
		}
	}
	require.ErrorIs(t, err, sink.ErrFull)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorIs(t, w.Commit(), sink.ErrFull)
	require.NoError(t, w.Abort())
	requireEntries(t, dir, "a", "a/small")
	if mounted {
		put(t, s, "a/again", strings.Repeat("x", 512<<10)) // the room is free again
	}
}

// TestR28_SystemCalls watches a process from outside: its bytes are on the
// disk before their name, and the name before Commit returns.
func TestR28_SystemCalls(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("install strace")
		}
		t.Skip("strace is not installed")
	}
	dir, trace := t.TempDir(), filepath.Join(t.TempDir(), "trace")
	cmd := childCommand(t, dir, strace, "-f", "-y", "-o", trace,
		"-e", "trace=write,fsync,linkat,renameat,renameat2,unlinkat", executable(t))
	out, err := cmd.Output() // its standard input is empty, so it ends by itself
	require.NoError(t, err)
	require.Equal(t, "written\n", string(out))
	text, err := os.ReadFile(trace)
	require.NoError(t, err)

	temp := `\.done\.[A-Z2-7]{26}\.exportyard`
	folder := regexp.QuoteMeta(dir)
	at := 0
	for _, want := range []string{
		fmt.Sprintf(`write\(\d+<%s/a/%s>, "whole"`, folder, temp),
		fmt.Sprintf(`fsync\(\d+<%s/a/%s>`, folder, temp),
		fmt.Sprintf(`linkat\(\d+<%s/a>, "%s", \d+<%s/a>, "done", 0`, folder, temp, folder),
		fmt.Sprintf(`unlinkat\(\d+<%s/a>, "%s", 0`, folder, temp),
		fmt.Sprintf(`fsync\(\d+<%s/a>`, folder),
		fmt.Sprintf(`fsync\(\d+<%s>`, folder),
		`write\(\d+<[^>]*>, "written`,
	} {
		found := regexp.MustCompile(want).FindIndex(text[at:])
		require.NotNil(t, found, "no %s behind what came before it in:\n%s", want, text)
		at += found[1]
	}
}
