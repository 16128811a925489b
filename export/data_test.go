package export_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/source"
)

// A row that breaks a rule fails the part with a reason that names dataset and
// column and holds no data, and nothing is visible in the sink.
func TestBadRows(t *testing.T) {
	t.Parallel()
	const marker = "canary-71c4"
	at := time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC).UnixMicro()
	// The batch: run_id, org_id, prompt, cost, created.
	row := func(b *source.Batch, org, prompt string, created int64) {
		b.Col(0).AppendInt64(1)
		must(b.Col(1).AppendString(org))
		must(b.Col(2).AppendString(prompt))
		b.Col(3).AppendDecimal(source.Int128From(1))
		b.Col(4).AppendInt64(created)
		b.EndRow()
	}
	tests := []struct {
		name, column string
		code         export.Code
		read         func(b *source.Batch) error
	}{
		{"another tenant's row", "org_id", export.CodeBadData, func(b *source.Batch) error { row(b, "globex", marker, at); return nil }},
		{"a row without a tenant", "org_id", export.CodeBadData, func(b *source.Batch) error {
			b.Col(0).AppendInt64(1)
			b.Col(1).AppendNull()
			must(b.Col(2).AppendString(marker))
			b.Col(3).AppendNull()
			b.Col(4).AppendInt64(at)
			b.EndRow()
			return nil
		}},
		{"outside of the part's time", "created", export.CodeBadData, func(b *source.Batch) error {
			row(b, "acme", marker, at+int64(24*time.Hour/time.Microsecond))
			return nil
		}},
		{"just before the part's time", "created", export.CodeBadData, func(b *source.Batch) error { row(b, "acme", marker, at-1); return nil }},
		{"not UTF-8", "prompt", export.CodeBadData, func(b *source.Batch) error { row(b, "acme", marker+"\xff", at); return nil }},
		{"half a character", "prompt", export.CodeBadData, func(b *source.Batch) error {
			row(b, "acme", marker+"\xc3", at)
			row(b, "acme", "\xa4", at)
			return nil
		}},
		{"fewer columns", "org_id", export.CodeBadData, func(b *source.Batch) error {
			b.Col(0).AppendInt64(1)
			b.EndRow()
			return nil
		}},
		{"a decimal that is too wide", "cost", export.CodeBadData, func(b *source.Batch) error {
			row(b, "acme", marker, at)
			b.Reset()
			b.Col(0).AppendInt64(1)
			must(b.Col(1).AppendString("acme"))
			must(b.Col(2).AppendString(marker))
			b.Col(3).AppendDecimal(source.Int128{Hi: 1})
			b.Col(4).AppendInt64(at)
			b.EndRow()
			return nil
		}},
		{"an error in the middle", "", export.CodeSourceError, func(b *source.Batch) error { row(b, "acme", marker, at); return errBoom }},
		{"an end of file that is an error", "", export.CodeSourceError, func(*source.Batch) error {
			return fmt.Errorf("reading the connection: %w", io.EOF)
		}},
		{"a panic", "", export.CodeInternal, func(*source.Batch) error { panic("in the driver") }},
		{"an empty batch", "", export.CodeSourceError, func(*source.Batch) error { return nil }},
		{"a timeout", "", export.CodeSourceTimeout, func(*source.Batch) error { return context.DeadlineExceeded }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, func(c *export.Config) {
				c.PartRows, c.MaxAttempts = 1000, 2
				c.Source = &wrapped{Source: c.Source, open: func(context.Context, source.Query) (source.Reader, error) {
					return &script{read: tt.read}, nil
				}}
			})
			h.start()
			j := h.export(export.Request{
				Tenant: "acme", Datasets: runsOnly("run_id", "org_id", "prompt", "cost", "created"), Format: "csv", Interval: export.Day,
				From: time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 10, 6, 0, 0, 0, 0, time.UTC),
			})
			require.Equal(t, export.Failed, j.State)
			require.Equal(t, tt.code, j.Error.Code, "%v", j.Error)
			require.NotEmpty(t, j.Error.Hint+j.Error.Message)
			if tt.column != "" {
				require.Contains(t, j.Error.Message, `dataset "runs", column "`+tt.column+`"`)
			}
			require.NotContains(t, j.Error.Error(), marker)
			require.Empty(t, h.sink.Keys())
			require.Zero(t, h.sink.Unfinished())
			require.Equal(t, []string{"failed"}, h.outbox("acme"))
		})
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// D1: a driver that stops early without an error fails the job.
func TestD1_SourceThatStopsEarly(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *export.Config) {
		inner := c.Source
		c.MaxAttempts = 3
		c.Source = &wrapped{Source: inner, open: func(ctx context.Context, q source.Query) (source.Reader, error) {
			r, err := inner.Open(ctx, q)
			if err != nil {
				return nil, err
			}
			want, err := source.Count(ctx, inner, q)
			read := false
			return &script{
				count: func() (int64, bool) { return want, err == nil },
				read: func(b *source.Batch) error {
					if read {
						return io.EOF
					}
					read = true
					err := r.Read(ctx, b)
					if err == nil {
						err = dropLast(b)
					}
					return err
				},
			}, nil
		}}
	})
	h.start()
	j := h.export(export.Request{Tenant: "acme", All: true, Format: "csv"})
	require.Equal(t, export.Failed, j.State)
	require.Equal(t, export.CodeVerificationFailed, j.Error.Code)
	require.Contains(t, j.Error.Message, "counted 40 rows, gave 39")
	require.Empty(t, h.sink.Keys())
}

