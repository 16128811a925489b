package plan_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/exportyard/exportyard/internal/calendar"
	"github.com/exportyard/exportyard/internal/plan"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/slicesource"
)

type event struct {
	ID  int64     `export:"id,key"`
	Org string    `export:"org,tenant"`
	At  time.Time `export:"at,time"`
}

var (
	begin = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	end   = begin.AddDate(0, 1, 0)
)

// events makes n rows, spread over October 2026.
func events(n int) []event {
	rows := make([]event, n)
	for i := range rows {
		rows[i] = event{ID: int64(i), Org: "acme", At: begin.Add(end.Sub(begin) / time.Duration(n) * time.Duration(i)).Truncate(time.Microsecond)}
	}
	return rows
}

// cutter returns a cutter of a source, and a plan with its datasets.
func cutter(t require.TestingT, rows []event) (*plan.Cutter, *plan.Plan) {
	src, err := slicesource.New("events", rows, nil)
	require.NoError(t, err)
	catalog, err := src.Datasets(context.Background(), "acme")
	require.NoError(t, err)
	d := catalog[0]
	c := &plan.Cutter{
		Source: src, Tenant: "acme", Job: "j1", Created: end, Keys: "{tenant}/{job}",
		From: begin, To: end, Zone: time.UTC, Joins: true, PartRows: 10, PartBytes: 1 << 30, MaxParts: 1000,
	}
	return c, &plan.Plan{Layout: plan.Files, Datasets: []plan.Dataset{{
		Name: d.Name, Schema: d.Schema, Columns: len(d.Schema), Key: d.Key, Tenant: d.Tenant, Time: d.Time,
	}}}
}

// D6, R20: whatever the limits and the unit, every row is in exactly one part,
// and no part holds more than it may.
func TestD6_PartsTileTheRows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 300).Draw(t, "rows")
		c, p := cutter(t, events(n))
		c.PartRows = rapid.Int64Range(1, 100).Draw(t, "part rows")
		c.Unit = rapid.SampledFrom([]calendar.Unit{calendar.Whole, calendar.Day, calendar.Week, calendar.Month}).Draw(t, "unit")
		c.Joins = rapid.Bool().Draw(t, "joins")
		parts, rows, err := c.Cut(context.Background(), p)
		require.NoError(t, err)
		require.EqualValues(t, n, rows)
		var sum int64
		files := map[int]int{}
		for i, part := range parts {
			q := p.Datasets[part.Dataset].Query("acme", part.Period)
			q.After, q.UpTo = part.After, part.UpTo
			held, err := source.Count(context.Background(), c.Source, q)
			require.NoError(t, err)
			require.LessOrEqual(t, held, c.PartRows)
			sum += held
			files[part.File]++
			require.Equal(t, part.File, len(files)-1, "part %d: files are numbered in the order of their parts", i)
			require.True(t, c.Joins || files[part.File] == 1, "what cannot be joined has a file of its own")
		}
		require.EqualValues(t, n, sum)
	})
}

// The ends that a request leaves open are those of the data's own periods.
func TestCut_FillsOpenEnds(t *testing.T) {
	t.Parallel()
	c, p := cutter(t, events(31))
	c.From, c.To, c.Unit = time.Time{}, time.Time{}, calendar.Month
	parts, _, err := c.Cut(t.Context(), p)
	require.NoError(t, err)
	require.True(t, p.From.Equal(begin) && p.To.Equal(end), "%v until %v", p.From, p.To)
	require.Len(t, parts, 4, "31 rows of one month, 10 in a part")
	require.Equal(t, []string{"acme/j1"}, p.Folders)
}

// D16: what is too large says which range would fit.
func TestD16_TooLarge(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for _, tt := range []struct {
		name    string
		partsOf int64
		unit    calendar.Unit
		text    string
		fits    string
	}{
		{"too many periods", 1000, calendar.Day, "the range has more than 20 periods", "2026-10-21T00:00:00+02:00"},
		{"too many parts", 1, calendar.Week, "the export needs more than 20 parts", "2026-10-12T00:00:00+02:00"},
		{"too many parts in the first period", 1, calendar.Whole, "the export needs more than 20 parts", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, p := cutter(t, events(50))
			c.From, c.To = begin.Add(-2*time.Hour), end
			c.PartRows, c.Unit, c.Zone, c.MaxParts = tt.partsOf, tt.unit, berlin, 20
			_, _, err := c.Cut(t.Context(), p)
			var large *plan.TooLargeError
			require.ErrorAs(t, err, &large)
			require.EqualError(t, large, tt.text)
			if tt.fits == "" {
				require.Zero(t, large.Fits)
				return
			}
			require.Equal(t, tt.fits, large.Fits.Format(time.RFC3339))
			require.Equal(t, "2026-10-01T00:00:00+02:00", large.From.Format(time.RFC3339))
		})
	}
}

// A dataset that is left out has no part and no folder.
func TestCut_Skipped(t *testing.T) {
	t.Parallel()
	c, p := cutter(t, events(5))
	c.Keys = "{job}/{dataset}"
	p.Datasets = append(p.Datasets, plan.Dataset{Name: "ghosts", Skipped: "off"})
	parts, rows, err := c.Cut(t.Context(), p)
	require.NoError(t, err)
	require.EqualValues(t, 5, rows)
	require.Len(t, parts, 1)
	require.Equal(t, "j1/events/events", parts[0].Base)
	require.Equal(t, fmt.Sprint([]string{"j1/manifest", "j1/all", "j1/events"}), fmt.Sprint(p.Folders))
}
