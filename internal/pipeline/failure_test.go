package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/format/xlsxfmt"
	"github.com/exportyard/exportyard/internal/pipeline"
	"github.com/exportyard/exportyard/source"
)

var errBroken = errors.New("it is broken")

// longText makes a batch of few rows.
var longText = strings.Repeat("x", 30_000)

// endless has less than 40 rows in a batch, one in eleven being null.
func endless() *reader { return &reader{rows: 1 << 30, text: longText} }

func someBatches() *reader { return &reader{rows: 100, text: longText} }

// An attempt runs a pipeline in a bubble, where a deadlock, or a goroutine that is
// left behind, fails the test at once.
type attempt struct {
	spec pipeline.Spec
	r    *reader
	w    *writer
}

func (a *attempt) run(ctx context.Context, t *testing.T) error {
	t.Helper()
	_, err := pipeline.Run(ctx, a.r, a.w, a.spec)
	require.False(t, a.r.reading.Load(), "it has returned while it reads")
	a.r.closed.Store(true)
	synctest.Wait()
	require.False(t, a.r.late.Load(), "it reads after it has returned")
	return err
}

// each runs a test for every way that files are made.
func each(t *testing.T, name string, check func(t *testing.T, a *attempt)) {
	t.Helper()
	for kind, f := range map[string]format.Formatter{"blocks": csvfmt.Format{}, "archive": xlsxfmt.Format{}, "plain": ids{}} {
		t.Run(name+" "+kind, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				check(t, &attempt{spec: specOf(t, f), r: endless(), w: &writer{}})
			})
		})
	}
}

// onCall returns f's error at call n, and nil at all others.
func onCall(n int, f func() error) func() error {
	calls := 0
	return func() error {
		if calls++; calls == n {
			return f()
		}
		return nil
	}
}

func panics() error { panic("out of luck") }

func requirePanic(t *testing.T, err error) {
	t.Helper()
	var panicked *pipeline.PanicError
	require.ErrorAs(t, err, &panicked)
	require.Equal(t, "out of luck", panicked.Value)
	require.EqualError(t, err, "panic of type string")
	require.Contains(t, string(panicked.Stack), "failure_test.go", "the stack does not say where")
}

func TestR25_ErrorsOfTheReader(t *testing.T) {
	t.Parallel()
	data := &source.DataError{Dataset: "runs", Column: "prompt", Rule: "not valid UTF-8"}
	for _, tt := range []struct {
		name string
		fail func(b *source.Batch) error
		want string
		is   error
	}{
		{"an error", func(*source.Batch) error { return errBroken }, "it is broken", errBroken},
		{"bad data", func(*source.Batch) error { return fmt.Errorf("source: %w", data) }, "source: " + data.Error(), data},
		{"a connection that broke", func(*source.Batch) error { return fmt.Errorf("read tcp: %w", io.EOF) }, "read tcp: EOF", io.EOF},
		{"rows with the end", func(b *source.Batch) error {
			_ = appendRow(b, 0, "")
			return io.EOF
		}, "the source returned rows together with the end", nil},
		{"an error with rows", func(b *source.Batch) error {
			_ = appendRow(b, 0, "")
			return errBroken
		}, "it is broken", errBroken},
	} {
		for _, at := range []int{1, 2, 7} {
			each(t, fmt.Sprintf("%s at read %d", tt.name, at), func(t *testing.T, a *attempt) {
				a.r.before = func(_ context.Context, b *source.Batch, n int) error {
					if n == at {
						return tt.fail(b)
					}
					return nil
				}
				err := a.run(t.Context(), t)
				var reading *pipeline.ReadError
				require.ErrorAs(t, err, &reading)
				require.EqualError(t, err, tt.want)
				if tt.is != nil {
					require.ErrorIs(t, err, tt.is)
				}
				require.Equal(t, at, a.r.reads, "it read on after an error")
				require.NotContains(t, a.w.String(), "end\n", "a file that is not whole was ended")
			})
		}
	}
	each(t, "an empty batch", func(t *testing.T, a *attempt) {
		a.r.rows = 0
		_, err := pipeline.Run(t.Context(), emptyReader{}, a.w, a.spec)
		var reading *pipeline.ReadError
		require.ErrorAs(t, err, &reading)
		require.EqualError(t, err, "the source returned an empty batch before the end")
	})
}

