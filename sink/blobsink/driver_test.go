package blobsink_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"

	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/sink/blobsink"
)

// scripted is a driver that does what a test says.
type scripted struct {
	driver.Bucket // of which nothing else is called

	options driver.WriterOptions // of the last writer
	write   func(p []byte) (int, error)
	close   func(ctx context.Context) error
	exists  bool
	lost    int64 // how many bytes of what is closed without an error are not there
	written int64
	closed  bool // without an error
	deleted []string
}

var errMissing = errors.New("nothing there")

func (d *scripted) As(any) bool             { return false }
func (d *scripted) ErrorAs(error, any) bool { return false }
func (d *scripted) Close() error            { return nil }

// coded is an error with a code of gocloud.
type coded struct {
	error
	code gcerrors.ErrorCode
}

func (e coded) Unwrap() error { return e.error }

func (d *scripted) ErrorCode(err error) gcerrors.ErrorCode {
	var c coded
	switch {
	case errors.As(err, &c):
		return c.code
	case errors.Is(err, errMissing):
		return gcerrors.NotFound
	}
	return gcerrors.Unknown
}

func (d *scripted) Attributes(context.Context, string) (*driver.Attributes, error) {
	switch {
	case d.exists:
		return &driver.Attributes{}, nil
	case d.closed && d.lost <= d.written:
		return &driver.Attributes{Size: d.written - d.lost}, nil
	}
	return nil, errMissing
}

func (d *scripted) Delete(ctx context.Context, key string, _ *driver.DeleteOptions) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	d.deleted = append(d.deleted, key)
	return nil
}

func (d *scripted) NewTypedWriter(ctx context.Context, _, _ string, opts *driver.WriterOptions) (driver.Writer, error) {
	d.options = *opts
	return scriptedWriter{d, ctx}, nil
}

type scriptedWriter struct {
	*scripted
	ctx context.Context
}

func (w scriptedWriter) Write(p []byte) (int, error) {
	if w.write != nil {
		return w.write(p)
	}
	w.written += int64(len(p))
	return len(p), nil
}

func (w scriptedWriter) Close() (err error) {
	if w.close != nil {
		err = w.close(w.ctx)
	} else {
		err = w.ctx.Err()
	}
	w.closed = err == nil
	return err
}

func scriptedSinkOf(t *testing.T, d driver.Bucket) *blobsink.Sink {
	bucket := blob.NewBucket(d)
	t.Cleanup(func() { require.NoError(t, bucket.Close()) })
	return newSink(t, bucket, nil)
}

func scriptedSink(t *testing.T, d *scripted, opts *blobsink.Options) *blobsink.Sink {
	bucket := blob.NewBucket(d)
	t.Cleanup(func() { require.NoError(t, bucket.Close()) })
	return newSink(t, bucket, opts)
}

// TestR23_PartSizes: no file of about the size of its hint comes near the limit of parts.
func TestR23_PartSizes(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for _, tt := range []struct {
		name string
		opts *blobsink.Options
		hint int64
		want int
	}{
		{"no hint", nil, 0, 8 * mib},
		{"negative", nil, -1, 8 * mib},
		{"small", nil, 1000, 8 * mib},
		{"40 GiB", nil, 40 << 30, 8 * mib},
		{"100 GiB", nil, 100 << 30, 18 * mib},
		{"5 TiB", nil, 5 << 40, 874 * mib},
		{"absurd", nil, 1 << 62, 1 << 30},
		{"own size", &blobsink.Options{PartSize: 16 * mib}, 1000, 16 * mib},
		{"own limit", &blobsink.Options{MaxParts: 10}, 100 * mib, 16 * mib},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := new(scripted)
			w, err := scriptedSink(t, d, tt.opts).Create(t.Context(), "a", &sink.CreateOptions{SizeHint: tt.hint})
			require.NoError(t, err)
			require.NoError(t, w.Abort())
			require.Equal(t, tt.want, d.options.BufferSize)
			require.Equal(t, 1, d.options.MaxConcurrency)
			require.True(t, d.options.IfNotExist)
		})
	}
}

// TestR23_TooManyParts: a file that outgrows its parts fails at the byte that
// is too much.
func TestR23_TooManyParts(t *testing.T) {
	t.Parallel()
	s := scriptedSink(t, new(scripted), &blobsink.Options{PartSize: 5 << 20, MaxParts: 2})
	w, err := s.Create(t.Context(), "a", nil)
	require.NoError(t, err)
	_, err = w.Write(make([]byte, 10<<20))
	require.NoError(t, err)
	_, err = w.Write([]byte{0})
	require.ErrorContains(t, err, "outgrows 2 parts of 5242880 bytes")
	require.ErrorContains(t, w.Commit(), "outgrows")
	require.NoError(t, w.Abort())
}

