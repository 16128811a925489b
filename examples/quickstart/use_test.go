package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/source"
)

// requireOneLine requires exit status 1, and one line that says why.
func requireOneLine(t *testing.T, o outcome, want ...string) {
	t.Helper()
	require.Equal(t, 1, o.code, "%v", o)
	require.Equal(t, 1, strings.Count(o.stderr, "\n"), "one line: %v", o)
	require.Regexp(t, "^quickstart: ", o.stderr)
	for _, text := range want {
		require.Contains(t, o.stderr, text)
	}
	require.NotContains(t, o.stdout, "verified:")
}

func TestVerify_AFolder(t *testing.T) {
	t.Parallel()
	at := newPlace(t)
	o := here(t, seams{}, at.flags("-db", chinook, "-compress", "none")...)
	require.Zero(t, o.code, "%v", o)
	a := onlyArchive(t, at.out)
	good := here(t, seams{}, "-verify", at.out)
	require.Zero(t, good.code, "%v", good)
	require.Equal(t, "verified: 11 files, 15607 rows", good.last())
	// A folder may be moved.
	moved := filepath.Join(filepath.Dir(at.out), "moved")
	require.NoError(t, os.Rename(filepath.Join(at.out, "main"), moved))
	require.Equal(t, "verified: 11 files, 15607 rows", here(t, seams{}, "-verify", moved).last())

	file := func(i int) string { return filepath.Join(moved, a.Job, filepath.Base(a.Files[i].Key)) }
	damage := func(i int, change func([]byte) []byte) (restore func()) {
		data, err := os.ReadFile(file(i))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(file(i), change(append([]byte(nil), data...)), 0o600))
		return func() { require.NoError(t, os.WriteFile(file(i), data, 0o600)) }
	}
	for i := range a.Files {
		restore := damage(i, func(b []byte) []byte { b[len(b)/2] ^= 4; return b })
		requireOneLine(t, here(t, seams{}, "-verify", moved), filepath.Base(a.Files[i].Key))
		restore()
	}
	restore := damage(0, func(b []byte) []byte { return b[:len(b)-1] })
	restoreToo := damage(5, func(b []byte) []byte { return append(b, '\n') })
	requireOneLine(t, here(t, seams{}, "-verify", moved), filepath.Base(a.Files[0].Key), filepath.Base(a.Files[5].Key))
	restore()
	restoreToo()
	require.NoError(t, os.Rename(file(3), file(3)+".old"))
	requireOneLine(t, here(t, seams{}, "-verify", moved), filepath.Base(a.Files[3].Key), "missing")
	require.NoError(t, os.Rename(file(3)+".old", file(3)))

	// Which of two manifests counts, nothing in the folder says.
	manifest, err := os.ReadFile(filepath.Join(moved, a.Job, "manifest.1.json"))
	require.NoError(t, err)
	second := filepath.Join(moved, a.Job, "manifest.2.json")
	require.NoError(t, os.WriteFile(second, manifest, 0o600))
	requireOneLine(t, here(t, seams{}, "-verify", moved), "two manifests", "manifest.1.json", "manifest.2.json")
	require.NoError(t, os.Remove(second))
	require.NoError(t, os.WriteFile(filepath.Join(moved, a.Job, "manifest.1.json"), []byte("{"), 0o600))
	requireOneLine(t, here(t, seams{}, "-verify", moved), "manifest.1.json")
}

func TestVerify_NoArchive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	requireOneLine(t, here(t, seams{}, "-verify", dir), "no manifest")
	requireNamed(t, here(t, seams{}, "-verify", filepath.Join(dir, "nope")), []string{"-verify:"})
}

// With -json standard output is the manifest, as it lies in the folder, and
// nothing else.
func TestJSON_IsTheManifest(t *testing.T) {
	t.Parallel()
	at := newPlace(t)
	o := here(t, seams{}, at.flags("-db", chinook, "-dataset", "Genre", "-json")...)
	require.Zero(t, o.code, "%v", o)
	a := onlyArchive(t, at.out)
	stored, err := os.ReadFile(filepath.Join(at.out, filepath.FromSlash(a.Key)))
	require.NoError(t, err)
	require.JSONEq(t, string(stored), o.stdout)
	var m manifest.Manifest
	require.NoError(t, json.Unmarshal([]byte(o.stdout), &m))
	require.Equal(t, int64(25), m.Rows)
	// So does verifying, also on other terms: twice the same job.
	o = here(t, seams{}, "-json", "-verify", at.out)
	require.Zero(t, o.code, "%v", o)
	require.JSONEq(t, string(stored), o.stdout)
	o = here(t, seams{}, "-json", "-db", "no/such.db")
	require.Equal(t, 2, o.code)
	require.Empty(t, o.stdout)
}