// An emptyReader returns nothing, and that there is more.
type emptyReader struct{}

func (emptyReader) Read(context.Context, *source.Batch) error { return nil }
func (emptyReader) Close() error                              { return nil }

func TestR25_PanicsAreErrors(t *testing.T) {
	t.Parallel()
	for _, at := range []int{1, 2, 7} {
		each(t, fmt.Sprintf("of the reader at read %d", at), func(t *testing.T, a *attempt) {
			a.r.before = func(_ context.Context, _ *source.Batch, n int) error {
				if n == at {
					return panics()
				}
				return nil
			}
			requirePanic(t, a.run(t.Context(), t))
		})
		each(t, fmt.Sprintf("of the writer at write %d", at), func(t *testing.T, a *attempt) {
			a.w.before = func(n int) error {
				if n == at {
					return panics()
				}
				return nil
			}
			requirePanic(t, a.run(t.Context(), t))
			require.Equal(t, at, a.w.writes)
		})
		each(t, fmt.Sprintf("of the check of batch %d", at), func(t *testing.T, a *attempt) {
			a.spec.Workers = 1
			check := onCall(at, panics)
			a.spec.Check = func(*source.Batch) error { return check() }
			requirePanic(t, a.run(t.Context(), t))
		})
	}
	for name, f := range map[string]format.Formatter{
		"blocks":       faulty{BlockFormatter: csvfmt.Format{}, blocks: panics},
		"header":       faulty{BlockFormatter: csvfmt.Format{}, header: panics},
		"rows":         faulty{BlockFormatter: csvfmt.Format{}, rows: panics},
		"separator":    faulty{BlockFormatter: csvfmt.Format{}, separator: panics},
		"footer":       faulty{BlockFormatter: csvfmt.Format{}, footer: panics},
		"plain start":  ids{newWriter: panics},
		"plain rows":   ids{write: onCall(2, panics)},
		"plain ending": ids{close: panics},
	} {
		t.Run("of the format: "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := &attempt{spec: specOf(t, f), r: someBatches(), w: &writer{}}
				requirePanic(t, a.run(t.Context(), t))
			})
		})
	}
}

func TestR25_ErrorsOfTheFormat(t *testing.T) {
	t.Parallel()
	broken := func() error { return errBroken }
	for name, f := range map[string]format.Formatter{
		"blocks":       faulty{BlockFormatter: csvfmt.Format{}, blocks: broken},
		"rows":         faulty{BlockFormatter: csvfmt.Format{}, rows: broken},
		"plain start":  ids{newWriter: broken},
		"plain rows":   ids{write: broken},
		"plain later":  ids{write: onCall(3, broken)},
		"plain ending": ids{close: broken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := &attempt{spec: specOf(t, f), r: someBatches(), w: &writer{}}
				err := a.run(t.Context(), t)
				require.Equal(t, errBroken, err, "the format's error is nobody else's")
			})
		})
	}
}

func TestR25_ErrorsOfTheCompression(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		codec format.Compression
		level int
		want  string
	}{
		{"unknown", "lz4", 0, `format: unknown compression "lz4": want none, gzip or zstd`},
		{"a level that there is not", format.Gzip, 10, `format: compression "gzip" has no level 10: want 0 (default) to 9`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := &attempt{spec: specOf(t, csvfmt.Format{}), r: someBatches(), w: &writer{}}
				a.spec.Compression, a.spec.Level = tt.codec, tt.level
				require.EqualError(t, a.run(t.Context(), t), tt.want)
				require.Zero(t, a.r.reads)
				require.Zero(t, a.w.writes)
			})
		})
	}
}

