package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Without flags there is a demo: a snapshot and a file for each table and day,
// of one of its two tenants.
func TestDemo(t *testing.T) {
	t.Parallel()
	at := newPlace(t)
	o := process(t, spec{}, at.flags()...)
	require.Zero(t, o.code, "%v", o)
	require.Equal(t, "verified: 94 files, 200000 rows", o.last())
	t.Logf("the demo took %s", o.took)
	require.Regexp(t, `(?m)^snapshot: 100 % · 100,000 rows · `, o.stdout)
	require.Regexp(t, `(?m)^daily: 100 % · 100,000 rows · `, o.stdout)
	all, err := archives(at.out)
	require.NoError(t, err)
	require.Len(t, all, 2)
	requireNothingElse(t, at.out, all)
	snapshot, daily := all[0], all[1]
	if len(snapshot.Files) != 1 {
		snapshot, daily = daily, snapshot
	}
	require.Len(t, snapshot.Files, 1)
	require.Len(t, daily.Files, 3*31)
	requireDemoSnapshot(t, at, snapshot)
	requireDemoDays(t, at, daily)

	// The same again is the same, at once; as JSON an array of the two.
	o = process(t, spec{}, at.flags("-json")...)
	require.Zero(t, o.code, "%v", o)
	require.Less(t, o.took, 10*time.Second)
	var manifests []archive
	require.NoError(t, json.Unmarshal([]byte(o.stdout), &manifests))
	require.Equal(t, []archive{*snapshot, *daily}, manifests)
	require.NotContains(t, o.stderr, "making a demo")

	// Any flag that chooses an export makes that one, of the same data.
	o = process(t, spec{}, at.flags("-tenant", "globex", "-dataset", "invoices", "-format", "excel")...)
	require.Equal(t, "verified: 1 files, 4000 rows", o.last(), "%v", o)
	o = process(t, spec{}, at.flags("-dataset", "users", "-from", "2026-10-05", "-to", "2026-10-07", "-interval", "day")...)
	require.Regexp(t, `^verified: 2 files, [0-9]+ rows$`, o.last(), "%v", o)
}

// demoTables are what SQLite itself says of the demo's tables.
var demoTables = map[string]string{
	"users":    `select user_id, org_id, name, email, %s from users`,
	"invoices": `select invoice_id, org_id, customer, printf('%%.2f', amount), currency, coalesce(strftime('%%Y-%%m-%%dT%%H:%%M:%%S', paid_at), '` + null + `'), %s from invoices`,
	"runs":     `select run_id, org_id, user_id, workspace, prompt, tokens, printf('%%.4f', credit_cost), iif(failed, 'true', 'false'), coalesce(meta, '` + null + `'), %s from runs`,
}

func demoRows(t *testing.T, at place, table, where string) []string {
	t.Helper()
	text := fmt.Sprintf(demoTables[table], `strftime('%Y-%m-%dT%H:%M:%S', created_at)`) + ` where org_id = 'acme'` + where
	rows, err := query(at.state+".demo.db", text)
	require.NoError(t, err)
	return rows
}

func requireDemoSnapshot(t *testing.T, at place, a *archive) {
	t.Helper()
	total := 0
	for table := range demoTables {
		rows := demoRows(t, at, table, "")
		total += len(rows)
		for _, d := range a.Datasets {
			if d.Name == table {
				require.EqualValues(t, len(rows), d.Rows)
			}
		}
	}
	require.Equal(t, 100_000, total)
	// The day files below are compared value by value, the snapshot by its users.
	file := readFile(t, at.out, a, a.Files[0])
	require.ElementsMatch(t, demoRows(t, at, "users", ""), file["users"])
	require.Len(t, file["runs"], 95_000)
	for _, row := range file["runs"] {
		require.Equal(t, "acme", strings.SplitN(row, "|", 3)[1])
	}
}

func requireDemoDays(t *testing.T, at place, a *archive) {
	t.Helper()
	days := make(map[string]int)
	for _, f := range a.Files {
		require.Equal(t, 24*time.Hour, f.To.Sub(f.From))
		day := f.From.Format(time.DateOnly)
		days[f.Dataset+day]++
		require.Contains(t, f.Name, day)
		if f.From.Day()%10 != 7 { // three of the days, whole; their counts are the manifest's for all
			continue
		}
		rows := readFile(t, at.out, a, f)[f.Dataset]
		for i := range rows { // an empty field is a null here
			rows[i] = strings.ReplaceAll(rows[i], "||", "|"+null+"|")
		}
		require.ElementsMatch(t, demoRows(t, at, f.Dataset, " and date(created_at) = '"+day+"'"), rows, "%s", f.Name)
	}
	require.Len(t, days, 3*31)
	for table := range demoTables {
		require.Equal(t, 1, days[table+"2026-10-01"])
		require.Equal(t, 1, days[table+"2026-10-31"])
	}
}

// A demo database that was not finished is made anew.
func TestDemo_UnfinishedDatabase(t *testing.T) {
	t.Parallel()
	at := newPlace(t)
	unfinished := at.state + ".demo.db.unfinished"
	require.NoError(t, os.WriteFile(unfinished, []byte("half of it"), 0o600))
	require.NoError(t, os.WriteFile(unfinished+"-journal", []byte("half of it"), 0o600))
	o := process(t, spec{}, at.flags("-dataset", "users")...)
	require.Equal(t, "verified: 1 files, 1000 rows", o.last(), "%v", o)
	left, err := filepath.Glob(unfinished + "*")
	require.NoError(t, err)
	require.Empty(t, left)
}
