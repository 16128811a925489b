package filesink_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/sink/filesink"
	"github.com/exportyard/exportyard/sink/sinktest"
)

// tapped is a disk that tells before of each operation, which may make it fail.
type tapped struct {
	filesink.Files
	before func(op, name string) error
}

func (d *tapped) Create(name string) (filesink.File, error) {
	if err := d.before("create", name); err != nil {
		return nil, err
	}
	f, err := d.Files.Create(name)
	return &tappedFile{File: f, name: name, before: d.before}, err
}

func (d *tapped) Touch(name string, at time.Time) error {
	return errors.Join(d.before("touch", name), d.Files.Touch(name, at))
}

func (d *tapped) Mkdir(name string) error {
	if err := d.before("mkdir", name); err != nil {
		return err
	}
	return d.Files.Mkdir(name)
}

func (d *tapped) Link(oldname, newname string) error {
	if err := d.before("link", newname); err != nil {
		return err
	}
	return d.Files.Link(oldname, newname)
}

func (d *tapped) Rename(oldname, newname string) error {
	if err := d.before("rename", newname); err != nil {
		return err
	}
	return d.Files.Rename(oldname, newname)
}

func (d *tapped) Remove(name string) error {
	if err := d.before("remove", name); err != nil {
		return err
	}
	return d.Files.Remove(name)
}

func (d *tapped) SyncFolder(name string) error {
	if err := d.before("syncfolder", name); err != nil {
		return err
	}
	return d.Files.SyncFolder(name)
}

type tappedFile struct {
	filesink.File
	name   string
	before func(op, name string) error
}

// Write puts half of p on the disk when it fails, as disks do.
func (f *tappedFile) Write(p []byte) (int, error) {
	if err := f.before("write", f.name); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

func (f *tappedFile) Sync() error {
	return errors.Join(f.before("sync", f.name), f.File.Sync())
}

func newTapped(t *testing.T, dir string, before func(op, name string) error) *filesink.Sink {
	s := newSink(t, dir)
	filesink.ReplaceFiles(s, func(real filesink.Files) filesink.Files { return &tapped{volatile{real}, before} })
	return s
}

// volatile is a disk that is never waited for, where a test is not about that.
type volatile struct{ filesink.Files }

func (d volatile) SyncFolder(string) error { return nil }

func (d volatile) Create(name string) (filesink.File, error) {
	f, err := d.Files.Create(name)
	return volatileFile{f}, err
}

type volatileFile struct{ filesink.File }

func (f volatileFile) Sync() error { return nil }

// transfer writes an object in three pieces, the way an engine does.
func transfer(ctx context.Context, s sink.Sink, key string) (err error) {
	w, err := s.Create(ctx, key, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Abort()) }()
	for _, piece := range []string{"one,", "two,", "three"} {
		if _, err := w.Write([]byte(piece)); err != nil {
			return err
		}
	}
	return w.Commit()
}

var random = regexp.MustCompile(`\.[A-Z2-7]{26}\.exportyard`)

func TestR28_Order(t *testing.T) {
	t.Parallel()
	noLinks := func(op string) error {
		if op == "link" {
			return errors.ErrUnsupported
		}
		return nil
	}
	for _, tt := range []struct {
		name string
		fail func(op string) error
		want []string
	}{
		{
			name: "link",
			fail: func(string) error { return nil },
			want: []string{
				"create a/b/.c.TEMP", "mkdir a", "mkdir a/b", "create a/b/.c.TEMP",
				"write a/b/.c.TEMP", "write a/b/.c.TEMP", "write a/b/.c.TEMP", "touch a/b/.c.TEMP", "sync a/b/.c.TEMP",
				"link a/b/c", "remove a/b/.c.TEMP", "syncfolder a/b", "syncfolder a", "syncfolder .",
			},
		},
		{
			name: "rename",
			fail: noLinks,
			want: []string{
				"create a/b/.c.TEMP", "mkdir a", "mkdir a/b", "create a/b/.c.TEMP",
				"write a/b/.c.TEMP", "write a/b/.c.TEMP", "write a/b/.c.TEMP", "touch a/b/.c.TEMP", "sync a/b/.c.TEMP",
				"link a/b/c", "create a/b/.c.claim.exportyard", "rename a/b/c", "remove a/b/.c.claim.exportyard",
				"remove a/b/.c.TEMP", "syncfolder a/b", "syncfolder a", "syncfolder .",
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var log []string
			s := newTapped(t, t.TempDir(), func(op, name string) error {
				log = append(log, op+" "+random.ReplaceAllString(name, ".TEMP"))
				return tt.fail(op)
			})
			require.NoError(t, transfer(t.Context(), s, "a/b/c"))
			require.Empty(t, cmp.Diff(tt.want, log))
		})
	}
}

// TestR28_FaultAtEachStep lets exactly the n-th operation fail, for every n.
func TestR28_FaultAtEachStep(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fault error
		want  error // nil: the fault itself
	}{
		{"ENOSPC", syscall.ENOSPC, sink.ErrFull},
		{"EDQUOT", syscall.EDQUOT, sink.ErrFull},
		{"EACCES", syscall.EACCES, sink.ErrDenied},
		{"EIO", syscall.EIO, nil},
	} {
		for _, links := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/links=%v", tt.name, links), func(t *testing.T) {
				t.Parallel()
				if tt.want == nil {
					tt.want = tt.fault
				}
				for n, faulted := 0, true; faulted; n++ {
					faulted = faultAt(t, n, links, tt.fault, tt.want)
				}
			})
		}
	}
}

