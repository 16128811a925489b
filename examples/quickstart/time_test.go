package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// SQLite has no type for times. A column whose values all say times in one
// form cuts its table by the day, whatever it is declared as; about any other
// the message says what would do.
func TestTimeColumn(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "times.db")
	require.NoError(t, execute(db, `create table a (id integer primary key, plain text, declared datetime, zulu text, day text, unix integer, millis integer,
			mixed text, offset text, word text, julian real);
		insert into a values
			(1, '2026-10-01 23:59:59', '2026-10-01 23:59:59', '2026-10-01T23:59:59Z', '2026-10-01', 1790899199, 1790899199000, '2026-10-01', '2026-10-01T08:00:00+02:00', 'x', 2461315.5),
			(2, '2026-10-02 00:00:00', '2026-10-02 00:00:00', '2026-10-02T00:00:00Z', '2026-10-02', 1790899200, 1790899200000, '2026-10-02 00:00:00', '2026-10-02T08:00:00+02:00', 'y', 2461316.5),
			(3, '2026-10-02 12:00:00', '2026-10-02 12:00:00', '2026-10-02T12:00:00Z', '2026-10-02', 1790942400, 1790942400000, '2026-10-02', '2026-10-02T18:00:00+02:00', 'z', 2461316.75);`))
	for _, column := range []string{"plain", "declared", "zulu", "day", "unix", "millis"} {
		t.Run(column, func(t *testing.T) {
			t.Parallel()
			at := newPlace(t)
			o := here(t, seams{}, at.flags("-db", db, "-time-column", column, "-interval", "day")...)
			require.Equal(t, "verified: 2 files, 3 rows", o.last(), "%v", o)
			days := make(map[string]int64)
			for _, f := range onlyArchive(t, at.out).Files {
				days[f.From.Format(time.DateOnly)] = f.Rows
			}
			require.Equal(t, map[string]int64{"2026-10-01": 1, "2026-10-02": 2}, days)
		})
	}
	for _, column := range []string{"mixed", "offset", "word", "julian"} {
		t.Run(column, func(t *testing.T) {
			t.Parallel()
			o := here(t, seams{}, newPlace(t).flags("-db", db, "-time-column", column, "-interval", "day")...)
			requireNamed(t, o, []string{`-time-column: the column "` + column + `" of the table "a" holds no times`})
			require.Contains(t, o.stderr, "2026-10-01 08:00:00")
		})
	}
}
