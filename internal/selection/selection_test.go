package selection_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/internal/selection"
	"github.com/exportyard/exportyard/source"
)

// catalog has a dataset of each sort.
func catalog() []source.Dataset {
	org := source.Field{Name: "org", Kind: source.String}
	return []source.Dataset{
		{
			Name: "runs", Area: "chat", Tenant: "org", Time: "at", Key: []string{"id"},
			Schema: source.Schema{
				{Name: "id", Kind: source.Int64},
				org,
				{Name: "at", Kind: source.Timestamp},
				{Name: "token", Kind: source.String, Sensitivity: source.Secret},
				{Name: "note", Kind: source.String, OffByDefault: true},
			},
		},
		{Name: "plans", Area: "billing", Unguarded: true, Schema: source.Schema{{Name: "name", Kind: source.String}}},
		{Name: "ghosts", Area: "chat", Off: "the module is off", Tenant: "org", Schema: source.Schema{org}},
	}
}

// B1, B2, A5: all and areas take what can be taken, and say why the rest is left out.
func TestB2_LeavesOut(t *testing.T) {
	t.Parallel()
	picked, wrong := selection.Wish{Tenant: "acme", All: true, Bounded: true, Format: csvfmt.Format{}}.Pick(catalog())
	require.Empty(t, wrong)
	require.Len(t, picked, 3)
	require.Equal(t, []string{"id", "org", "at"}, picked[0].Written().Names())
	require.Equal(t, []manifest.Omission{{Field: "token", Reason: "secret"}, {Field: "note", Reason: "off by default"}}, picked[0].Omitted)
	require.Equal(t, "it has no time column", picked[1].Skipped)
	require.Equal(t, "the module is off", picked[2].Skipped)
	picked, wrong = selection.Wish{Tenant: "acme", Areas: []string{"billing"}}.Pick(catalog())
	require.Empty(t, wrong)
	require.Len(t, picked, 1)
	require.True(t, picked[0].Unguarded)
}

// D5: what guards the rows is read also when it is not wanted, and not written.
func TestD5_ReadsWhatGuards(t *testing.T) {
	t.Parallel()
	picked, wrong := selection.Wish{Tenant: "acme", Bounded: true, Datasets: []selection.Dataset{{Name: "runs", Columns: []string{"note", "id"}}}}.Pick(catalog())
	require.Empty(t, wrong)
	require.Equal(t, []string{"note", "id", "org", "at"}, picked[0].Schema.Names())
	require.Equal(t, []string{"note", "id"}, picked[0].Written().Names())
}

// Everything that is wrong is said at once.
func TestPick_AllProblems(t *testing.T) {
	t.Parallel()
	_, wrong := selection.Wish{Tenant: "acme", Bounded: true, Datasets: []selection.Dataset{
		{Name: "runs", Columns: []string{"token", "id", "id", "none"}, Filters: []source.Filter{{Column: "id", In: []string{"x"}}, {Column: "note"}}},
		{Name: "runs"},
		{Name: "ghosts"},
		{Name: "none"},
		{Name: "plans"},
	}}.Pick(catalog())
	var got []string
	for _, p := range wrong {
		got = append(got, p.Code+" "+p.Field)
	}
	require.Equal(t, []string{
		"secret_field datasets[0].columns[0]", "duplicate_field datasets[0].columns[2]", "unknown_field datasets[0].columns[3]",
		"bad_filter datasets[0].filters[0].in[0]", "bad_filter datasets[0].filters[1]",
		"exclusive datasets[1]", "dataset_off datasets[2]", "unknown_dataset datasets[3]", "no_time_column datasets[4]",
	}, got)
}
