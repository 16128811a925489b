package memory_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/format/jsonfmt"
	"github.com/exportyard/exportyard/format/parquetfmt"
	"github.com/exportyard/exportyard/format/xlsxfmt"
	"github.com/exportyard/exportyard/internal/e2e/server"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource"
)

// A task is what a process of its own exports.
type task struct {
	Rows        int
	Wide        bool   // 647 columns
	Database    string // a SQLite file with the rows; empty when they are made on the fly
	Format      string
	Compression format.Compression
	PartRows    int64
	Folder      string
	Bucket      server.S3 // where the files go; none for the folder
	Budget      int64     // of the uploads; 0 for none
	Parts       int       // at once, each a dataset of its own; 0 for one dataset
	Profile     string    // where to leave a heap profile; empty for none
}

// A cost is what the export took.
type cost struct {
	Peak     int64 // the most memory that was resident, in bytes
	Mallocs  uint64
	Rows     int64
	Bytes    int64
	RawBytes int64
	Seconds  float64
}

func (c cost) perRow() float64 { return float64(c.Mallocs) / float64(c.Rows) }

// requireWithin holds the cost against limits. The race detector has memory of its own.
func (c cost) requireWithin(t *testing.T, megabytes int64, allocations float64) {
	t.Helper()
	if raceDetector {
		return
	}
	require.LessOrEqual(t, c.Peak, megabytes<<20)
	require.Less(t, c.perRow(), allocations)
}

const taskVariable = "EXPORTYARD_MEMORY_TASK"

// TestMain is also the process that a test starts to export a task.
func TestMain(m *testing.M) {
	text := os.Getenv(taskVariable)
	if text == "" {
		os.Exit(server.Main(m))
	}
	// The test's end is the end of this process's input.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	var t task
	err := json.Unmarshal([]byte(text), &t)
	var c cost
	if err == nil {
		c, err = t.run(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(c)
	os.Exit(0)
}

// measure exports a task in a process of its own. Extra variables go into its
// environment.
func measure(t *testing.T, work task, env ...string) cost {
	t.Helper()
	if runtime.GOOS != "linux" {
		if os.Getenv("CI") == "true" {
			t.Fatal("the peak of resident memory is read from /proc, which only Linux has")
		}
		t.Skip("the peak of resident memory is read from /proc, which only Linux has")
	}
	work.Folder = t.TempDir()
	text, err := json.Marshal(work)
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(append(os.Environ(), env...), taskVariable+"="+string(text))
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	defer func() { _ = stdin.Close() }()
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	require.NoError(t, err, said.String())
	var c cost
	require.NoError(t, json.Unmarshal(out, &c))
	require.Equal(t, int64(work.Rows), c.Rows)
	t.Logf("%d rows, %d MB raw, %d MB stored: peak %.1f MB, %.4f allocations a row, %.1f s",
		c.Rows, c.RawBytes>>20, c.Bytes>>20, float64(c.Peak)/(1<<20), c.perRow(), c.Seconds)
	return c
}

// run exports and measures. Files in a folder are the system's memory and not the
// process's.
func (t task) run(ctx context.Context) (c cost, err error) {
	src, err := t.source()
	if err != nil {
		return c, err
	}
	to, err := t.sink(ctx)
	if err != nil {
		return c, err
	}
	engine, err := export.New(export.Config{
		Source: src, Store: memstore.New(nil), Sink: to, PartRows: t.PartRows, Parts: t.Parts,
		Formats: []format.Formatter{csvfmt.Format{}, jsonfmt.Lines{}, jsonfmt.Document{}, parquetfmt.Format{}, xlsxfmt.Format{}},
	})
	if err != nil {
		return c, err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- engine.Run(ctx) }()
	defer func() {
		cancel()
		err = errors.Join(err, <-done)
	}()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin := time.Now()
	m, err := completed(ctx, engine, export.Request{Tenant: "acme", All: true, Format: t.Format, Compression: t.Compression})
	if err != nil {
		return c, err
	}
	c.Seconds = time.Since(begin).Seconds()
	runtime.ReadMemStats(&after)
	c.Mallocs, c.Rows, c.Bytes = after.Mallocs-before.Mallocs, m.Rows, m.Bytes
	for _, f := range m.Files {
		c.RawBytes += f.RawBytes
	}
	if t.Profile != "" {
		if err := writeProfile(t.Profile); err != nil {
			return c, err
		}
	}
	c.Peak, err = peak()
	return c, err
}

func (t task) source() (source.Source, error) {
	switch {
	case t.Parts > 0:
		return t.datasets()
	case t.Wide:
		return wide{t.Rows}, nil
	case t.Database == "":
		return calls("calls", t.Rows)
	}
	db, err := sql.Open("sqlite", "file:"+t.Database+"?mode=ro")
	if err != nil {
		return nil, err
	}
	return sqlsource.New(db, sqlsource.SQLite, []sqlsource.Dataset{callsTable}, nil)
}

// completed makes an export, follows it to its end and verifies it.
func completed(ctx context.Context, engine *export.Engine, r export.Request) (*manifest.Manifest, error) {
	j, err := engine.Request(ctx, r)
	if err != nil {
		return nil, err
	}
	for now, err := range engine.Watch(ctx, j.Tenant, j.ID, 100*time.Millisecond) {
		if err != nil {
			return nil, err
		}
		j = now
	}
	if j.State != export.Completed {
		return nil, fmt.Errorf("the export is %s: %w", j.State, j.Error)
	}
	return engine.Verify(ctx, j.Tenant, j.ID)
}

// peak returns the most memory that this process has had resident.
func peak() (int64, error) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kB, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
			return kB << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/self/status names no peak")
}

func writeProfile(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := pprof.Lookup("allocs").WriteTo(f, 0); err != nil {
		return err
	}
	return f.Close()
}
