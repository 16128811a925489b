package export_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/slicesource"
)

// A7, A9: one file per day, exactly the day's rows in each, empty days
// included unless they are to be skipped.
func TestA7_OneFilePerDay(t *testing.T) {
	t.Parallel()
	rows := october()
	rows = slices.DeleteFunc(rows, func(r run) bool { return r.Created.Day() == 9 })
	h := newHouse(t, func(c *export.Config) { c.Source = runsOf(t, rows) })
	h.start()
	r := export.Request{
		Tenant: "acme", All: true, Format: "csv", Compression: export.Gzip, Interval: export.Day, Zone: "Europe/Berlin",
		From: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
	}
	j, m := h.completed(r)
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	require.Len(t, m.Files, 32, "31 days, and the first hours of 1 November in Berlin")
	empty := 0
	for i, f := range m.Files {
		require.Equal(t, "runs_"+f.From.In(berlin).Format(time.DateOnly)+".csv.gz", f.Name)
		if i > 0 {
			require.Equal(t, m.Files[i-1].To, f.From, "periods tile")
		}
		got := h.rows(j, i)
		require.Len(t, got, int(f.Rows))
		if f.Rows == 0 {
			empty++
		}
		for _, row := range got {
			at, err := time.Parse(time.RFC3339, row[len(row)-1])
			require.NoError(t, err)
			require.False(t, at.Before(f.From))
			require.True(t, at.Before(f.To))
		}
	}
	require.Equal(t, 1, empty)
	require.Equal(t, wantIDs(rows, "acme"), h.ids(j, m))
	require.Equal(t, 25*time.Hour, m.Files[24].To.Sub(m.Files[24].From), "25 October has 25 hours in Berlin")

	r.SkipEmpty = true
	_, skipped := h.completed(r)
	require.Len(t, skipped.Files, 31)
	require.Equal(t, m.Rows, skipped.Rows)
}

// A8: months; a range that starts in the middle of one gives a first file that
// covers its part of it. Open ends are the data's own.
func TestA8_OneFilePerMonth(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	from := time.Date(2026, 9, 15, 12, 0, 0, 0, time.UTC)
	_, m := h.completed(export.Request{Tenant: "acme", All: true, Format: "csv", Interval: export.Month, From: from})
	require.Len(t, m.Files, 2)
	require.Equal(t, from, m.Files[0].From)
	require.Equal(t, "runs_2026-09.csv", m.Files[0].Name)
	require.Equal(t, int64(300), m.Files[1].Rows)
	_, m = h.completed(export.Request{Tenant: "acme", All: true, Format: "csv", Interval: export.Month})
	require.Len(t, m.Files, 1)
	require.Equal(t, time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), m.Files[0].From)
	require.Equal(t, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), m.Files[0].To)
}

// B1, B2: one gzipped JSON with a key for each dataset; what is off is absent
// and the manifest says why. Parts of one dataset are joined into valid JSON.
func TestB1_Snapshot(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *export.Config) { c.Source = threeDatasets(t) })
	h.start()
	j, m := h.completed(export.Request{Tenant: "acme", Kind: "snapshot", All: true, Format: "json", Compression: export.Gzip})
	require.Len(t, m.Files, 1)
	require.Equal(t, "snapshot.json.gz", m.Files[0].Name)
	require.Equal(t, []string{"runs", "invoices"}, m.Files[0].Datasets)
	require.Greater(t, j.Progress.Parts, 8, "runs were cut into parts")
	var doc map[string][]map[string]any
	require.NoError(t, json.Unmarshal(h.content(j, 0), &doc))
	require.Len(t, doc, 2)
	require.Len(t, doc["runs"], 300)
	require.Len(t, doc["invoices"], 2)
	require.Equal(t, manifest.Dataset{Name: "ghosts", Skipped: "the module is off"}, m.Datasets[2])
}

// D6: the same rows, in one part or in many, give the same file.
func TestD6_PartsJoinIntoTheSameFile(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"csv", "ndjson", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			var files []string
			for _, rows := range []int64{1, 7, 40, 1_000_000} {
				h := newHouse(t, func(c *export.Config) { c.PartRows, c.Parts = rows, 4 })
				h.start()
				j, m := h.completed(export.Request{Tenant: "acme", All: true, Format: format, Compression: export.Gzip})
				require.Len(t, m.Files, 1)
				files = append(files, string(h.content(j, 0)))
				require.Equal(t, int64(300), m.Datasets[0].Rows)
			}
			for _, f := range files[1:] {
				require.Equal(t, files[0], f)
			}
		})
	}
}

