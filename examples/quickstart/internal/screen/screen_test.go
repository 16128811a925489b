package screen_test

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/examples/quickstart/internal/screen"
	"github.com/exportyard/exportyard/export"
)

// A terminal gets a bar that moves in place.
func TestBar(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	s := screen.New(&text, &text, false)
	s.Terminal = true
	b := s.Bar("daily")
	b.Show(&export.Job{State: export.Running, Progress: export.Progress{Parts: 4, PartsSealed: 1, Rows: 50, RowsPlanned: 100}})
	require.Regexp(t, "^\r\x1b\\[Kdaily +█{15}░{15} +50 %  50 rows · part 1 of 4 · ", text.String())
	require.NotContains(t, text.String(), "\n")
	text.Reset()
	b.Show(&export.Job{State: export.Completed, Rows: 100, Progress: export.Progress{Parts: 4, PartsSealed: 4, Rows: 100, RowsPlanned: 100}})
	require.Regexp(t, "^\r\x1b\\[Kdaily +█{30} +100 %  100 rows · part 4 of 4 · .*\n$", text.String())
}

func TestCount(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 15607: "15,607", 1234567: "1,234,567"} {
		require.Equal(t, want, screen.Count(n))
	}
}

// brokenPipe takes nothing.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// What was not shown was not shown: the program says so by its status.
func TestReport_NobodyReads(t *testing.T) {
	t.Parallel()
	for _, asJSON := range []bool{false, true} {
		require.ErrorIs(t, screen.New(brokenPipe{}, io.Discard, asJSON).Report("files", nil), io.ErrClosedPipe)
	}
	s := screen.New(brokenPipe{}, io.Discard, false)
	s.Bar("export").Show(&export.Job{State: export.Running})
	require.ErrorIs(t, s.Report("files", nil), io.ErrClosedPipe)
}