// faultAt runs a transfer whose n-th operation fails, and reports whether there
// were that many.
func faultAt(t *testing.T, n int, links bool, fault, want error) bool {
	dir, count, hit := t.TempDir(), 0, ""
	s := newTapped(t, dir, func(op, name string) error {
		if count++; count == n+1 {
			hit = op + " " + path.Base(name)
			return &fs.PathError{Op: op, Path: name, Err: fault}
		}
		if op == "link" && !links {
			return errors.ErrUnsupported
		}
		return nil
	})
	require.NoError(t, os.Mkdir(filepath.Join(dir, "a"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a", "old"), nil, 0o600))
	err := transfer(t.Context(), s, "a/b/c")
	switch {
	case err == nil:
		data, readErr := os.ReadFile(filepath.Join(dir, "a", "b", "c"))
		require.NoError(t, readErr, "after a fault at %q", hit)
		require.Equal(t, "one,two,three", string(data))
	default:
		require.ErrorIs(t, err, want, "after a fault at %q", hit)
		require.ErrorIs(t, err, fault, "after a fault at %q", hit)
		_, err := s.Open(t.Context(), "a/b/c", 0, -1)
		require.ErrorIs(t, err, sink.ErrNotFound, "after a fault at %q", hit)
	}
	if strings.HasPrefix(hit, "remove ") {
		_, err := s.Clean(t.Context(), "", time.Now().Add(time.Hour))
		require.NoError(t, err)
	}
	found, walkErr := entries(dir)
	require.NoError(t, walkErr)
	for _, name := range found {
		require.False(t, isTemp(name), "%q is left after a fault at %q", name, hit)
	}
	require.Contains(t, found, "a/old")
	return hit != ""
}

// TestR28_WriteLosesNothing: a writer that could not write a piece commits nothing,
// even if the caller did not look.
func TestR28_WriteLosesNothing(t *testing.T) {
	t.Parallel()
	writes := 0
	s := newTapped(t, t.TempDir(), func(op, _ string) error {
		if op == "write" {
			if writes++; writes == 2 {
				return syscall.ENOSPC
			}
		}
		return nil
	})
	w, err := s.Create(t.Context(), "a", nil)
	require.NoError(t, err)
	_, err = w.Write([]byte("one"))
	require.NoError(t, err)
	n, err := w.Write([]byte("1234"))
	require.ErrorIs(t, err, sink.ErrFull)
	require.Equal(t, 2, n)
	_, err = w.Write([]byte("three"))
	require.ErrorIs(t, err, sink.ErrFull)
	require.ErrorIs(t, w.Commit(), sink.ErrFull)
	_, err = s.Open(t.Context(), "a", 0, -1)
	require.ErrorIs(t, err, sink.ErrNotFound)
}

func TestConformanceWithoutLinks(t *testing.T) {
	t.Parallel()
	sinktest.Run(t, func(t *testing.T) sinktest.Harness {
		h := harness(t)
		filesink.ReplaceFiles(h.Sink.(*filesink.Sink), func(real filesink.Files) filesink.Files {
			return &tapped{volatile{real}, func(op, _ string) error {
				if op == "link" {
					return &os.LinkError{Op: op, Err: syscall.ENOTSUP}
				}
				return nil
			}}
		})
		h.Many = 120
		return h
	})
}

// TestDeadClaim: without links, a process that died while it published holds
// the key until Clean.
func TestDeadClaim(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newTapped(t, dir, func(op, _ string) error {
		if op == "link" {
			return errors.ErrUnsupported
		}
		return nil
	})
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".a.claim.exportyard"), nil, 0o600))
	require.ErrorIs(t, transfer(t.Context(), s, "a"), sink.ErrExists)
	requireEntries(t, dir, ".a.claim.exportyard")
	n, err := s.Clean(t.Context(), "a", time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.NoError(t, transfer(t.Context(), s, "a"))
	requireEntries(t, dir, "a")
}

// TestCreateMakesItsFolderAgain: a Delete elsewhere can empty and remove a
// folder again and again before there is a file in it.
func TestCreateMakesItsFolderAgain(t *testing.T) {
	t.Parallel()
	taken := 0
	dir := t.TempDir()
	s := newTapped(t, dir, func(op, _ string) error {
		if op == "create" {
			if taken++; taken < 20 {
				_ = os.RemoveAll(filepath.Join(dir, "a"))
			}
		}
		return nil
	})
	require.NoError(t, transfer(t.Context(), s, "a/b/c"))
	require.Equal(t, 20, taken)
}

// TestCommitOfACleanedFile: a file that was cleaned away, where there are no
// locks, is missed at Commit.
func TestCommitOfACleanedFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newSink(t, dir)
	w, err := s.Create(t.Context(), "a", nil)
	require.NoError(t, err)
	found, err := entries(dir)
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(dir, found[0])))
	require.ErrorIs(t, w.Commit(), fs.ErrNotExist)
	require.NoError(t, w.Abort())
	requireEntries(t, dir)
}
