package board_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/examples/fleet/internal/board"
)

func picture(at time.Duration) board.Picture {
	return board.Picture{
		Elapsed: at, Exports: []board.Stage{board.Verified, board.Completed, board.Running, board.Pending},
		Parts: 20, PartsSealed: 11, Rows: 5100, RowsAll: 16000,
		Workers: []board.Worker{{PID: 4711, Up: 3 * time.Second, Killed: 2}, {Killed: 1}},
	}
}

func TestPipeGetsALineNowAndThen(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	b := board.New(&out)
	b.Say("starting")
	for at := range 9 {
		b.Show(picture(time.Duration(at) * time.Second / 2))
	}
	const rest = "1 pending · 1 running · 1 completed · 1 verified · 11 of 20 parts · 5,100 rows · 3 killed\n"
	require.Equal(t, "starting\n  0s  "+rest+"  2s  "+rest+"  4s  "+rest, out.String())
	require.NoError(t, b.Err())
}

func TestTerminalDrawsOver(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	b := board.New(&out)
	b.Terminal = true
	b.Show(picture(time.Second))
	first := out.String()
	require.Equal(t, `  1s  1 pending · 1 running · 1 completed · 1 verified
      ✓▪▸·
      11 of 20 parts · 5,100 of 16,000 rows
      worker 1   pid 4711     up  3 s     killed 2 times
      worker 2   being started            killed 1 times
`, first)
	out.Reset()
	b.Show(picture(time.Second))
	require.Equal(t, "\x1b[5A\x1b[J"+first, out.String())
	out.Reset()
	b.Say("done")
	b.Show(picture(time.Second))
	require.Equal(t, "done\n"+first, out.String(), "what was said stays")
}
