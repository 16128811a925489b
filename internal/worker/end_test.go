package worker_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/worker"
	"github.com/exportyard/exportyard/queue"
)

type mark struct{}

// Every part that began is ended with the reason, in the context that Begin made.
func TestEveryPartThatBeganIsEnded(t *testing.T) {
	t.Parallel()
	outage := func(call string) func(*line) {
		return func(l *line) {
			l.between = func(ctx context.Context, called string, do func() error) error {
				if called == call {
					<-ctx.Done()
					return ctx.Err()
				}
				return do()
			}
		}
	}
	tests := []struct {
		name string
		do   script
		line func(*line)
		act  func(s *site)
		want string
	}{
		{name: "sealed", do: after(time.Second), want: "seal, <nil>"},
		{
			name: "job canceled", do: forever, want: "the job has ended",
			act: func(s *site) { s.cancel("job") },
		},
		{name: "not renewed", do: forever, line: outage("renew"), want: "the lease could not be renewed in time"},
		{name: "not reported", do: after(time.Second), line: outage("finish"), want: "the lease could not be renewed in time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.job("job", 1)
				var ends diary
				_, stop := s.start(func(ctx context.Context, h *worker.Held) queue.Finish {
					require.Equal(t, h.Part.Fence, ctx.Value(mark{}), "the work is done in another context")
					return tt.do(ctx, h)
				}, func(c *worker.Config) {
					if tt.line != nil {
						l := &line{JobStore: c.Store}
						tt.line(l)
						c.Store = l
					}
					c.Begin = func(ctx context.Context, h *worker.Held) context.Context {
						return context.WithValue(ctx, mark{}, h.Part.Fence)
					}
					c.End = func(ctx context.Context, h *worker.Held, f queue.Finish, err error) {
						switch {
						case h.Part.Kind != queue.RowsPart || h.Part.Fence != 1:
						case ctx.Value(mark{}) != h.Part.Fence:
							ends.note(0, "in another context")
						case err != nil:
							ends.note(0, "%v", err)
						default:
							ends.note(0, "%s, %v", f.Outcome, err)
						}
					}
				})
				s.until(time.Second)
				if tt.act != nil {
					tt.act(s)
				}
				s.until(2 * time.Minute)
				stop()
				require.Equal(t, []string{"0s " + tt.want}, ends.read())
			})
		})
	}
}