// TestR25_DriverPublishesInSpite: a driver that does not look at its context
// publishes what was aborted. It is removed, with a context that still works.
func TestR25_DriverPublishesInSpite(t *testing.T) {
	t.Parallel()
	d := &scripted{close: func(ctx context.Context) error {
		if ctx.Err() == nil {
			return errors.New("closed before its context was canceled")
		}
		return nil
	}}
	ctx, cancel := context.WithCancel(t.Context())
	w, err := scriptedSink(t, d, nil).Create(ctx, "a", nil)
	require.NoError(t, err)
	cancel()
	require.NoError(t, w.Abort())
	require.Equal(t, []string{"a"}, d.deleted)
}

// TestR25_ErrorThenCommit: after a failed Write, Commit publishes nothing, even
// if the driver would.
func TestR25_ErrorThenCommit(t *testing.T) {
	t.Parallel()
	closed := 0
	d := &scripted{
		write: func([]byte) (int, error) { return 0, syscall.ENOSPC },
		close: func(ctx context.Context) error { closed++; return ctx.Err() },
	}
	w, err := scriptedSink(t, d, nil).Create(t.Context(), "a", nil)
	require.NoError(t, err)
	_, err = w.Write([]byte("x"))
	require.ErrorIs(t, err, sink.ErrFull)
	d.write = nil
	_, err = w.Write([]byte("x"))
	require.ErrorIs(t, err, sink.ErrFull)
	require.ErrorIs(t, w.Commit(), sink.ErrFull)
	require.NoError(t, w.Abort())
	require.Equal(t, 1, closed, "a driver's writer is closed once")
}

// TestR26_CommitAsksTheStore: a driver that reports success is not believed.
func TestR26_CommitAsksTheStore(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		lost int64
		want string // in the error; empty for none
	}{
		{"all of it is there", 0, ""},
		{"less is there", 3, "the store has 7 of 10 bytes"},
		{"nothing is there", 11, "does not have it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, err := scriptedSink(t, &scripted{lost: tt.lost}, nil).Create(t.Context(), "a", nil)
			require.NoError(t, err)
			_, err = w.Write(make([]byte, 10))
			require.NoError(t, err)
			err = w.Commit()
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.want)
			require.NoError(t, w.Abort())
		})
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		cause error
		want  error
	}{
		{"denied", coded{errors.New("403"), gcerrors.PermissionDenied}, sink.ErrDenied},
		{"permission", fs.ErrPermission, sink.ErrDenied},
		{"full", syscall.ENOSPC, sink.ErrFull},
		{"quota", syscall.EDQUOT, sink.ErrFull},
		{"precondition", coded{errors.New("412"), gcerrors.FailedPrecondition}, sink.ErrExists},
		{"exists", coded{errors.New("409"), gcerrors.AlreadyExists}, sink.ErrExists},
		{"slow down", coded{errors.New("503"), gcerrors.ResourceExhausted}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := &scripted{close: func(context.Context) error { return tt.cause }}
			w, err := scriptedSink(t, d, nil).Create(t.Context(), "a", nil)
			require.NoError(t, err)
			err = w.Commit()
			require.ErrorContains(t, err, "blobsink: commit \"a\"")
			require.ErrorIs(t, err, tt.cause)
			for _, sentinel := range []error{sink.ErrNotFound, sink.ErrExists, sink.ErrKey, sink.ErrDenied, sink.ErrFull} {
				require.Equal(t, errors.Is(tt.want, sentinel), errors.Is(err, sentinel), "%v", sentinel)
			}
			require.NoError(t, w.Abort())
		})
	}
}

func TestErrorsHoldNoSignature(t *testing.T) {
	t.Parallel()
	cause := &url.Error{Op: "Put", URL: "https://store.example/c/a?sig=SECRET&se=2026", Err: syscall.ECONNRESET}
	for _, cause := range []error{cause, fmt.Errorf("twice %s: %w", cause.URL, cause)} {
		d := &scripted{close: func(context.Context) error { return cause }}
		w, err := scriptedSink(t, d, nil).Create(t.Context(), "a", nil)
		require.NoError(t, err)
		err = w.Commit()
		require.ErrorIs(t, err, syscall.ECONNRESET)
		require.ErrorContains(t, err, "https://store.example/c/a\"")
		require.False(t, strings.Contains(err.Error(), "SECRET"), err.Error())
	}
}

func TestUnconditional(t *testing.T) {
	t.Parallel()
	d := new(scripted)
	s := scriptedSink(t, d, &blobsink.Options{Unconditional: true})
	w, err := s.Create(t.Context(), "a", nil)
	require.NoError(t, err)
	require.False(t, d.options.IfNotExist)
	require.NoError(t, w.Commit())
	d.exists = true
	w, err = s.Create(t.Context(), "a", nil)
	require.NoError(t, err)
	require.ErrorIs(t, w.Commit(), sink.ErrExists)
	require.Empty(t, d.deleted)
}
