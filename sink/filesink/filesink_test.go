package filesink_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/sink/filesink"
	"github.com/exportyard/exportyard/sink/sinktest"
)

func newSink(t *testing.T, dir string) *filesink.Sink {
	t.Helper()
	s, err := filesink.New(dir, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// entries returns the paths of all files and folders below dir in their order.
func entries(dir string) ([]string, error) {
	found := []string{}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if path != dir && err == nil {
			name, _ := filepath.Rel(dir, path)
			found = append(found, filepath.ToSlash(name))
		}
		return err
	})
	return found, err
}

func requireEntries(t *testing.T, dir string, want ...string) {
	t.Helper()
	got, err := entries(dir)
	require.NoError(t, err)
	require.Equal(t, append([]string{}, want...), got)
}

func isTemp(path string) bool { return strings.HasPrefix(filepath.Base(path), ".") }

func put(t *testing.T, s sink.Sink, key, data string) {
	t.Helper()
	w, err := s.Create(t.Context(), key, nil)
	require.NoError(t, err)
	_, err = w.Write([]byte(data))
	require.NoError(t, err)
	require.NoError(t, w.Commit())
}

// abandon leaves the temporary file of a writer whose process is gone.
func abandon(dir, key string) error {
	folder, name := filepath.Split(filepath.Join(dir, filepath.FromSlash(key)))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	return os.WriteFile(folder+"."+name+".ABCDEFGHIJKLMNOPQRSTUVWXYZ.exportyard", []byte("half"), 0o600)
}

func harness(t *testing.T) sinktest.Harness {
	dir := t.TempDir()
	return sinktest.Harness{
		Sink: newSink(t, dir),
		Leftovers: func(context.Context) (int, error) {
			found, err := entries(dir)
			return len(slices.DeleteFunc(found, func(name string) bool { return !isTemp(name) })), err
		},
		Abandon: func(_ context.Context, key string) error { return abandon(dir, key) },
		Many:    150, // a folder has no pages
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	sinktest.Run(t, harness)
}

func TestR25_InterruptedAt30MiB(t *testing.T) {
	t.Parallel()
	size := 30 << 20
	if testing.Short() {
		size = 1 << 20
	}
	sinktest.Interrupt(t, harness, size)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, tt := range []struct {
		name string
		dir  string
		opts *filesink.Options
	}{
		{name: "no folder", dir: ""},
		{name: "a file", dir: file},
		{name: "below a file", dir: filepath.Join(file, "x")},
		{name: "mode of a folder", dir: t.TempDir(), opts: &filesink.Options{FileMode: fs.ModeDir | 0o700}},
		{name: "set-uid", dir: t.TempDir(), opts: &filesink.Options{FolderMode: fs.ModeSetuid | 0o700}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := filesink.New(tt.dir, tt.opts)
			require.ErrorContains(t, err, "filesink: ")
		})
	}
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return // whose permissions are others
	}
	dir := filepath.Join(t.TempDir(), "new", "exports")
	put(t, newSink(t, dir), "a/b", "x")
	for path, want := range map[string]fs.FileMode{"..": 0o700, ".": 0o700, "a": 0o700, "a/b": 0o600} {
		info, err := os.Stat(filepath.Join(dir, path))
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm(), path)
	}
	s, err := filesink.New(dir, &filesink.Options{FileMode: 0o640, FolderMode: 0o750})
	require.NoError(t, err)
	put(t, s, "c/d", "x")
	require.NoError(t, s.Close())
	for path, want := range map[string]fs.FileMode{"c": 0o750, "c/d": 0o640} {
		info, err := os.Stat(filepath.Join(dir, path))
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm(), path)
	}
}

func TestTemporaryFileIsBesideItsPlace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newSink(t, dir)
	longest := "a/" + strings.Repeat("x", 200)
	w, err := s.Create(t.Context(), longest, nil)
	require.NoError(t, err)
	found, err := entries(dir)
	require.NoError(t, err)
	require.Len(t, found, 2)
	require.Equal(t, "a", found[0])
	require.True(t, isTemp(found[1]))
	require.LessOrEqual(t, len(filepath.Base(found[1])), 255)
	require.ErrorIs(t, sink.ValidKey(found[1]), sink.ErrKey, "no key can name it")
	require.NoError(t, w.Abort())
	requireEntries(t, dir)
}

func TestAnObjectIsNoFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newSink(t, dir)
	put(t, s, "a/b", "x")
	_, err := s.Create(t.Context(), "a/b/c", nil)
	require.ErrorIs(t, err, sink.ErrExists)
	_, err = s.Create(t.Context(), "a", nil)
	require.ErrorIs(t, err, sink.ErrExists)
	requireEntries(t, dir, "a", "a/b")

	// The folder comes between Create and Commit.
	w, err := s.Create(t.Context(), "d", nil)
	require.NoError(t, err)
	put(t, s, "d/e", "x")
	require.ErrorIs(t, w.Commit(), sink.ErrExists)
	requireEntries(t, dir, "a", "a/b", "d", "d/e")
}

func TestFoldersGoWithTheirLastObject(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newSink(t, dir)
	put(t, s, "a/b/c/1", "x")
	put(t, s, "a/b/2", "x")
	w, err := s.Create(t.Context(), "a/b/c/3", nil)
	require.NoError(t, err)
	require.NoError(t, s.Delete(t.Context(), "a/b/c/1"))
	require.NoError(t, w.Commit(), "a folder with an unfinished object stays")
	require.NoError(t, s.Delete(t.Context(), "a/b/c/3"))
	requireEntries(t, dir, "a", "a/b", "a/b/2")
	require.NoError(t, s.Delete(t.Context(), "a/b/2"))
	requireEntries(t, dir)
}

