package operator_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/operator"
)

// A plain store can only be asked for a job.
type plain struct {
	queue.JobStore
	err error
}

func (p plain) Get(context.Context, string, string) (queue.Job, error) { return queue.Job{}, p.err }

// A checking store knows its tables.
type checking struct {
	plain
	err error
}

func (c checking) Check(context.Context) error { return c.err }

func TestCheck(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	for _, tt := range []struct {
		name  string
		store queue.JobStore
		want  error
	}{
		{"answers that there is none", plain{err: queue.ErrNotFound}, nil},
		{"has such a job", plain{}, nil},
		{"does not answer", plain{err: down}, down},
		{"fits", checking{plain: plain{err: down}}, nil},
		{"does not fit", checking{err: operator.ErrUnfit}, operator.ErrUnfit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, operator.Check(t.Context(), tt.store))
		})
	}
}
