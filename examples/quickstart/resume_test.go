package main

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// One large table without an interval is one file, yet a kill near its end
// does not begin it anew: it is read in parts, and those that were done stay.
func TestR5_KilledNearTheEndOfOneTable(t *testing.T) {
	t.Parallel()
	rows, s := 300_000, spec{PartRows: 6_000} // as 5,000,000 and the default of 100,000
	if full() {
		rows, s = 5_000_000, spec{}
	}
	for _, codec := range []string{"none", "gzip"} {
		t.Run(codec, func(t *testing.T) {
			t.Parallel()
			db := filepath.Join(t.TempDir(), "large.db")
			require.NoError(t, execute(db, fmt.Sprintf(`pragma journal_mode = off; create table rows (id integer primary key, name text not null, amount decimal(12,2) not null);
				with recursive i(n) as (select 1 union all select n + 1 from i where n < %d) insert into rows select n, 'row ' || (n * 7919 %% 1000003), n * 37 %% 10000 / 100.0 from i;`, rows)))
			at := newPlace(t)
			args := at.flags("-db", db, "-format", "csv", "-compress", codec)
			s := s
			s.KillRows = int64(rows) * 9 / 10
			o := process(t, s, args...)
			require.True(t, o.killed(), "%v", o)
			s.KillRows, s.RowsFile = 0, filepath.Join(t.TempDir(), "rows")
			o = process(t, s, args...)
			require.Equal(t, fmt.Sprintf("verified: 1 files, %d rows", rows), o.last(), "%v", o)
			a := onlyArchive(t, at.out)
			requireLarge(t, filepath.Join(at.out, filepath.FromSlash(a.Files[0].Key)), rows)
			text, err := os.ReadFile(s.RowsFile)
			require.NoError(t, err)
			again, err := strconv.Atoi(string(text))
			require.NoError(t, err)
			t.Logf("%d of %d rows were read after the kill", again, rows)
			require.LessOrEqual(t, again, rows/5)
		})
	}
}

// requireLarge requires exactly the rows of the large table, in the order of its key.
func requireLarge(t *testing.T, name string, rows int) {
	t.Helper()
	f, err := os.Open(name)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	lines := bufio.NewScanner(f)
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(f)
		require.NoError(t, err)
		lines = bufio.NewScanner(z)
	}
	require.True(t, lines.Scan())
	require.Equal(t, "id,name,amount", lines.Text())
	for n := 1; n <= rows; n++ {
		require.True(t, lines.Scan(), "row %d: %v", n, lines.Err())
		cents := n * 37 % 10000
		want := fmt.Sprintf("%d,row %d,%d.%02d", n, n*7919%1000003, cents/100, cents%100)
		if got := lines.Text(); got != want {
			require.Equal(t, want, got)
		}
	}
	require.False(t, lines.Scan())
	require.NoError(t, lines.Err())
}