// The same flags find the export that is done; other flags make another.
func TestState_SameFlagsSameJob(t *testing.T) {
	t.Parallel()
	at := newPlace(t)
	manifests := func(args ...string) manifest.Manifest {
		o := here(t, seams{}, at.flags(append([]string{"-db", chinook, "-json"}, args...)...)...)
		require.Zero(t, o.code, "%v", o)
		var m manifest.Manifest
		require.NoError(t, json.Unmarshal([]byte(o.stdout), &m))
		return m
	}
	first := manifests("-dataset", "Genre")
	before, err := filesIn(at.out)
	require.NoError(t, err)
	require.Equal(t, first, manifests("-dataset", "Genre"))
	after, err := filesIn(at.out)
	require.NoError(t, err)
	require.Equal(t, before, after)
	jobs := map[string]bool{first.Job: true}
	for _, others := range [][]string{
		{"-dataset", "Artist"},
		{"-dataset", "Genre", "-columns", "Name"},
		{"-dataset", "Genre", "-format", "json"},
		{"-dataset", "Genre", "-format", "excel"},
		{"-dataset", "Genre", "-compress", "none"},
		{"-dataset", "Invoice", "-time-column", "InvoiceDate", "-from", "2025-01-01"},
		{"-dataset", "Invoice", "-time-column", "InvoiceDate", "-from", "2025-01-01", "-tz", "Europe/Berlin"},
		{"-dataset", "Invoice", "-time-column", "InvoiceDate", "-from", "2025-01-01", "-interval", "month"},
		{"-dataset", "Invoice", "-tenant-column", "BillingCountry", "-tenant", "Norway"},
	} {
		m := manifests(others...)
		require.False(t, jobs[m.Job], "%v", others)
		jobs[m.Job] = true
	}
	all, err := archives(at.out)
	require.NoError(t, err)
	require.Len(t, all, len(jobs))
	requireNothingElse(t, at.out, all)
	// Files that somebody has damaged are not passed off as verified.
	name := filepath.Join(at.out, filepath.FromSlash(first.Files[0].Key))
	require.NoError(t, os.WriteFile(name, []byte("x"), 0o600))
	requireOneLine(t, here(t, seams{}, at.flags("-db", chinook, "-dataset", "Genre")...), filepath.Base(name))
}

// Without -out the files are beside the jobs, so that -state alone goes on.
func TestState_AloneGoesOn(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "jobs.db")
	s := spec{Kill: "store.Finish(rows):after", Nth: 2}
	require.True(t, process(t, s, "-db", chinook, "-state", state).killed())
	o := process(t, spec{}, "-db", chinook, "-state", state)
	require.Equal(t, "verified: 11 files, 15607 rows", o.last(), "%v", o)
	onlyArchive(t, state+".files")
}

// An engine works on all jobs of its store. An export that was killed is
// therefore never gone on with from another database.
func TestState_OtherFlagsDoNotTouchAnUnfinishedExport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one.db"), filepath.Join(dir, "two.db")
	for name, text := range map[string]string{one: "one", two: "two"} {
		require.NoError(t, execute(name, fmt.Sprintf(`create table runs (id integer primary key, s text not null);
			with recursive i(n) as (select 1 union all select n + 1 from i where n < 500) insert into runs select n, '%s ' || n from i;`, text)))
	}
	at := newPlace(t)
	o := process(t, spec{PartRows: 100, Kill: "store.Finish(rows):after", Nth: 2}, at.flags("-db", one)...)
	require.True(t, o.killed(), "%v", o)
	before, err := filesIn(at.out)
	require.NoError(t, err)
	for _, flags := range [][]string{
		at.flags("-db", two),
		at.flags("-db", one, "-format", "json"),
		{"-state", at.state, "-out", at.out + ".other", "-db", one},
	} {
		requireOneLine(t, process(t, spec{PartRows: 100}, flags...), "unfinished", "-db "+one)
	}
	after, err := filesIn(at.out)
	require.NoError(t, err)
	require.Equal(t, before, after)
	o = process(t, spec{PartRows: 100}, at.flags("-db", one)...)
	require.Zero(t, o.code, "%v", o)
	want, err := query(one, "select id, s from runs")
	require.NoError(t, err)
	requireRows(t, at.out, onlyArchive(t, at.out), map[string][]string{"runs": want})
	o = process(t, spec{PartRows: 100}, at.flags("-db", two)...)
	require.Equal(t, "verified: 1 files, 500 rows", o.last(), "%v", o)
}

func TestState_OnlyOneProcess(t *testing.T) {
	t.Parallel()
	at := newPlace(t)
	inside, leave := make(chan struct{}), make(chan struct{})
	var once atomic.Bool
	hold := seams{source: func(s source.Source) source.Source {
		if once.CompareAndSwap(false, true) {
			close(inside)
			<-leave
		}
		return s
	}}
	first := make(chan outcome, 1)
	go func() { first <- here(t, hold, at.flags("-db", chinook, "-dataset", "Genre")...) }()
	<-inside
	requireOneLine(t, process(t, spec{}, at.flags("-db", chinook, "-dataset", "Artist")...), "another quickstart works with this -state")
	close(leave)
	o := <-first
	require.Equal(t, "verified: 1 files, 25 rows", o.last(), "%v", o)
}

