package contest_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/bench/internal/contest"
)

func TestRulesSpeakOfCases(t *testing.T) {
	t.Parallel()
	var outputs []string
	for _, o := range contest.Outputs() {
		require.NotContains(t, outputs, o.Name)
		outputs = append(outputs, o.Name)
		var cases []string
		for _, c := range o.Cases {
			require.NotContains(t, cases, c.Name, o.Name)
			cases = append(cases, c.Name)
			kinds := 0
			for _, set := range []bool{c.Task != nil, c.Psql != nil, c.DuckDB.Threads > 0} {
				if set {
					kinds++
				}
			}
			require.Equal(t, 1, kinds, "%s: %s is made in one way", o.Name, c.Name)
		}
		require.NotEmpty(t, o.Targets, o.Name)
		for _, target := range o.Targets {
			require.Subset(t, cases, []string{target.Ours, target.Peer}, o.Name)
			require.Greater(t, target.Aim, target.Must, o.Name)
		}
		for _, size := range o.Sizes {
			require.Subset(t, cases, []string{size.Ours, size.Peer}, o.Name)
		}
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		only    []string
		outputs []string
		groups  []contest.Group
	}{
		{name: "one output", only: []string{"parquet"}, outputs: []string{"parquet"}, groups: []contest.Group{contest.Ours, contest.Naive, contest.DuckDB}},
		{name: "one output, two groups", only: []string{"csv", "ours", "psql"}, outputs: []string{"csv"}, groups: []contest.Group{contest.Ours, contest.Psql}},
		{name: "a group", only: []string{"excelize"}, outputs: []string{"xlsx"}, groups: []contest.Group{contest.Excelize}},
		{
			name: "a part", only: []string{"encoders", "naive"},
			outputs: []string{"csv-encoder", "ndjson-encoder", "parquet-encoder"}, groups: []contest.Group{contest.Naive},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := contest.Select(contest.Outputs(), tt.only)
			require.NoError(t, err)
			var outputs []string
			var groups []contest.Group
			for _, o := range got {
				outputs = append(outputs, o.Name)
				for _, c := range o.Cases {
					if !slices.Contains(groups, c.Group) {
						groups = append(groups, c.Group)
					}
				}
			}
			require.Equal(t, tt.outputs, outputs)
			require.Equal(t, tt.groups, groups)
		})
	}
	all, err := contest.Select(contest.Outputs(), nil)
	require.NoError(t, err)
	require.Len(t, all, len(contest.Outputs()))
	_, err = contest.Select(all, []string{"cvs"})
	require.ErrorContains(t, err, `"cvs": choose among csv, csv.gz`)
}
