package sourcetest_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sourcetest"
)

func harness(fault string) sourcetest.Harness {
	return sourcetest.Harness{Timeout: 10 * time.Second, Load: func(_ testing.TB, tables []sourcetest.Table) source.Source {
		return &memory{tables: tables, fault: fault}
	}}
}

// A source that keeps every rule passes.
func TestGoodSource(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, func(*testing.T) sourcetest.Harness { return harness("") })
}

// What a source lacks is neither in the tables nor asked for.
func TestLacks(t *testing.T) {
	t.Parallel()
	lacks := make(map[sourcetest.Feature]string)
	for _, f := range []sourcetest.Feature{
		sourcetest.Counter, sourcetest.Splitter, sourcetest.Spanner, sourcetest.CountedReader, sourcetest.RawReader, sourcetest.Snapshotter, sourcetest.Keyless,
		sourcetest.NaN, sourcetest.Infinity, sourcetest.NUL, sourcetest.AllYears,
	} {
		lacks[f] = "the store has none"
	}
	for _, k := range []source.Kind{
		source.Bool, source.Float64, source.Decimal(5, 2), source.Bytes, source.Date, source.DateTime, source.UUID, source.JSON,
	} {
		lacks[sourcetest.KindOf(k)] = "the store has none"
	}
	var names []string
	h := sourcetest.Harness{Lacks: lacks, Load: func(_ testing.TB, tables []sourcetest.Table) source.Source {
		for _, table := range tables {
			names = append(names, table.Dataset.Name)
			for _, f := range table.Dataset.Schema {
				require.Contains(t, []source.Kind{source.String, source.Int64, source.Timestamp}, f.Kind)
			}
		}
		return struct{ source.Source }{&memory{tables: tables, fault: "not counted"}}
	}}
	require.Empty(t, sourcetest.Check(t, h))
	require.Equal(t, []string{"things"}, names, "every other table has a role for a kind that is lacking")
}

// faults are ways to break a rule, and the rule that must find each.
var faults = []struct{ fault, rule string }{
	{"catalog changes", "catalog_stable"},
	{"dataset twice", "catalog_stable"},
	{"tenant and unguarded", "catalog_valid"},
	{"time is not temporal", "catalog_valid"},
	{"dataset missing", "catalog_complete"},
	{"decimal declared float", "catalog_complete"},
	{"nullable declared required", "catalog_complete"},
	{"unknown dataset unnamed", "unknown_dataset"},
	{"names fold case", "unknown_dataset"},
	{"no order", "rows_exact"},
	{"keys as texts", "rows_exact"},
	{"drops the last row", "rows_exact"},
	{"gives a row twice", "rows_exact"},
	{"all tenants", "rows_exact"},
	{"decimals through floats", "rows_exact"},
	{"integers through floats", "rows_exact"},
	{"times to the millisecond", "rows_exact"},
	{"empty is null", "rows_exact"},
	{"compacts JSON", "rows_exact"},
	{"trims strings", "rows_exact"},
	{"natural order of columns", "rows_columns"},
	{"no guards", "rows_columns"},
	{"order changes", "rows_stable"},
	{"tenants fold case", "tenant_text"},
	{"tenants by prefix", "tenant_text"},
	{"to is inclusive", "time_range"},
	{"from is exclusive", "time_range"},
	{"bounds by the wall clock", "time_range"},
	{"bounds to the millisecond", "time_range"},
	{"null times in every range", "time_tiles"},
	{"ignores NullTime", "time_null"},
	{"filters drop nulls", "filter_in"},
	{"an empty filter keeps all", "filter_in"},
	{"filters fold case", "filter_in"},
	{"filters trim spaces", "filter_in"},
	{"filters on floats keep nothing", "filter_refuse"},
	{"filters take 999 values", "filter_many"},
	{"ignores subjects", "subject"},
	{"subjects fold case", "subject"},
	{"After is inclusive", "key_bounds"},
	{"UpTo is exclusive", "key_bounds"},
	{"bounds by the first key column", "key_bounds"},
	{"bounds replace filters", "mixed"},
	{"ignores what it cannot do", "refuse_role"},
	{"end with rows", "read_end"},
	{"nil at the end", "read_end"},
	{"wraps the end", "read_end"},
	{"starts again after the end", "read_end"},
	{"one row a batch", "read_full"},
	{"never full", "read_full"},
	{"one row too many", "read_full"},
	{"fills the first batch", "read_batches"},
	{"ignores ctx", "cancel_before"},
	{"canceled looks like the end", "cancel_between"},
	{"goes on after canceled", "cancel_between"},
	{"closes once", "close"},
	{"closing early keeps the connection", "close"},
	{"one reader at a time", "concurrent"},
	{"not raw", "raw_rows"},
	{"raw: natural order of columns", "raw_rows"},
	{"raw: null is empty", "raw_rows"},
	{"raw: forgets the last row", "raw_rows"},
	{"raw: stops at a full batch", "raw_rows"},
	{"raw: end with rows", "raw_end"},
	{"raw: nil at the end", "raw_end"},
	{"raw: wraps the end", "raw_end"},
	{"raw: starts again after the end", "raw_end"},
	{"raw: one row a batch", "raw_full"},
	{"raw: never full", "raw_full"},
	{"raw: cuts by turns", "raw_full"},
	{"raw: fills the first batch", "raw_batches"},
	{"raw: keeps the arena", "raw_batches"},
	{"raw: decodes in place", "raw_batches"},
	{"raw: one decoder at a time", "raw_concurrent"},
	{"ignores ctx", "raw_cancel"},
	{"raw: canceled looks like the end", "raw_cancel"},
	{"raw: goes on after canceled", "raw_cancel"},
	{"counts without the filters", "count"},
	{"splits at the first key", "split"},
	{"splits without the bounds", "split"},
	{"splits without a key", "split_keyless"},
	{"span of all tenants", "span"},
	{"span counts nulls as 1970", "span"},
	{"snapshots of one name", "snapshot"},
	{"found snapshots cannot count", "snapshot"},
	{"snapshots are empty", "snapshot"},
	{"finds closed snapshots", "snapshot_gone"},
	{"closed snapshots are read", "snapshot_gone"},
	{"counts what is left", "counted_reader"},
	{"count unknown", "counted_reader"},
	{"not counted", "counted_reader"},
}

