// Package column says how the columns of a wrapped query are read, sorted and
// compared: by the dialect, the field's kind, the type that the database
// reports and, where that leaves it open, by what the values look like.
package column

import (
	"context"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource/internal/dialect"
	"github.com/exportyard/exportyard/source/sqlsource/internal/stored"
)

// A View is the columns of one dataset as one query sees them.
type View struct {
	Dataset string
	Dialect dialect.Dialect
	Schema  source.Schema
	// Types are what the database reports, by field.
	Types []dialect.Class
	// Forms are the declared forms of times, by name.
	Forms map[string]stored.Form
	// KeepCollation leaves texts of the key in the order of their column's collation.
	KeepCollation bool
	Look          Look
}

// A Look asks the database about values.
type Look interface {
	// Values selects what from the rows of the tenant whose column i is not
	// null, with the end of the statement behind, and scans the first row;
	// sql.ErrNoRows when there is none.
	Values(ctx context.Context, what string, i int, end string, dest ...any) error
	// Remember returns what look found out earlier about a column, or looks.
	// The complement of a column's index is a question of its own.
	Remember(i int, look func() (Answer, error)) (Answer, error)
}

// An Answer is what a look at the values of a column gave.
type Answer struct {
	Form  stored.Form
	Which int
}

// Ref names column i of the wrapped query. The prefix matters: SQLite takes an
// unknown quoted name alone for a text.
func (v *View) Ref(i int) string { return "q." + v.Dialect.Quote(v.Schema[i].Name) }

// Read is column i as it is selected: such that the value comes as it is
// stored, whatever its driver makes of types by itself.
func (v *View) Read(i int) string {
	ref, k, c := v.Ref(i), v.Schema[i].Kind, v.Types[i]
	switch {
	case v.Dialect == dialect.SQLite:
		// Without a declared type, so that drivers convert neither dates nor bools.
		return "+" + ref
	case v.Dialect == dialect.PostgreSQL && (k == source.String || k == source.JSON):
		return "cast(" + ref + " as text)"
	case v.Dialect == dialect.MySQL && c == dialect.Float:
		return v.Dialect.ReadFloat(ref, c)
	case v.Dialect == dialect.MySQL && (c == dialect.Day || c == dialect.WallClock || c == dialect.Instant):
		return "cast(" + ref + " as char)"
	}
	return ref
}
