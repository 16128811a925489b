package process

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func needProc(t *testing.T) {
	t.Helper()
	if err := Supported(); err != nil {
		if os.Getenv("CI") == "true" && runtime.GOOS == "linux" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		text string
		want cpuTimes
		err  string
	}{
		{
			name: "a name with a parenthesis", text: "7 (a) b) S 3 7 7 0 -1 4 1 2 3 4 150 50 7 3 20 0 1",
			want: cpuTimes{parent: 3, own: 2 * time.Second, waited: 100 * time.Millisecond},
		},
		{name: "too short", text: "7 (a) S 3", err: "has 2 fields"},
		{name: "no number", text: "7 (a) S 3 7 7 0 -1 4 1 2 3 4 x 50 7 3 20 0 1", err: "stat"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseStat(tt.text)
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestParseMachine(t *testing.T) {
	t.Parallel()
	busy, err := parseMachine("cpu  100 20 30 5000 40 1 2 7 50 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n")
	require.NoError(t, err)
	require.Equal(t, 1600*time.Millisecond, busy)
	_, err = parseMachine("btime 1\n")
	require.Error(t, err)
}

func TestRunConnectsAndMeasures(t *testing.T) {
	needProc(t)
	path := t.TempDir() + "/out"
	f, err := os.Create(path)
	require.NoError(t, err)
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	first := exec.CommandContext(t.Context(), "sh", "-c", "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); echo $i; done")
	second := exec.CommandContext(t.Context(), "wc", "-l")
	first.Stdout, second.Stdin, second.Stdout = writer, reader, f
	u, err := Run(t.Context(), first, second)
	require.NoError(t, err)
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "30000", strings.TrimSpace(string(got)))
	require.Positive(t, u.CPU)
	require.Positive(t, u.Wall)
	require.Less(t, u.Peak, int64(64<<20), "the memory is that of the processes, not of this one")
}

func TestRunSaysWhatWentWrong(t *testing.T) {
	needProc(t)
	_, err := Run(t.Context(), exec.CommandContext(t.Context(), "sh", "-c", "echo no such table >&2; exit 3"))
	require.ErrorContains(t, err, "sh: exit status 3: no such table")
	_, err = Run(t.Context(), exec.CommandContext(t.Context(), "cat"), exec.CommandContext(t.Context(), "/no/such/program"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestRunEndsWithItsContext(t *testing.T) {
	needProc(t)
	ctx, cancel := context.WithCancel(t.Context())
	begin := time.Now()
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := Run(ctx, exec.CommandContext(context.Background(), "sleep", "60"))
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, time.Since(begin), 30*time.Second)
}

func TestServiceStartsAndStops(t *testing.T) {
	needProc(t)
	s, err := Start(exec.CommandContext(context.Background(), "sh", "-c", "echo starting; echo ready; sleep 60"), "ready", syscall.SIGKILL)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(s.PID(), 0))
	s.Stop()
	require.ErrorIs(t, syscall.Kill(s.PID(), 0), syscall.ESRCH)

	_, err = Start(exec.CommandContext(context.Background(), "sh", "-c", "echo no room; exit 1"), "ready", syscall.SIGKILL)
	require.ErrorContains(t, err, "sh ended: no room")
}

func TestFamilyCPUHasChildren(t *testing.T) {
	needProc(t)
	before, err := FamilyCPU(os.Getpid())
	require.NoError(t, err)
	u, err := Run(t.Context(), exec.CommandContext(t.Context(), "sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"))
	require.NoError(t, err)
	after, err := FamilyCPU(os.Getpid())
	require.NoError(t, err)
	require.Greater(t, (after - before).Seconds(), u.CPU-0.05)
	machine, err := MachineCPU()
	require.NoError(t, err)
	require.Greater(t, machine, after)
	require.Positive(t, PeakMemory(os.Getpid()))
	require.Zero(t, PeakMemory(1<<30))
}
