package sqlstore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue/operator"
	"github.com/exportyard/exportyard/queue/sqlstore"
)

// everyOperation calls what is for operators, in each way that makes another statement.
func everyOperation(t *testing.T, s *sqlstore.Store) {
	t.Helper()
	for _, only := range []operator.Trouble{"", operator.Late, operator.Idle, operator.Suspect} {
		q := operator.Query{Only: only, Span: -time.Hour, Limit: 1}
		_, _, err := s.ActiveJobs(t.Context(), q)
		require.NoError(t, err)
	}
	require.NoError(t, s.Check(t.Context()))
	_, err := s.Gauges(t.Context(), 10)
	require.NoError(t, err)
	ended(t, s)
	require.NoError(t, s.Forget(t.Context(), operator.Forget{Tenant: "acme", Job: "ended"}, nil))
	_, _, err = s.Create(t.Context(), draft("again"), nil)
	require.NoError(t, err)
	_, err = s.Requeue(t.Context(), operator.Requeue{Tenant: "acme", Job: "again"}, entriesOf("again"))
	require.NoError(t, err)
}

// A store that is open notices that its tables were changed by newer code, or put back
// to older ones, or removed.
func TestCheck(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, p place) {
		db := p.db(t)
		s, err := sqlstore.Open(t.Context(), db, p.Dialect, nil)
		require.NoError(t, err)
		for _, step := range []struct {
			sql, want string
		}{
			{sql: "select 1"},
			{sql: "insert into exportyard_schema (version) values (999)", want: "made by newer code"},
			{sql: "delete from exportyard_schema where version > 1", want: "migrate first"},
			{sql: "drop table exportyard_schema", want: "there are no tables"},
		} {
			_, err := db.ExecContext(t.Context(), step.sql)
			require.NoError(t, err)
			err = s.Check(t.Context())
			if step.want == "" {
				require.NoError(t, err)
				continue
			}
			require.ErrorContains(t, err, step.want)
			require.ErrorIs(t, err, operator.ErrUnfit)
		}
	})
}

// usesByOperators are calls whose plans are looked at with much history.
var usesByOperators = []use{
	{"active jobs", operating(operator.Query{})},
	{"late jobs", operating(operator.Query{Only: operator.Late})},
	{"idle jobs", operating(operator.Query{Only: operator.Idle, Limit: 5})},
	{"suspect jobs", func(t *testing.T, s *sqlstore.Store) error {
		_, _, err := s.ActiveJobs(t.Context(), operator.Query{Only: operator.Suspect})
		return err
	}},
	{"requeue", func(t *testing.T, s *sqlstore.Store) error {
		_, err := s.Requeue(t.Context(), operator.Requeue{Tenant: "t0", Job: "active-305", Number: 1}, entriesOf("requeue"))
		return err
	}},
	{"forget", func(t *testing.T, s *sqlstore.Store) error {
		return s.Forget(t.Context(), operator.Forget{Tenant: "t0", Job: "job-3000", LeaveFiles: true}, entriesOf("forget"))
	}},
	{"gauges", func(t *testing.T, s *sqlstore.Store) error {
		g, err := s.Gauges(t.Context(), 200)
		require.Positive(t, g.LeaseOver)
		require.Equal(t, []int{200, 200, 200}, []int{g.Active, g.Ready, g.Leased})
		return err
	}},
}

// operating asks for the first page and the one after it, which is full too.
func operating(q operator.Query) func(*testing.T, *sqlstore.Store) error {
	return func(t *testing.T, s *sqlstore.Store) error {
		for range 2 {
			jobs, next, err := s.ActiveJobs(t.Context(), q)
			require.NoError(t, err)
			require.Len(t, jobs, q.PageSize())
			q.After = next
		}
		return nil
	}
}