// Every rule is broken by a source, and the suite finds each.
func TestFaultySources(t *testing.T) {
	t.Parallel()
	for _, test := range faults {
		t.Run(test.fault, func(t *testing.T) {
			t.Parallel()
			h := harness(test.fault)
			if test.fault == "closing early keeps the connection" {
				h.Timeout = 300 * time.Millisecond
			}
			failures := sourcetest.Check(t, h, test.rule)
			require.Len(t, failures, 1, "the rule did not find it")
			require.Equal(t, test.rule, failures[0].Rule)
		})
	}
}

// What a source does not offer and does not declare lacking is a failure.
func TestUndeclaredLack(t *testing.T) {
	t.Parallel()
	failures := sourcetest.Check(t, sourcetest.Harness{Load: func(_ testing.TB, tables []sourcetest.Table) source.Source {
		return struct{ source.Source }{&memory{tables: tables}}
	}})
	var broken []string
	for _, f := range failures {
		require.NotEmpty(t, f.Error())
		broken = append(broken, f.Rule)
	}
	require.Equal(t, []string{"count", "split", "split_keyless", "span", "snapshot", "snapshot_gone"}, broken)
}

// A source that can do nothing breaks every rule, and each of these is in faults.
func TestEveryRuleHasAFault(t *testing.T) {
	t.Parallel()
	failures := sourcetest.Check(t, sourcetest.Harness{Load: func(testing.TB, []sourcetest.Table) source.Source { return broken{} }})
	require.Greater(t, len(failures), 25)
	for _, f := range failures {
		require.True(t, slices.ContainsFunc(faults, func(x struct{ fault, rule string }) bool { return x.rule == f.Rule }), f.Rule)
	}
}

// broken fails whatever it is asked.
type broken struct{}

func (broken) Datasets(context.Context, string) ([]source.Dataset, error) {
	return nil, errors.New("out of order")
}

func (broken) Open(context.Context, source.Query) (source.Reader, error) {
	return nil, errors.New("out of order")
}
