package ranges_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/exportyard/exportyard/source/pgsource/internal/ranges"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A table has so many rows in each range; a row is its range and its number, and
// as many bytes more as long says.
type table struct {
	rows []int
	long int
	cut  atomic.Int64 // rows
	open atomic.Int64 // rows of ranges that are not closed
	end  atomic.Int64 // connections that were ended
	late atomic.Int64 // ranges closed while there were rows to wait for
	// fails is the range in whose middle a read fails with err.
	fails int
	err   error
}

func newTable(rows ...int) *table { return &table{rows: rows, fails: -1} }

func (tb *table) row(dst []byte, n, i int) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(n))
	dst = binary.BigEndian.AppendUint32(dst, uint32(i))
	return append(dst, make([]byte, tb.long)...)
}

func (tb *table) Range(ctx context.Context, n int64) ranges.Rows {
	tb.open.Add(1)
	return &scan{table: tb, n: int(n), ended: ctx.Err}
}

func (tb *table) End() { tb.end.Add(1) }

// dial gives another connection to the table.
func (tb *table) dial(context.Context) ranges.Connection { return tb }

type scan struct {
	*table
	n, i  int
	ended func() error
}

func (s *scan) Next(ctx context.Context, dst []byte) ([]byte, error) {
	switch {
	case ctx.Err() != nil:
		return dst, ctx.Err()
	case s.n == s.fails && s.i == s.rows[s.n]/2:
		return dst, s.err
	case s.i == s.rows[s.n]:
		return dst, io.EOF
	}
	dst = s.row(dst, s.n, s.i)
	s.i++
	s.cut.Add(1)
	return dst, nil
}

func (s *scan) Close() {
	if s.i < s.rows[s.n] && s.ended() == nil {
		s.late.Add(1)
	}
	s.open.Add(-1)
}

// take takes all rows, one after the other, and returns them.
func take(ctx context.Context, f *ranges.Fan) (rows [][]byte, err error) {
	for {
		row, err := f.Next(ctx, nil)
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
	}
}

func (tb *table) all() (rows [][]byte) {
	for n, count := range tb.rows {
		for i := range count {
			rows = append(rows, tb.row(nil, n, i))
		}
	}
	return rows
}

// Rows come in the order of their ranges, whoever reads them and however many fit
// into a block.
func TestFan_Order(t *testing.T) {
	t.Parallel()
	many := make([]int, 500)
	for i := range many {
		many[i] = i * 7 % 23
	}
	tests := []struct {
		name string
		rows []int
		long int
	}{
		{name: "no ranges"},
		{name: "an empty range", rows: []int{0}},
		{name: "empty ranges", rows: make([]int, 40)},
		{name: "one range", rows: []int{1000}},
		{name: "uneven ranges", rows: []int{0, 1000, 1, 0, 0, 300, 2, 0}},
		{name: "many ranges", rows: many},
		{name: "rows longer than blocks", rows: many[:50], long: 5000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for connections := range 4 {
				for _, bytes := range []int{1, 100, 4096} {
					tb := newTable(tt.rows...)
					tb.long = tt.long
					f := ranges.Start(t.Context(), int64(len(tt.rows)), bytes, tb, slices.Repeat([]ranges.Dial{tb.dial}, connections)...)
					rows, err := take(t.Context(), f)
					require.Equal(t, io.EOF, err)
					require.Equal(t, tb.all(), rows)
					require.EqualValues(t, len(rows), f.Cut())
					_, err = f.Next(t.Context(), nil)
					require.Equal(t, io.EOF, err)
					f.Close()
					require.Zero(t, tb.open.Load())
					require.EqualValues(t, 1+connections, tb.end.Load())
				}
			}
		})
	}
}

// Where no more connections are to be had, or they come late, the others read.
func TestFan_FewerConnections(t *testing.T) {
	t.Parallel()
	tb := newTable(slices.Repeat([]int{10}, 100)...)
	never := func(ctx context.Context) ranges.Connection {
		<-ctx.Done()
		return nil
	}
	none := func(context.Context) ranges.Connection { return nil }
	f := ranges.Start(t.Context(), 100, 64, tb, none, never, tb.dial, never)
	rows, err := take(t.Context(), f)
	require.Equal(t, io.EOF, err)
	require.Equal(t, tb.all(), rows)
	f.Close()
	require.EqualValues(t, 2, tb.end.Load())
}

// While nobody takes rows, each connection fills its two blocks and no more.
func TestFan_Memory(t *testing.T) {
	t.Parallel()
	tb := newTable(slices.Repeat([]int{1000}, 100)...)
	f := ranges.Start(t.Context(), 100, 80, tb, tb.dial, tb.dial) // ten rows to a block
	const full = 3 * 2 * 10
	require.Eventually(t, func() bool { return tb.cut.Load() >= full }, 10*time.Second, time.Millisecond)
	_, err := f.Next(t.Context(), nil) // takes one block and gives none back
	require.NoError(t, err)
	require.EqualValues(t, full, tb.cut.Load())
	f.Close()
	require.Zero(t, tb.open.Load())
}

// The first error ends everything, is told, and told again.
func TestFan_Error(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, fails := range []int{0, 1, 7, 99} {
		t.Run(fmt.Sprint(fails), func(t *testing.T) {
			t.Parallel()
			tb := newTable(slices.Repeat([]int{100}, 100)...)
			tb.fails, tb.err = fails, broken
			f := ranges.Start(t.Context(), 100, 64, tb, tb.dial, tb.dial)
			rows, err := take(t.Context(), f)
			require.Equal(t, broken, err)
			require.Equal(t, tb.all()[:len(rows)], rows)
			require.LessOrEqual(t, len(rows), 100*fails+50)
			f.Close()
			require.Zero(t, tb.open.Load())
			require.Zero(t, tb.late.Load())
			require.EqualValues(t, 3, tb.end.Load())
		})
	}
}

// The reading ends with the context of the start, with that of a call, or when it
// is closed.
func TestFan_Cancel(t *testing.T) {
	t.Parallel()
	tb := newTable(slices.Repeat([]int{1000}, 100)...)
	start, cancel := context.WithCancel(t.Context())
	f := ranges.Start(start, 100, 64, tb, tb.dial)
	_, err := f.Next(t.Context(), nil)
	require.NoError(t, err)
	cancel()
	_, err = take(t.Context(), f)
	require.Equal(t, context.Canceled, err)
	f.Close()

	f = ranges.Start(t.Context(), 100, 64, tb, tb.dial)
	ended, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	_, err = take(ended, f)
	require.Equal(t, context.DeadlineExceeded, err)
	f.Close()

	f = ranges.Start(t.Context(), 100, 64, tb, tb.dial)
	f.Close()
	f.Close()
	require.Zero(t, tb.open.Load())
	require.EqualValues(t, 6, tb.end.Load())
}

// Taking rows allocates nothing, nor do blocks that are used again.
func TestFan_Allocations(t *testing.T) {
	tb := newTable(slices.Repeat([]int{1000}, 200)...)
	f := ranges.Start(t.Context(), 200, 4096, tb)
	defer f.Close()
	dst := make([]byte, 0, 64)
	var once sync.Once
	allocs := testing.AllocsPerRun(50, func() {
		for range 1000 {
			row, err := f.Next(t.Context(), dst)
			once.Do(func() { require.NoError(t, err); require.Len(t, row, 8) })
		}
	})
	require.Less(t, allocs, 20.0) // a few for each range
}