// TestDeleteAndCreateMeet has one goroutine empty the folder that another fills.
func TestDeleteAndCreateMeet(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newTapped(t, dir, func(string, string) error { return nil })
	const rounds = 300
	done := make(chan error, 2)
	for _, name := range []string{"a/b/c/x", "a/b/c/y"} {
		go func() {
			for range rounds {
				w, err := s.Create(t.Context(), name, nil)
				if err == nil {
					err = w.Commit()
				}
				if err == nil {
					err = s.Delete(t.Context(), name)
				}
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	require.NoError(t, <-done)
	require.NoError(t, <-done)
	requireEntries(t, dir)
}

func TestOnlyRegularFilesAreObjects(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return // where links need a privilege
	}
	outside := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600))
	dir := t.TempDir()
	s := newSink(t, dir)
	put(t, s, "real/x", "x")
	require.NoError(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "file")))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "out")))
	require.NoError(t, os.Symlink("real/x", filepath.Join(dir, "inside")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a:b"), []byte("no key"), 0o600))

	var keys []string
	for obj, err := range s.List(t.Context(), "") {
		require.NoError(t, err)
		keys = append(keys, obj.Key)
	}
	require.Equal(t, []string{"real/x"}, keys)
	for _, key := range []string{"file", "inside"} {
		_, err := s.Open(t.Context(), key, 0, -1)
		require.ErrorIs(t, err, sink.ErrNotFound, key)
		_, err = s.Create(t.Context(), key, nil)
		if err == nil { // a link that leads nowhere can be seen at Commit alone
			w, err := s.Create(t.Context(), key, nil)
			require.NoError(t, err)
			require.ErrorIs(t, w.Commit(), sink.ErrExists, key)
		} else {
			require.ErrorIs(t, err, sink.ErrExists, key)
		}
		require.NoError(t, s.Delete(t.Context(), key))
	}
	_, err := s.Open(t.Context(), "out/secret", 0, -1)
	require.Error(t, err)
	_, err = s.Create(t.Context(), "out/new", nil)
	require.Error(t, err)
	require.Error(t, s.Delete(t.Context(), "out/secret"))
	requireEntries(t, outside, "secret")
}

func TestCleanSparesLiveWriters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newSink(t, dir)
	same, err := s.Create(t.Context(), "a/same", nil)
	require.NoError(t, err)
	// Another Sink stands for another process: it knows nothing of the first.
	other, err := newSink(t, dir).Create(t.Context(), "a/other", nil)
	require.NoError(t, err)
	require.NoError(t, abandon(dir, "a/dead"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a", ".hidden"), nil, 0o600))

	n, err := s.Clean(t.Context(), "", time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.NoError(t, same.Commit())
	if runtime.GOOS == "windows" {
		require.NoError(t, other.Abort()) // there is no lock that would save it
		return
	}
	require.Equal(t, 1, n)
	require.NoError(t, other.Commit())
	requireEntries(t, dir, "a", "a/.hidden", "a/other", "a/same")
}

func TestCleanRemovesEmptyFolders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newSink(t, dir)
	require.NoError(t, abandon(dir, "a/b/c/dead"))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "d", "old"), 0o700))
	long := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(filepath.Join(dir, "d", "old"), long, long))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "e", "young"), 0o700))
	temp := filepath.Join(dir, "a", "b", "c", ".dead.ABCDEFGHIJKLMNOPQRSTUVWXYZ.exportyard")
	require.NoError(t, os.Chtimes(temp, long, long))

	n, err := s.Clean(t.Context(), "", time.Now().Add(-time.Minute))
	require.NoError(t, err)
	require.Equal(t, 1, n)
	requireEntries(t, dir, "e", "e/young")
}

func TestModTimeIsThatOfTheCommit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newSink(t, dir)
	w, err := s.Create(t.Context(), "a", nil)
	require.NoError(t, err)
	found, err := entries(dir)
	require.NoError(t, err)
	long := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(filepath.Join(dir, found[0]), long, long))
	require.NoError(t, w.Commit())
	r, err := s.Open(t.Context(), "a", 0, -1)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.WithinDuration(t, time.Now(), r.Object().ModTime, time.Minute)
}

func TestReaderEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newSink(t, t.TempDir())
	put(t, s, "a", "x")
	ctx, cancel := context.WithCancel(t.Context())
	r, err := s.Open(ctx, "a", 0, -1)
	require.NoError(t, err)
	cancel()
	_, err = r.Read(make([]byte, 1))
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, r.Close())
	_, err = s.Open(t.Context(), "a", -1, -1)
	require.Error(t, err)
}

// Whoever sees an object may delete it at once, and the folders with it, before
// its writer has written them back; and whoever cleans up, of whatever age, takes
// no file of a live writer.
func TestCommitBesideDeletesAndCleaning(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, other := newSink(t, dir), newSink(t, dir)
	done := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		var err error
		for running := true; running && err == nil; {
			select {
			case <-done:
				running = false // after one more look
			default:
			}
			err = deleteAll(other)
		}
		ended <- err
	}()
	for i := range 60 {
		put(t, s, fmt.Sprintf("a/b/c/d/%d", i), "x")
	}
	close(done)
	require.NoError(t, <-ended)
	requireEntries(t, dir)
}

// deleteAll deletes all objects and cleans up behind dead writers, however young.
func deleteAll(s *filesink.Sink) error {
	ctx := context.Background()
	for o, err := range s.List(ctx, "") {
		if err == nil {
			err = s.Delete(ctx, o.Key)
		}
		if err != nil {
			return err
		}
	}
	_, err := s.Clean(ctx, "", time.Now().Add(time.Hour))
	return err
}