func TestD5_RowThatIsRefusedStopsThePart(t *testing.T) {
	t.Parallel()
	each(t, "the third batch", func(t *testing.T, a *attempt) {
		refused := &source.DataError{Dataset: "runs", Column: "org", Rule: "a row of another tenant"}
		a.spec.Workers, a.spec.Progress = 1, new(pipeline.Progress)
		check := onCall(3, func() error { return refused })
		a.spec.Check = func(*source.Batch) error { return check() }
		require.Equal(t, error(refused), a.run(t.Context(), t))
		require.LessOrEqual(t, a.spec.Progress.Rows.Load(), int64(2*40), "its rows were written")
	})
}

func TestR25_ErrorsOfTheWriter(t *testing.T) {
	t.Parallel()
	for _, c := range []format.Compression{format.None, format.Gzip} {
		for k := 1; ; k++ {
			// Every write of a whole file gets its turn.
			out := &writer{before: func(n int) error {
				if n == k {
					return errBroken
				}
				return nil
			}}
			spec := specOf(t, csvfmt.Format{})
			spec.Compression = c
			_, err := pipeline.Run(t.Context(), someBatches(), out, spec)
			require.LessOrEqual(t, out.writes, k, "it wrote on after an error")
			if out.writes < k {
				require.NoError(t, err)
				require.Greater(t, k, 3, "a header and batches")
				break
			}
			var writing *pipeline.WriteError
			require.ErrorAs(t, err, &writing)
			require.ErrorIs(t, err, errBroken)
			require.EqualError(t, err, "it is broken")
		}
	}
	for _, at := range []int{1, 2, 9} {
		each(t, fmt.Sprintf("of an endless file at write %d", at), func(t *testing.T, a *attempt) {
			a.w.before = func(n int) error {
				if n == at {
					return errBroken
				}
				return nil
			}
			err := a.run(t.Context(), t)
			var writing *pipeline.WriteError
			require.ErrorAs(t, err, &writing)
			require.ErrorIs(t, err, errBroken)
			require.Equal(t, at, a.w.writes, "it wrote on after an error")
		})
	}
	t.Run("a write that is too short", func(t *testing.T) {
		t.Parallel()
		_, err := pipeline.Run(t.Context(), &reader{rows: 5}, shortWriter{}, specOf(t, csvfmt.Format{}))
		var writing *pipeline.WriteError
		require.ErrorAs(t, err, &writing)
		require.ErrorIs(t, err, io.ErrShortWrite)
	})
}

// A shortWriter takes all but one byte, and says nothing.
type shortWriter struct{}

func (shortWriter) Write(p []byte) (int, error) { return len(p) - 1, nil }

var errStop = errors.New("the lease was lost")

