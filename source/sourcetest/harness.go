package sourcetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/exportyard/exportyard/source"
)

// A Harness connects the suite to one kind of source.
type Harness struct {
	// Load returns a source that holds exactly the tables, see the package
	// documentation. What it starts it ends in t.Cleanup.
	Load func(t testing.TB, tables []Table) source.Source
	// Tables are what Load is given, for a source whose datasets are not of the test's
	// choice; see [NewTable]. Default: nil, the suite's own.
	Tables []Table
	// Lacks says what the source, or the store under it, cannot do, and why.
	// The rules about it are skipped with that reason, and values that need it
	// are not in the tables. Default: it can do everything.
	Lacks map[Feature]string
	// Timeout bounds each rule. Default: 30 s.
	Timeout time.Duration
}

// A Feature is something that not every source has.
type Feature string

// The features. Those of the source are its optional interfaces; those of the
// store are values that some databases cannot hold.
const (
	// Counter is [source.Counter].
	Counter Feature = "counter"
	// Splitter is [source.Splitter].
	Splitter Feature = "splitter"
	// Spanner is [source.Spanner].
	Spanner Feature = "spanner"
	// Snapshotter is [source.Snapshotter].
	Snapshotter Feature = "snapshotter"
	// CountedReader is [source.CountedReader] with known counts.
	CountedReader Feature = "counted reader"
	// RawReader is [source.RawReader], of every query's reader.
	RawReader Feature = "raw reader"
	// Keyless is a dataset without a key.
	Keyless Feature = "dataset without a key"
	// NaN is a Float64 that is not a number.
	NaN Feature = "NaN"
	// Infinity is an infinite Float64.
	Infinity Feature = "infinity"
	// NUL is the character U+0000 in a String.
	NUL Feature = "U+0000 in strings"
	// AllYears are dates outside the years 1970 to 2037.
	AllYears Feature = "years outside 1970 to 2037"
)

// KindOf is the feature of holding cells of a kind, named by [source.Kind.Base].
// String, Int64 and Timestamp are never lacking.
func KindOf(k source.Kind) Feature {
	if k.Base() == source.AnyDecimal {
		return "decimals"
	}
	return Feature(k.Base().String())
}

// A Failure is a rule that a source broke.
type Failure struct {
	// Rule is the short name, which is also the name of the subtest.
	Rule string
	// Says is the rule as a sentence.
	Says string
	// Err is what was seen.
	Err error
}

// Error prints rule and finding.
func (f Failure) Error() string { return fmt.Sprintf("rule %s: %s\nseen: %v", f.Rule, f.Says, f.Err) }

// Run checks every rule as a subtest.
func Run(t *testing.T, harness func(t *testing.T) Harness) {
	t.Helper()
	s := newSuite(t, harness(t))
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			if reason := s.lacks(r); reason != "" {
				t.Skip(reason)
			}
			if err := s.check(r); err != nil {
				t.Error(Failure{Rule: r.name, Says: r.says, Err: err}.Error())
			}
		})
	}
}

// Check checks the rules of those names, or all when none is named, and returns
// those that the source broke. It is how the suite is tested itself.
func Check(t testing.TB, h Harness, names ...string) []Failure {
	t.Helper()
	s := newSuite(t, h)
	var failures []Failure
	for _, r := range rules() {
		if s.lacks(r) != "" || len(names) > 0 && !slices.Contains(names, r.name) {
			continue
		}
		if err := s.check(r); err != nil {
			failures = append(failures, Failure{Rule: r.name, Says: r.says, Err: err})
		}
	}
	return failures
}

// A rule is one sentence of the contract and the test that keeps it.
type rule struct {
	name  string
	says  string
	needs Feature // empty: every source
	test  func(ctx context.Context, s *suite) error
}

// A suite is one loaded source with what it should hold.
type suite struct {
	h      Harness
	src    source.Source
	tables []Table
}

func newSuite(t testing.TB, h Harness) *suite {
	t.Helper()
	if h.Timeout == 0 {
		h.Timeout = 30 * time.Second
	}
	s := &suite{h: h, tables: h.Tables}
	if s.tables == nil {
		s.tables = makeTables(h.Lacks)
	}
	s.src = h.Load(t, s.tables)
	if s.src == nil {
		t.Fatal("sourcetest: Load returned no source")
	}
	return s
}

func (s *suite) lacks(r rule) string {
	reason, lacks := s.h.Lacks[r.needs]
	if lacks && reason == "" {
		reason = "the harness gives no reason"
	}
	if !lacks {
		return ""
	}
	return fmt.Sprintf("this source lacks %s: %s", r.needs, reason)
}

// check runs one rule within the harness's timeout. A panic of the source is
// a finding like any other.
func (s *suite) check(r rule) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.h.Timeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return r.test(ctx, s)
}