// dropLast removes the last row of a batch of runs.
func dropLast(b *source.Batch) error {
	n := b.Len() - 1
	short := source.NewBatch(b.Schema(), 0, 0)
	for row := range n {
		for col := range b.Schema() {
			if err := source.ParseText(short.Col(col), string(source.AppendText(nil, b.Col(col), row))); err != nil {
				return err
			}
		}
		short.EndRow()
	}
	*b = *short
	return nil
}

// A source whose parts miss rows that its own count has fails the job; one
// that merely changed meanwhile is recorded as such.
func TestD1_PartsAddUpToTheWhole(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		counts  []int64 // of the whole, at plan and at seal
		state   export.State
		warning string
	}{
		{"stable and short", []int64{301, 301}, export.Failed, ""},
		{"changed", []int64{301, 299}, export.Completed, "changed while it was read: 301 rows when it was planned, 300 read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, func(c *export.Config) { c.Source = &miscounting{wrapped: wrapped{Source: c.Source}, counts: tt.counts} })
			h.start()
			j := h.export(export.Request{Tenant: "acme", All: true, Format: "csv"})
			require.Equal(t, tt.state, j.State, "%v", j.Error)
			if tt.state == export.Failed {
				require.Equal(t, export.CodeVerificationFailed, j.Error.Code)
				require.Contains(t, j.Error.Message, "has 301 rows and the parts read 300")
				return
			}
			m, err := h.Manifest(context.Background(), "acme", j.ID)
			require.NoError(t, err)
			require.Contains(t, strings.Join(m.Warnings, "\n"), tt.warning)
		})
	}
}

type miscounting struct {
	wrapped
	counts []int64
	asked  int
}

func (m *miscounting) Count(context.Context, source.Query) (int64, error) {
	n := m.counts[min(m.asked, len(m.counts)-1)]
	m.asked++
	return n, nil
}

// R10: an error that passes is retried, at most MaxAttempts times, and costs
// nothing that was sealed.
func TestR10_RetriesAreBounded(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fails int
		state export.State
	}{{"passes at the last attempt", 3, export.Completed}, {"stays", 100, export.Failed}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			opened := 0
			h := newHouse(t, func(c *export.Config) {
				inner := c.Source
				c.MaxAttempts, c.PartRows, c.Parts = 4, 1000, 1
				c.Source = &wrapped{Source: inner, open: func(ctx context.Context, q source.Query) (source.Reader, error) {
					opened++
					if opened <= tt.fails {
						return nil, errors.New("connection reset")
					}
					return inner.Open(ctx, q)
				}}
			})
			h.start()
			j := h.export(export.Request{Tenant: "acme", All: true, Format: "csv"})
			require.Equal(t, tt.state, j.State)
			require.Equal(t, 4, opened)
			if tt.state == export.Failed {
				require.Equal(t, "rows", j.Error.Stage)
				require.True(t, j.Error.Retryable)
			}
		})
	}
}
