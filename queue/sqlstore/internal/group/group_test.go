package group_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/exportyard/exportyard/queue/sqlstore/internal/group"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// doubling answers each number with its double, a second a go, and notes the goes.
func doubling(most int) (g *group.Group[int, int], goes *[][]int) {
	goes = new([][]int)
	var mu sync.Mutex // the lonely ones ask at the same time
	return &group.Group[int, int]{
		Most: most,
		Answer: func(ctx context.Context, questions []int) ([]int, error) {
			mu.Lock()
			*goes = append(*goes, questions)
			mu.Unlock()
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			answers := make([]int, len(questions))
			for i, q := range questions {
				answers[i] = 2 * q
			}
			return answers, nil
		},
		Final: func(error) bool { return false },
	}, goes
}

// asked asks the numbers from 1 on, one after the other, and returns what they got.
func asked(g *group.Group[int, int], contexts ...context.Context) (answers []int, errs []error) {
	answers, errs = make([]int, len(contexts)), make([]error, len(contexts))
	var all sync.WaitGroup
	for i, ctx := range contexts {
		all.Go(func() { answers[i], errs[i] = g.Do(ctx, i+1) })
		synctest.Wait()
	}
	all.Wait()
	return answers, errs
}

func times(ctx context.Context, n int) []context.Context {
	contexts := make([]context.Context, n)
	for i := range contexts {
		contexts[i] = ctx
	}
	return contexts
}

func TestThoseWhoWaitShareAGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, goes := doubling(3)
		answers, errs := asked(g, times(t.Context(), 6)...)
		require.Equal(t, []int{2, 4, 6, 8, 10, 12}, answers)
		require.Equal(t, make([]error, 6), errs)
		require.Equal(t, [][]int{{1}, {2, 3, 4}, {5, 6}}, *goes)
		answer, err := g.Do(t.Context(), 7)
		require.NoError(t, err)
		require.Equal(t, 14, answer)
	})
}

func TestWhoseContextIsOverLeaves(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		who  int // whose context is over after a half or one and a half seconds
		when time.Duration
		goes [][]int
	}{
		{"while it waits", 2, 500 * time.Millisecond, [][]int{{1}, {2, 4}}},
		{"while it is to lead next", 1, 500 * time.Millisecond, [][]int{{1}, {3, 4}}},
		{"while another does its go", 2, 1500 * time.Millisecond, [][]int{{1}, {2, 3, 4}}},
		{"while it leads others, who ask alone then", 1, 1500 * time.Millisecond, [][]int{{1}, {2, 3, 4}, {3}, {4}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g, goes := doubling(10)
				over, cancel := context.WithTimeout(t.Context(), tt.when)
				defer cancel()
				contexts := times(t.Context(), 4)
				contexts[tt.who] = over
				answers, errs := asked(g, contexts...)
				for i := range contexts {
					if i == tt.who {
						require.ErrorIs(t, errs[i], context.DeadlineExceeded)
						continue
					}
					require.NoError(t, errs[i])
					require.Equal(t, 2*(i+1), answers[i])
				}
				require.ElementsMatch(t, tt.goes, *goes)
			})
		})
	}
}

func TestAFailedGoIsAskedAgainAloneUnlessFinal(t *testing.T) {
	t.Parallel()
	errBad := errors.New("bad")
	for _, final := range []bool{false, true} {
		t.Run(fmt.Sprint(final), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g, _ := doubling(10)
				answer := g.Answer
				g.Answer = func(ctx context.Context, questions []int) ([]int, error) {
					for _, q := range questions {
						if q == 3 {
							return nil, errBad
						}
					}
					return answer(ctx, questions)
				}
				g.Final = func(error) bool { return final }
				answers, errs := asked(g, times(t.Context(), 4)...)
				require.ErrorIs(t, errs[2], errBad)
				require.Equal(t, 2, answers[0])
				for _, i := range []int{1, 3} {
					if final {
						require.ErrorIs(t, errs[i], errBad)
					} else {
						require.NoError(t, errs[i])
						require.Equal(t, 2*(i+1), answers[i])
					}
				}
			})
		})
	}
}

// A panic is the leader's alone: the others are answered.
func TestAPanicLeavesTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, _ := doubling(10)
		answer := g.Answer
		g.Answer = func(ctx context.Context, questions []int) ([]int, error) {
			if len(questions) > 1 {
				panic("boom")
			}
			return answer(ctx, questions)
		}
		var all sync.WaitGroup
		recovered := make([]any, 4)
		answers := make([]int, 4)
		for i := range recovered {
			all.Go(func() {
				defer func() { recovered[i] = recover() }()
				answers[i], _ = g.Do(t.Context(), i+1)
			})
			synctest.Wait()
		}
		all.Wait()
		require.Equal(t, []any{nil, "boom", nil, nil}, recovered)
		require.Equal(t, []int{2, 0, 6, 8}, answers)
	})
}