// D6: the file limits roll files at the boundary of a part; formats that
// cannot be joined give a file for each part.
func TestD6_FilesRoll(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *export.Config) { c.FileRows = 100 })
	h.start()
	j, m := h.completed(export.Request{Tenant: "acme", All: true, Format: "csv"})
	var names []string
	for i, f := range m.Files {
		names = append(names, f.Name)
		require.LessOrEqual(t, f.Rows, int64(100))
		require.True(t, strings.HasPrefix(string(h.content(j, i)), "run_id,"), "each file has its header")
	}
	require.Equal(t, []string{"runs-0001.csv", "runs-0002.csv", "runs-0003.csv", "runs-0004.csv"}, names)
	require.Equal(t, wantIDs(october(), "acme"), h.ids(j, m))

	_, m = h.completed(export.Request{Tenant: "acme", All: true, Format: "parquet"})
	require.Len(t, m.Files, 8)
	require.Equal(t, "runs-0008.parquet", m.Files[7].Name)
	require.Equal(t, int64(300), m.Rows)
}

// C6, C11: the chosen columns in the chosen order; filters keep what they say.
func TestC6_ColumnsInOrderAndFilters(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	j, m := h.completed(export.Request{Tenant: "acme", Format: "csv", Datasets: []export.Selection{{
		Name: "runs", Columns: []string{"created", "run_id"}, Filters: []source.Filter{{Column: "run_id", In: []string{"4", "2", "3"}}},
	}}})
	require.Equal(t, "created,run_id\r\n2026-10-01T02:28:48Z,2\r\n2026-10-01T04:57:36Z,4\r\n", string(h.content(j, 0)))
	require.Equal(t, int64(2), m.Rows, "3 is another tenant's")
	require.Len(t, m.Datasets[0].Schema, 2, "the guard columns are not written")
}

// D2: the manifest holds what it promises.
func TestD2_Manifest(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	j, m := h.completed(export.Request{Tenant: "acme", Actor: "ann", All: true, Format: "csv", Compression: export.Gzip})
	require.Equal(t, j.Manifest, m.Key)
	require.Equal(t, manifest.FormatVersion, m.FormatVersion)
	require.Equal(t, j.ID, m.Job)
	require.Equal(t, h.clock.Now(), m.AsOf.From)
	require.Equal(t, "UTC", m.Zone)
	f := m.Files[0]
	require.Equal(t, int64(len(h.content(j, 0))), f.RawBytes)
	require.Len(t, f.SHA256, 64)
	require.Equal(t, "exact", f.Profile)
	require.Equal(t, m.Bytes, f.Bytes)
	raw, ok := h.sink.Bytes(m.Key)
	require.True(t, ok)
	for _, field := range []string{
		"format_version", "job", "tenant", "request", "as_of", "zone", "interval", "datasets", "schema", "rows", "counted", "omitted_fields",
		"files", "key", "name", "dataset", "format", "compression", "profile", "bytes", "sha256", "crc32", "raw_bytes", "raw_crc32",
	} {
		require.Contains(t, string(raw), `"`+field+`"`)
	}
	require.NoError(t, h.Sweep(context.Background()))
	require.Equal(t, keysOf(m), h.sink.Keys(), "segments that were joined are gone")
}

// R17: the same data and options give the same bytes, whatever the workers.
func TestR17_Determinism(t *testing.T) {
	t.Parallel()
	var first []string
	for i := range 20 {
		h := newHouse(t, func(c *export.Config) { c.Workers, c.Parts = 1+i%8, 1+i%3 })
		h.start()
		_, m := h.completed(export.Request{Tenant: "acme", All: true, Format: "csv", Compression: export.Gzip, Interval: export.Week})
		var sums []string
		for _, f := range m.Files {
			sums = append(sums, f.Name+" "+f.SHA256)
		}
		if first == nil {
			first = sums
		}
		require.Equal(t, first, sums)
	}
}

// The host's template decides where objects go; cleaning knows every folder of it.
func TestKeys_Template(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *export.Config) {
		c.Keys = "exports/tenant={tenant}/dataset={dataset}/year={year}/month={month}/{job}"
		c.Source = threeDatasets(t)
	})
	h.start()
	j, m := h.completed(export.Request{Tenant: "acme", All: true, Format: "csv"})
	require.Equal(t, fmt.Sprintf("exports/tenant=acme/dataset=manifest/year=2026/month=11/%s/manifest.1.json", j.ID), m.Key)
	require.Contains(t, m.Files[0].Key, "/dataset=runs/")
	require.NoError(t, h.Sweep(context.Background()))
	require.Equal(t, keysOf(m), h.sink.Keys())
}