// fullSink has no room after the first two segments.
type fullSink struct {
	everySink
	left atomic.Int64
}

func (s *fullSink) Create(ctx context.Context, key string, opts *sink.CreateOptions) (sink.Writer, error) {
	w, err := s.everySink.Create(ctx, key, opts)
	return &fullWriter{w, s}, err
}

type fullWriter struct {
	sink.Writer
	sink *fullSink
}

func (w *fullWriter) Write(b []byte) (int, error) {
	if w.sink.left.Add(-int64(len(b))) < 0 {
		return 0, fmt.Errorf("test: write: %w: %w", sink.ErrFull, syscall.ENOSPC)
	}
	return w.Writer.Write(b)
}

// makeWide makes a database of more than so many bytes that no codec shrinks by much.
func makeWide(t *testing.T, rows int) string {
	t.Helper()
	db := filepath.Join(t.TempDir(), "wide.db")
	require.NoError(t, execute(db, fmt.Sprintf(`create table wide (id integer primary key, noise text not null);
		with recursive i(n) as (select 1 union all select n + 1 from i where n < %d) insert into wide select n, hex(randomblob(512)) from i;`, rows)))
	return db
}

// quick makes retries come at once.
func quick(c *export.Config) {
	c.PartRows, c.RetryBase, c.RetryCap = 100, time.Millisecond, time.Millisecond
}

func TestR25_NoRoom(t *testing.T) {
	t.Parallel()
	db, at := makeWide(t, 3000), newPlace(t)
	full := seams{config: quick, sink: func(s sink.Sink) sink.Sink {
		f := &fullSink{everySink: s.(everySink)}
		f.left.Store(1 << 20)
		return f
	}}
	requireNoRoom(t, at, here(t, full, at.flags("-db", db, "-compress", "none")...))
	// With room, the same flags make it anew.
	o := here(t, seams{config: quick}, at.flags("-db", db, "-compress", "none")...)
	require.Equal(t, "verified: 1 files, 3000 rows", o.last(), "%v", o)
	onlyArchive(t, at.out)
}

func requireNoRoom(t *testing.T, at place, o outcome) {
	t.Helper()
	requireOneLine(t, o, "no space left", "make room")
	files, err := filesIn(at.out)
	require.NoError(t, err)
	require.Empty(t, files, "what was written is gone")
}

// A path is a path, whatever characters it has.
func TestDatabase_AnyPath(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(chinook)
	require.NoError(t, err)
	for _, name := range []string{"with space.db", "what?.db", "a#b.db", "100%.db", "100%20.db", "a?mode=memory&x=1#y.db", "a&b=c;d.db", "é研究.db", ":memory:"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "in "+strings.TrimSuffix(name, ".db"))
			require.NoError(t, os.Mkdir(dir, 0o700))
			db := filepath.Join(dir, name)
			require.NoError(t, os.WriteFile(db, data, 0o400))
			state := filepath.Join(dir, "jobs "+name)
			o := here(t, seams{}, "-db", db, "-dataset", "Genre", "-state", state, "-out", filepath.Join(dir, "out "+name))
			require.Equal(t, "verified: 1 files, 25 rows", o.last(), "%v", o)
			require.FileExists(t, state)
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			for _, e := range entries {
				require.Contains(t, e.Name(), name, "a file by another name")
			}
		})
	}
}

// Nothing is written beside a database that is exported.
func TestDatabase_IsLeftAlone(t *testing.T) {
	t.Parallel()
	dir, at := t.TempDir(), newPlace(t)
	data, err := os.ReadFile(chinook)
	require.NoError(t, err)
	db := filepath.Join(dir, "shop.db")
	require.NoError(t, os.WriteFile(db, data, 0o400))
	o := here(t, seams{}, at.flags("-db", db)...)
	require.Zero(t, o.code, "%v", o)
	after, err := os.ReadFile(db)
	require.NoError(t, err)
	require.Equal(t, data, after)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

// A pipe gets plain lines.
func TestScreen_Pipe(t *testing.T) {
	t.Parallel()
	at := newPlace(t)
	o := here(t, seams{}, at.flags("-db", chinook)...)
	require.NotContains(t, o.stdout, "\r")
	require.NotContains(t, o.stdout, "\x1b")
	require.Regexp(t, `(?m)^export: 100 % · 15,607 rows · part 13 of 13 · `, o.stdout)
	require.Regexp(t, `(?m)^ *3,503 +[0-9,]+ +[0-9a-f]{12} +main/.*/Track\.11\.1\.csv\.gz$`, o.stdout)
	require.Equal(t, "verified: 11 files, 15607 rows", o.last())
}
