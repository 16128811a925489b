package zipfile_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/xlsxfmt/internal/zipfile"
)

func deflated(t *testing.T, text string) []byte {
	t.Helper()
	p, err := format.NewPacker(format.Gzip, 1)
	require.NoError(t, err)
	out, err := p.AppendBlock(nil, []byte(text))
	require.NoError(t, err)
	return out
}

const end = "\x03\x00"

func TestArchiveReadsBack(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	z := zipfile.NewWriter(&file)
	require.NoError(t, z.Entry("known", append(deflated(t, "before"), end...), format.SumOf([]byte("before"))))
	require.NoError(t, z.Begin("streamed"))
	for _, part := range []string{"one, ", "two"} {
		require.NoError(t, z.Add(deflated(t, part), format.SumOf([]byte(part))))
	}
	require.NoError(t, z.Add([]byte(end), format.Sum{}))
	require.NoError(t, z.End())
	require.NoError(t, z.Close())

	r, err := zip.NewReader(bytes.NewReader(file.Bytes()), int64(file.Len()))
	require.NoError(t, err)
	require.Len(t, r.File, 2)
	for i, want := range []string{"before", "one, two"} {
		f, err := r.File[i].Open()
		require.NoError(t, err)
		got, err := io.ReadAll(f) // checks sum and descriptor
		require.NoError(t, err)
		require.Equal(t, want, string(got))
		require.Equal(t, time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC), r.File[i].Modified)
	}
}

// sparse is a file of zeros with some bytes in it, which nobody has to hold.
type sparse struct {
	size  int64
	parts map[int64][]byte
}

func (s *sparse) Write(p []byte) (int, error) {
	if len(p) < 1<<20 { // what is longer is filling
		s.parts[s.size] = bytes.Clone(p)
	}
	s.size += int64(len(p))
	return len(p), nil
}

func (s *sparse) ReadAt(p []byte, at int64) (int, error) {
	clear(p)
	n := int(min(int64(len(p)), s.size-at))
	for from, part := range s.parts {
		if lo, hi := max(from, at), min(from+int64(len(part)), at+int64(n)); lo < hi {
			copy(p[lo-at:hi-at], part[lo-from:])
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// An archive beyond 4 GiB, of entries below, says so as ZIP64 does.
func TestR23_ZIP64(t *testing.T) {
	t.Parallel()
	file := &sparse{parts: make(map[int64][]byte)}
	z := zipfile.NewWriter(file)
	filling := make([]byte, 64<<20)
	for i := range 3 {
		require.NoError(t, z.Begin(fmt.Sprint("filling", i)))
		for range 35 {
			require.NoError(t, z.Add(filling, format.Sum{}))
		}
		require.NoError(t, z.End())
	}
	require.NoError(t, z.Entry("last", append(deflated(t, "at the end"), end...), format.SumOf([]byte("at the end"))))
	require.NoError(t, z.Close())
	require.Greater(t, file.size, int64(6<<30))

	r, err := zip.NewReader(file, file.size)
	require.NoError(t, err)
	require.Len(t, r.File, 4)
	require.Equal(t, uint64(35*len(filling)), r.File[2].CompressedSize64)
	offset, err := r.File[3].DataOffset()
	require.NoError(t, err)
	require.Greater(t, offset, int64(6<<30))
	f, err := r.Open("last")
	require.NoError(t, err)
	got, err := io.ReadAll(f)
	require.NoError(t, err)
	require.Equal(t, "at the end", string(got))
}

func TestManyEntries(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	z := zipfile.NewWriter(&file)
	for i := range 1<<16 + 1 {
		require.NoError(t, z.Entry(fmt.Sprint(i), []byte(end), format.Sum{}))
	}
	require.NoError(t, z.Close())
	r, err := zip.NewReader(bytes.NewReader(file.Bytes()), int64(file.Len()))
	require.NoError(t, err)
	require.Len(t, r.File, 1<<16+1)
}

type failing struct{ after int }

var errFull = errors.New("full")

func (f *failing) Write(p []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestErrorsOfTheWriter(t *testing.T) {
	t.Parallel()
	for after := range 7 {
		z := zipfile.NewWriter(&failing{after})
		err := errors.Join(z.Entry("a", []byte(end), format.Sum{}), z.Begin("b"), z.Add([]byte(end), format.Sum{}), z.End(), z.Close())
		require.ErrorIs(t, err, errFull, "after %d writes", after)
	}
}