// R35: hostile tenant and dataset names become harmless keys and file names.
func TestR35_HostileNames(t *testing.T) {
	t.Parallel()
	type thing struct {
		ID  int64  `export:"id,key"`
		Org string `export:"org,tenant"`
	}
	const tenant = "../../etc/\x00pass wd"
	var list []source.Source
	for _, name := range []string{"../up", "CON", "a/b", "a\\b", "A/B", strings.Repeat("x", 400), "bad\x01name", "x. ", "runs", "RUNS"} {
		src, err := slicesource.New(name, []thing{{1, tenant}}, nil)
		require.NoError(t, err)
		list = append(list, src)
	}
	src, err := source.Merge(list...)
	require.NoError(t, err)
	h := newHouse(t, func(c *export.Config) { c.Source = src })
	h.start()
	_, m := h.completed(export.Request{Tenant: tenant, All: true, Format: "csv"})
	require.Len(t, m.Files, len(list))
	names := map[string]bool{}
	for _, f := range m.Files {
		require.NotContains(t, f.Key, "..")
		names[strings.ToLower(f.Name)] = true
	}
	require.Len(t, names, len(list), "no two files are saved under one name")
}

// A dataset without a time column is left out of "all" when a range is asked
// for, and the manifest says so. Rows without a time are counted and named.
func TestA6_RowsWithoutTime(t *testing.T) {
	t.Parallel()
	type event struct {
		ID  int64      `export:"id,key"`
		Org string     `export:"org,tenant"`
		At  *time.Time `export:"at,time"`
	}
	at := time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC)
	events, err := slicesource.New("events", []event{{1, "acme", &at}, {2, "acme", nil}, {3, "acme", nil}}, nil)
	require.NoError(t, err)
	invoices, err := slicesource.New("invoices", []invoice{{1, "acme", 1}}, nil)
	require.NoError(t, err)
	src, err := source.Merge(events, invoices)
	require.NoError(t, err)
	h := newHouse(t, func(c *export.Config) { c.Source = src })
	h.start()
	_, m := h.completed(export.Request{Tenant: "acme", All: true, Format: "csv", Interval: export.Day})
	require.Len(t, m.Files, 1)
	require.Equal(t, int64(2), m.Datasets[0].NullTimeRows)
	require.Contains(t, m.Warnings[0], "2 rows have no at")
	require.Equal(t, "it has no time column", m.Datasets[1].Skipped)
	_, m = h.completed(export.Request{Tenant: "acme", All: true, Format: "csv"})
	require.Equal(t, int64(4), m.Rows, "without a range every row is in")
}

// An interval without bounds takes every row that has a time, also where the
// clock is set back over midnight; and gives an empty file of the present period
// when none has one.
func TestA8_OpenRange(t *testing.T) {
	t.Parallel()
	type event struct {
		ID  int64      `export:"id,key"`
		Org string     `export:"org,tenant"`
		At  *time.Time `export:"at,time"`
	}
	johns, err := time.LoadLocation("America/St_Johns")
	require.NoError(t, err)
	// On 6 November 2011 the clock went from 00:01 back to 23:01.
	first := time.Date(2011, 11, 5, 12, 0, 0, 0, johns)
	last := time.Date(2011, 11, 6, 1, 0, 0, 0, johns).Add(-90 * time.Minute) // the second 23:30
	require.Equal(t, "23:30", last.In(johns).Format("15:04"))
	for name, times := range map[string][]*time.Time{"a repeated evening": {&first, &last}, "no time at all": {nil, nil}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, err := slicesource.New("events", []event{{1, "acme", times[0]}, {2, "acme", times[1]}}, nil)
			require.NoError(t, err)
			h := newHouse(t, func(c *export.Config) { c.Source = src })
			h.start()
			_, m := h.completed(export.Request{Tenant: "acme", All: true, Format: "csv", Interval: export.Day, Zone: "America/St_Johns"})
			if times[0] == nil {
				require.Len(t, m.Files, 1)
				require.Equal(t, "events_2026-11-02.csv", m.Files[0].Name)
				require.Equal(t, int64(2), m.Datasets[0].NullTimeRows)
				return
			}
			require.Equal(t, int64(2), m.Rows)
		})
	}
}
