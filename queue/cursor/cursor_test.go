package cursor_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/cursor"
)

func FuzzSeq(f *testing.F) {
	f.Add("acme", cursor.Make("acme", 1))
	f.Add("other", cursor.Make("acme", 1))
	f.Add("acme", cursor.Make("acme", 1, 2))
	f.Add("", "")
	f.Add("acme", "%%%")
	f.Add("acme", "AAAAAAAAAAAAAAAA")
	f.Add("acme", cursor.Make("acme", 1)+"\n")
	f.Fuzz(func(t *testing.T, list, text string) {
		seq, err := cursor.Seq(list, text)
		if err != nil {
			require.ErrorIs(t, err, queue.ErrCursor)
			require.Zero(t, seq)
			return
		}
		require.Equal(t, text, cursor.Make(list, seq))
	})
}

func TestCursorsOfOthersAreRefused(t *testing.T) {
	t.Parallel()
	for _, numbers := range [][]int64{{0}, {1}, {1 << 40}, {-1, 7}, {3, 0, 5}} {
		got, err := cursor.Parse("acme", cursor.Make("acme", numbers...), len(numbers))
		require.NoError(t, err)
		require.Equal(t, numbers, got)
		_, err = cursor.Parse("other", cursor.Make("acme", numbers...), len(numbers))
		require.ErrorIs(t, err, queue.ErrCursor)
		_, err = cursor.Parse("acme", cursor.Make("acme", numbers...), len(numbers)+1)
		require.ErrorIs(t, err, queue.ErrCursor)
	}
}
