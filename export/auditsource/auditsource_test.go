package auditsource_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/export/auditsource"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/chain"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/sink/memsink"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/slicesource"
	"github.com/exportyard/exportyard/source/sourcetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func keysOf(t testing.TB) *chain.Keys {
	t.Helper()
	keys, err := chain.NewKeys(chain.Key{ID: "a", Secret: make([]byte, chain.MinSecret)})
	require.NoError(t, err)
	return keys
}

// The suite's tenants.
var tenants = []string{"acme", "Acme", "globex"}

// entry is number i of a log with all that entries may hold.
func entry(i int) queue.Entry {
	pick := func(texts ...string) string { return texts[i%len(texts)] }
	return queue.Entry{
		ID: fmt.Sprint("e-", i), Kind: queue.Audit, Tenant: tenants[i*i%7%3],
		Type:  pick("export.requested", "export.started", "export.completed", "export.downloaded"),
		Actor: pick("ann@acme.example", "", "Ann@acme.example", "o'neil@acme.example", "bob@acme.example"),
		Job:   pick("", "job-1", "job-2"),
		Data:  queue.Payload{Version: 1, Data: []byte(pick("", `{"format":"csv"}`, "acme/runs.csv", "tab\t\"quote\"", "\xff\x00", "12", strings.Repeat("long ", 800)))},
	}
}

// dataOf is what becomes of the data.
func dataOf(data string) string {
	switch data {
	case "", `{"format":"csv"}`, "12":
		return data
	case "\xff\x00":
		return `{"base64":"/wA="}`
	case "tab\t\"quote\"":
		return `"tab\t\"quote\""`
	}
	return `"` + data + `"`
}

// written makes a log of n entries of three tenants, numbered over all of them, and the
// table that a source of it must be. Each is at a time of its own, some before the ones
// that were written earlier.
func written(t testing.TB, n int, keys *chain.Keys) (*memstore.Store, sourcetest.Table) {
	t.Helper()
	var now time.Time
	store := memstore.New(&memstore.Options{AuditKeys: keys, Now: func() time.Time { return now }})
	src, err := auditsource.New(store, nil)
	require.NoError(t, err)
	datasets, err := src.Datasets(t.Context(), "acme")
	require.NoError(t, err)
	b := source.NewBatch(datasets[0].Schema, n, 1<<30)
	links := map[string]int{}
	for i := range n {
		e := entry(i)
		now = time.Date(2026, 2, 27, 0, 0, 0, 0, time.UTC).Add(time.Duration(i-i%3*2) * 6 * time.Hour)
		if i%10 == 0 {
			now = []time.Time{
				time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 2, 28, 23, 59, 59, 999_999_000, time.UTC),
				time.Date(2026, 3, 29, 1, 0, 0, 1000, time.UTC), time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC),
			}[i/10%4]
		}
		entries := []queue.Entry{e}
		for _, other := range tenants { // so that no two entries have one number
			if other != e.Tenant {
				entries = append(entries, queue.Entry{ID: fmt.Sprint("o-", i, other), Kind: queue.Outbox, Tenant: other})
			}
		}
		_, err := store.Update(t.Context(), queue.Update{}, entries)
		require.NoError(t, err)
		link := ""
		if keys != nil {
			links[e.Tenant]++
			link = fmt.Sprint(links[e.Tenant])
		}
		at := string(source.AppendText(nil, timestamp(now), 0))
		for col, text := range []string{fmt.Sprint(i + 1), at, e.Tenant, e.ID, e.Type, e.Actor, e.Job, dataOf(string(e.Data.Data)), link} {
			if text == "" {
				b.Col(col).AppendNull()
			} else {
				require.NoError(t, source.ParseText(b.Col(col), text))
			}
		}
		b.EndRow()
	}
	return store, sourcetest.NewTable(datasets[0], b)
}

func timestamp(at time.Time) *source.Vector {
	v := source.NewBatch(source.Schema{{Name: "at", Kind: source.Timestamp}}, 1, 100).Col(0)
	v.AppendInt64(at.UnixMicro())
	return v
}

// B15: the audit log is a source like any other.
func TestConformance(t *testing.T) {
	t.Parallel()
	const walks = "it would have to read all entries"
	lacks := map[sourcetest.Feature]string{
		sourcetest.Keyless:       "entries have numbers",
		sourcetest.CountedReader: walks, sourcetest.Counter: walks, sourcetest.Splitter: walks, sourcetest.Spanner: walks,
		sourcetest.RawReader: "entries have no wire form", sourcetest.Snapshotter: "entries are only appended",
	}
	for name, keys := range map[string]*chain.Keys{"with links": keysOf(t), "without keys": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, table := written(t, 160, keys)
			sourcetest.Run(t, func(*testing.T) sourcetest.Harness {
				return sourcetest.Harness{Tables: []sourcetest.Table{table}, Lacks: lacks, Load: func(t testing.TB, _ []sourcetest.Table) source.Source {
					src, err := auditsource.New(store, nil)
					require.NoError(t, err)
					return src
				}}
			})
		})
	}
}

// A counted store counts the entries that it is asked for at most, at a time and in all,
// and has no links.
type counted struct {
	queue.EntryReader
	most, pages int
}