// R12: whoever has to stop writes nothing more, and says why it stopped.
func TestR12_CancellationEndsEverything(t *testing.T) {
	t.Parallel()
	for _, at := range []int{1, 2, 5} {
		each(t, fmt.Sprintf("during write %d", at), func(t *testing.T, a *attempt) {
			ctx, cancel := context.WithCancelCause(t.Context())
			a.w.before = func(n int) error {
				if n == at {
					cancel(errStop)
				}
				return nil
			}
			require.ErrorIs(t, a.run(ctx, t), errStop)
			require.Equal(t, at, a.w.writes, "it wrote on after it was canceled")
		})
		each(t, fmt.Sprintf("by a writer that is canceled at write %d", at), func(t *testing.T, a *attempt) {
			ctx, cancel := context.WithCancelCause(t.Context())
			a.w.before = func(n int) error {
				if n < at {
					return nil
				}
				cancel(errStop)
				return ctx.Err()
			}
			err := a.run(ctx, t)
			require.ErrorIs(t, err, errStop)
			var writing *pipeline.WriteError
			require.NotErrorAs(t, err, &writing, "a cancellation is no fault of the destination")
		})
		each(t, fmt.Sprintf("during read %d of a reader that listens", at), func(t *testing.T, a *attempt) {
			ctx, cancel := context.WithCancelCause(t.Context())
			a.r.before = func(ctx context.Context, _ *source.Batch, n int) error {
				if n == at {
					cancel(errStop)
					return fmt.Errorf("query: %w", ctx.Err())
				}
				return nil
			}
			err := a.run(ctx, t)
			require.ErrorIs(t, err, errStop)
			var reading *pipeline.ReadError
			require.NotErrorAs(t, err, &reading, "a cancellation is no fault of the source")
		})
		each(t, fmt.Sprintf("during read %d of a reader that does not", at), func(t *testing.T, a *attempt) {
			ctx, cancel := context.WithCancelCause(t.Context())
			a.r.before = func(_ context.Context, _ *source.Batch, n int) error {
				if n == at {
					cancel(errStop)
				}
				return nil
			}
			require.ErrorIs(t, a.run(ctx, t), errStop)
			require.Equal(t, at, a.r.reads)
		})
	}
	each(t, "while a reader waits", func(t *testing.T, a *attempt) {
		ctx, cancel := context.WithCancelCause(t.Context())
		a.r.before = func(ctx context.Context, _ *source.Batch, n int) error {
			if n == 3 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		time.AfterFunc(time.Hour, func() { cancel(errStop) })
		require.ErrorIs(t, a.run(ctx, t), errStop)
	})
	each(t, "while a writer waits", func(t *testing.T, a *attempt) {
		ctx, cancel := context.WithCancelCause(t.Context())
		a.w.before = func(n int) error {
			if n == 3 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		time.AfterFunc(time.Hour, func() { cancel(errStop) })
		require.ErrorIs(t, a.run(ctx, t), errStop)
		require.Equal(t, 3, a.w.writes)
	})
	each(t, "before it began", func(t *testing.T, a *attempt) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errStop)
		require.ErrorIs(t, a.run(ctx, t), errStop)
		require.Zero(t, a.w.writes)
		require.Zero(t, a.r.reads)
	})
	each(t, "without a cause", func(t *testing.T, a *attempt) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, a.run(ctx, t), context.Canceled)
	})
}

// A slow destination does not let rows pile up in memory: no more batches are read
// than there is room for.
func TestD3_ReaderWaitsForTheWriter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &attempt{spec: specOf(t, csvfmt.Format{}), r: endless(), w: &writer{}}
		a.spec.Workers = 4
		ctx, cancel := context.WithCancelCause(t.Context())
		a.w.before = func(n int) error {
			if n == 2 {
				<-time.After(time.Hour)
				synctest.Wait()
				require.LessOrEqual(t, a.r.reads, a.spec.Workers+2)
				cancel(errStop)
			}
			return nil
		}
		require.ErrorIs(t, a.run(ctx, t), errStop)
	})
}

// A fault of one side ends the other, also when that one waits for something, and
// is not told before the other has come to its end.
func TestR25_FaultOfTheWriterEndsAReaderThatWaits(t *testing.T) {
	t.Parallel()
	for fault, fail := range map[string]func() error{"error": func() error { return errBroken }, "panic": panics} {
		for name, wait := range map[string]func(context.Context){
			"listens":  func(ctx context.Context) { <-ctx.Done() },
			"does not": func(context.Context) { <-time.After(time.Hour) },
		} {
			t.Run(fault+", and the reader "+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					a := &attempt{spec: specOf(t, csvfmt.Format{}), r: endless(), w: &writer{}}
					a.r.before = func(ctx context.Context, _ *source.Batch, n int) error {
						if n == 3 {
							wait(ctx)
							return ctx.Err()
						}
						return nil
					}
					a.w.before = func(n int) error {
						if n == 2 {
							synctest.Wait() // until the reader waits
							return fail()
						}
						return nil
					}
					err := a.run(t.Context(), t)
					if fault == "panic" {
						requirePanic(t, err)
						return
					}
					var writing *pipeline.WriteError
					require.ErrorAs(t, err, &writing)
					require.ErrorIs(t, err, errBroken)
				})
			})
		}
	}
}
