package blobsink_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/memblob"

	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/sink/blobsink"
	"github.com/exportyard/exportyard/sink/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newSink(t *testing.T, bucket *blob.Bucket, opts *blobsink.Options) *blobsink.Sink {
	t.Helper()
	s, err := blobsink.New(bucket, opts)
	require.NoError(t, err)
	return s
}

func memory(t *testing.T) *blob.Bucket {
	bucket := memblob.OpenBucket(nil)
	t.Cleanup(func() { require.NoError(t, bucket.Close()) })
	return bucket
}

func folder(t *testing.T, dir string, opts fileblob.Options) *blob.Bucket {
	opts.NoTempDir = true
	bucket, err := fileblob.OpenBucket(dir, &opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, bucket.Close()) })
	return bucket
}

// leftovers counts temporary files, and sidecars of nothing.
func leftovers(dir string) (int, error) {
	n := 0
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, ".tmp") {
			n++
		}
		if object, sidecar := strings.CutSuffix(path, ".attrs"); sidecar {
			if _, err := os.Stat(object); err != nil {
				n++
			}
		}
		return nil
	})
	return n, err
}

func abandon(dir, key string) error {
	path := filepath.Join(dir, filepath.FromSlash(key))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path+".17f3abc012345678.tmp", []byte("half"), 0o600)
}

func memoryHarness(t *testing.T) sinktest.Harness {
	return sinktest.Harness{Sink: newSink(t, memory(t), nil)}
}

func folderHarness(t *testing.T) sinktest.Harness {
	dir := t.TempDir()
	return sinktest.Harness{
		Sink:      newSink(t, folder(t, dir, fileblob.Options{}), nil),
		Leftovers: func(context.Context) (int, error) { return leftovers(dir) },
		Abandon:   func(_ context.Context, key string) error { return abandon(dir, key) },
	}
}

func TestConformanceMemory(t *testing.T) {
	t.Parallel()
	sinktest.Run(t, memoryHarness)
}

func TestConformanceFolder(t *testing.T) {
	t.Parallel()
	sinktest.Run(t, folderHarness)
}

func TestConformanceFolderWithoutSidecars(t *testing.T) {
	t.Parallel()
	sinktest.Run(t, func(t *testing.T) sinktest.Harness {
		dir := t.TempDir()
		return sinktest.Harness{
			Sink:      newSink(t, folder(t, dir, fileblob.Options{Metadata: fileblob.MetadataDontWrite}), nil),
			Leftovers: func(context.Context) (int, error) { return leftovers(dir) },
		}
	})
}

func TestConformanceUnconditional(t *testing.T) {
	t.Parallel()
	sinktest.Run(t, func(t *testing.T) sinktest.Harness {
		return sinktest.Harness{Sink: newSink(t, memory(t), &blobsink.Options{Unconditional: true})}
	})
}

func TestR25_InterruptedAt30MiB(t *testing.T) {
	t.Parallel()
	size := 30 << 20
	if testing.Short() {
		size = 1 << 20
	}
	sinktest.Interrupt(t, memoryHarness, size)
	sinktest.Interrupt(t, folderHarness, size)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	_, err := blobsink.New(nil, nil)
	require.ErrorContains(t, err, "blobsink: ")
	for _, tt := range []struct {
		name string
		opts blobsink.Options
	}{
		{"small parts", blobsink.Options{PartSize: 5<<20 - 1}},
		{"negative parts", blobsink.Options{MaxParts: -1}},
		{"negative concurrency", blobsink.Options{Concurrency: -1}},
		{"negative timeout", blobsink.Options{AbortTimeout: -time.Second}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := blobsink.New(memory(t), &tt.opts)
			require.ErrorContains(t, err, "blobsink: ")
		})
	}
}

func TestWhatAnObjectIsStoredWith(t *testing.T) {
	t.Parallel()
	bucket := memory(t)
	s := newSink(t, bucket, nil)
	for key, opts := range map[string]*sink.CreateOptions{
		"plain": nil,
		"named": {ContentType: "text/csv", Filename: "Größe.csv"},
	} {
		w, err := s.Create(t.Context(), key, opts)
		require.NoError(t, err)
		require.NoError(t, w.Commit())
	}
	attrs, err := bucket.Attributes(t.Context(), "plain")
	require.NoError(t, err)
	require.Equal(t, "application/octet-stream", attrs.ContentType)
	require.Empty(t, attrs.ContentDisposition)
	attrs, err = bucket.Attributes(t.Context(), "named")
	require.NoError(t, err)
	require.Equal(t, "text/csv", attrs.ContentType)
	require.Equal(t, "attachment; filename*=utf-8''Gr%C3%B6%C3%9Fe.csv", attrs.ContentDisposition)

	_, err = s.Create(t.Context(), "bad", &sink.CreateOptions{ContentType: "no media type/"})
	require.ErrorContains(t, err, "blobsink: create")
}

func TestForeignKeysAreNotListed(t *testing.T) {
	t.Parallel()
	bucket := memory(t)
	for _, key := range []string{"a/b", "a/", "a/.hidden", "a//b", "a:b"} {
		require.NoError(t, bucket.WriteAll(t.Context(), key, nil, nil))
	}
	var keys []string
	for obj, err := range newSink(t, bucket, nil).List(t.Context(), "") {
		require.NoError(t, err)
		keys = append(keys, obj.Key)
	}
	require.Equal(t, []string{"a/b"}, keys)
}

func TestTemporaryFilesOfTheFolderAreNoObjects(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newSink(t, folder(t, dir, fileblob.Options{}), nil)
	w, err := s.Create(t.Context(), "a/b", nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, w.Abort()) }()
	for obj, err := range s.List(t.Context(), "") {
		require.Fail(t, "there is no object", "%v %v", obj, err)
	}
	_, err = s.Create(t.Context(), "a.0123456789abcdef.tmp", nil)
	require.ErrorIs(t, err, sink.ErrKey)
	elsewhere, err := newSink(t, memory(t), nil).Create(t.Context(), "a.0123456789abcdef.tmp", nil)
	require.NoError(t, err)
	require.NoError(t, elsewhere.Abort())
}

func TestAnObjectIsNoFolder(t *testing.T) {
	t.Parallel()
	s := newSink(t, folder(t, t.TempDir(), fileblob.Options{}), nil)
	w, err := s.Create(t.Context(), "a", nil)
	require.NoError(t, err)
	require.NoError(t, w.Commit())
	_, err = s.Create(t.Context(), "a/b", nil)
	require.ErrorIs(t, err, sink.ErrExists)
}