func (c *counted) Entries(ctx context.Context, tenant string, kind queue.EntryKind, after int64, limit int) ([]queue.Entry, error) {
	c.most, c.pages = max(c.most, limit), c.pages+1
	return c.EntryReader.Entries(ctx, tenant, kind, after, limit)
}

// Entries come page by page, and a range of keys begins and ends at its place.
func TestPages(t *testing.T) {
	t.Parallel()
	store := memstore.New(nil)
	for i := range 2600 {
		e := entry(i)
		e.Tenant = "acme"
		_, err := store.Update(t.Context(), queue.Update{}, []queue.Entry{e})
		require.NoError(t, err)
	}
	tests := []struct {
		name        string
		after, upTo source.Key
		rows, pages int
	}{
		{name: "all", rows: 2600, pages: 6},
		{name: "after", after: source.Key{"2000"}, rows: 600, pages: 2},
		{name: "up to", upTo: source.Key{"700"}, rows: 700, pages: 2},
		{name: "between", after: source.Key{"1200"}, upTo: source.Key{"1300"}, rows: 100, pages: 1},
		{name: "before the first", after: source.Key{"-7"}, upTo: source.Key{"0"}, rows: 0, pages: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := &counted{EntryReader: store}
			src, err := auditsource.New(c, &auditsource.Options{Name: "log"})
			require.NoError(t, err)
			rows := 0
			err = source.Each(t.Context(), src, source.Query{Tenant: "acme", Dataset: "log", Columns: []string{"seq", "link"}, After: tt.after, UpTo: tt.upTo}, func(b *source.Batch) error {
				rows += b.Len()
				require.True(t, b.Col(1).Null(0), "a link of a store without any")
				return nil
			})
			require.NoError(t, err)
			require.Equal(t, []int{tt.rows, tt.pages, 500}, []int{rows, c.pages, c.most})
		})
	}
}

type failing struct {
	queue.EntryReader
	err error
}

func (f failing) Entries(context.Context, string, queue.EntryKind, int64, int) ([]queue.Entry, error) {
	return nil, f.err
}

func TestErrors(t *testing.T) {
	t.Parallel()
	_, err := auditsource.New(nil, nil)
	require.ErrorContains(t, err, "no store")
	lost := errors.New("connection lost")
	src, err := auditsource.New(failing{err: lost}, nil)
	require.NoError(t, err)
	_, err = source.Count(t.Context(), src, source.Query{Tenant: "acme", Dataset: "audit_log", Columns: []string{"seq"}})
	require.ErrorIs(t, err, lost)
	_, err = src.Open(t.Context(), source.Query{Tenant: "acme", Dataset: "audit_log", Columns: []string{"seq"}, After: source.Key{"x"}})
	require.ErrorContains(t, err, "key column")
}

// B15: a tenant exports its audit log in CSV, and the file is what the engine's own log
// says.
func TestB15_AuditLogInCSV(t *testing.T) {
	t.Parallel()
	store := memstore.New(&memstore.Options{AuditKeys: keysOf(t)})
	log, err := auditsource.New(store, nil)
	require.NoError(t, err)
	runs, err := slicesource.New("runs", []struct {
		ID  int64  `export:",key"`
		Org string `export:",tenant"`
	}{{1, "acme"}, {2, "globex"}}, nil)
	require.NoError(t, err)
	all, err := source.Merge(runs, log)
	require.NoError(t, err)
	disk, err := memsink.New(nil)
	require.NoError(t, err)
	engine, err := export.New(export.Config{Source: all, Store: store, Sink: disk, Formats: []format.Formatter{csvfmt.Format{}}})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- engine.Run(ctx) }()
	defer func() { stop(); require.NoError(t, <-done) }()

	made := func(r export.Request) *export.Job {
		j, err := engine.Request(t.Context(), r)
		require.NoError(t, err)
		for j, err = range engine.Watch(t.Context(), r.Tenant, j.ID, time.Millisecond) {
			require.NoError(t, err)
		}
		require.Equal(t, export.Completed, j.State, "%v", j.Error)
		return j
	}
	for _, tenant := range []string{"acme", "globex", "acme"} {
		made(export.Request{Tenant: tenant, Actor: "ann", All: true, Format: "csv"})
	}
	_, err = engine.Request(t.Context(), export.Request{Tenant: "acme", Actor: "bob", Format: "paper"})
	require.Error(t, err)
	before, err := engine.Audit(t.Context(), "acme", 0, 100)
	require.NoError(t, err)

	j := made(export.Request{Tenant: "acme", Actor: "ann", Datasets: []export.Selection{{Name: "audit_log"}}, Format: "csv"})
	f, err := engine.Download(t.Context(), export.Download{Tenant: "acme", Job: j.ID, Actor: "ann"})
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"seq", "at", "tenant", "id", "what", "actor", "job", "data", "link"}, rows[0])
	require.Len(t, rows, 1+len(before)+2, "with the request for it and its start")
	for i, e := range before {
		row := rows[1+i]
		require.Equal(t, []string{
			fmt.Sprint(e.Seq), string(source.AppendText(nil, timestamp(e.At), 0)), "acme", e.ID, e.Type, e.Actor, e.Job, string(e.Data.Data), fmt.Sprint(i + 1),
		}, row)
	}
}
