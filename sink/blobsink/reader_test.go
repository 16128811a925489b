package blobsink_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/driver"
)

var errCut = errors.New("the connection is cut")

// A flaky driver has one object, of which each answer holds so many bytes and then
// an error.
type flaky struct {
	scripted
	gives   int
	changed bool // after the first answer
	foreign int  // how many answers come first that are not the store's
	asked   []int64
}

const flakyContent = "0123456789"

func (d *flaky) NewRangeReader(_ context.Context, _ string, offset, length int64, _ *driver.ReaderOptions) (driver.Reader, error) {
	d.asked = append(d.asked, offset)
	r := flakyReader{size: int64(len(flakyContent)), modTime: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)}
	if len(d.asked) <= d.foreign {
		r.modTime = time.Time{}
	}
	if d.changed && len(d.asked) > 1 {
		r.size++
	}
	rest := flakyContent[offset:]
	if length >= 0 {
		rest = rest[:min(length, int64(len(rest)))]
	}
	if len(rest) <= d.gives {
		r.Reader = strings.NewReader(rest)
	} else {
		r.Reader = io.MultiReader(strings.NewReader(rest[:d.gives]), iotest.ErrReader(errCut))
	}
	return r, nil
}

type flakyReader struct {
	io.Reader
	size    int64
	modTime time.Time
}

func (flakyReader) Close() error { return nil }
func (flakyReader) As(any) bool  { return false }
func (r flakyReader) Attributes() *driver.ReaderAttributes {
	return &driver.ReaderAttributes{Size: r.size, ModTime: r.modTime}
}

// TestR26_ReaderGoesOn: a reader whose connection breaks goes on at the next byte,
// in the same object and as long as there is progress.
func TestR26_ReaderGoesOn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name           string
		driver         *flaky
		offset, length int64
		want           string
		asked          []int64
		err            string // empty for none
	}{
		{"nothing breaks", &flaky{gives: 10}, 0, -1, flakyContent, []int64{0}, ""},
		{"it breaks again and again", &flaky{gives: 3}, 0, -1, flakyContent, []int64{0, 3, 6, 9}, ""},
		{"a range", &flaky{gives: 3}, 2, 5, "23456", []int64{2, 5}, ""},
		{"a range that ends behind the object", &flaky{gives: 3}, 5, 100, "56789", []int64{5, 8}, ""},
		{"there is no progress", &flaky{gives: 0}, 0, -1, "", []int64{0, 0, 0, 0}, errCut.Error()},
		{"the object changes", &flaky{gives: 3, changed: true}, 0, -1, "012", []int64{0, 3}, "the object has changed meanwhile"},
		{"a foreign answer", &flaky{gives: 10, foreign: 1}, 0, -1, flakyContent, []int64{0, 0}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := scriptedSinkOf(t, tt.driver).Open(t.Context(), "a", tt.offset, tt.length)
			require.NoError(t, err)
			defer func() { require.NoError(t, r.Close()) }()
			got, err := io.ReadAll(r)
			require.Equal(t, tt.want, string(got))
			require.Equal(t, tt.asked, tt.driver.asked)
			if tt.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, "blobsink: read \"a\"")
			require.ErrorContains(t, err, tt.err)
		})
	}
}

// TestR26_ForeignAnswers: an error page that looks like success is no object.
func TestR26_ForeignAnswers(t *testing.T) {
	t.Parallel()
	_, err := scriptedSinkOf(t, &flaky{foreign: 100}).Open(t.Context(), "a", 0, -1)
	require.ErrorContains(t, err, "blobsink: open \"a\": the answer describes no object")
}
