package sqlsource

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/exportyard/exportyard/source"
)

// A Dataset is one table or query and what its columns mean.
type Dataset struct {
	// Name identifies the dataset. Not empty, unique in the source.
	Name string
	// Title is what people read. Default: Name.
	Title string
	// Area groups datasets for people.
	Area string

	// Query is a select statement. The source wraps it and never changes it.
	// It may use the parameters :tenant, :from and :to, see the package
	// documentation. Exactly one of Query and Table is set.
	Query string
	// Table names a table or view, "name" or "schema.name". A name that
	// holds a dot itself needs a Query.
	Table string

	// Fields are the columns to offer, by the names that the query or table
	// gives them.
	Fields []source.Field
	// Key names the columns that order the rows and tell them apart. Without
	// it the dataset cannot be cut into parts by key.
	Key []string
	// Tenant names the column that says whose the row is; Unguarded says that
	// there is none. Exactly one of the two is set.
	Tenant    string
	Unguarded bool
	// Time names the column by which the dataset is cut into periods. Default: none.
	Time string
	// TimeStorage says how that column is stored. Default: [Detected].
	TimeStorage TimeStorage
	// Storage says how other temporal columns are stored. Default: [Detected].
	Storage map[string]TimeStorage
	// Subject names the column that tells which person a row is about. Default: none.
	Subject string
	// KeepCollation orders and compares text keys by the column's own
	// collation instead of byte by byte, so that an index in that collation
	// serves. The key must be unique under it, as a primary key is.
	KeepCollation bool
	// Off is asked at each reading of the catalog whether the tenant may not
	// export this dataset now, and why: "" when it may. Default: it always may.
	Off func(ctx context.Context, tenant string) (reason string, err error)
}

// Options are the settings of a [Source]. The zero value is the default.
type Options struct {
	// OmitCount leaves out the count that each read makes first, in its own
	// snapshot. A driver that stops early without an error is then not noticed.
	OmitCount bool
	// Recheck is how long a check of stored forms (see the package
	// documentation) is trusted. Default: 1 minute. Negative: never.
	Recheck time.Duration
}

// A table is a dataset made ready.
type table struct {
	Dataset
	dialect Dialect
	pieces  []piece // of the from clause
	schema  source.Schema
	forms   map[string]form // declared, by column
	known   knowledge
}

// bounds reports whether the declared query uses :from or :to.
func (t *table) bounds() bool {
	return slices.ContainsFunc(t.pieces, func(p piece) bool { return p.param == "from" || p.param == "to" })
}

// newTable checks a declaration and reports every problem at once.
func newTable(d Dialect, ds Dataset) (*table, error) {
	t := &table{Dataset: ds, dialect: d, schema: slices.Clone(ds.Fields), forms: make(map[string]form)}
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("sqlsource: dataset %q: "+format, append([]any{ds.Name}, args...)...))
	}
	if ds.Name == "" {
		wrong("it has no name")
	}
	if (ds.Tenant == "") == !ds.Unguarded {
		wrong("set exactly one of Tenant and Unguarded")
	}
	if err := t.schema.Validate(); err != nil {
		wrong("%w", err)
	}
	if err := t.setFrom(); err != nil {
		wrong("%w", err)
	}
	t.checkRoles(wrong)
	if err := t.setForms(); err != nil {
		wrong("%w", err)
	}
	if _, declared := t.forms[ds.Time]; t.bounds() && d == SQLite && !declared {
		wrong("a query with :from or :to needs Time and TimeStorage")
	}
	t.Key = slices.Clone(ds.Key)
	if t.Title == "" {
		t.Title = t.Name
	}
	return t, errors.Join(errs...)
}

func (t *table) setFrom() (err error) {
	switch {
	case (t.Query == "") == (t.Table == ""):
		return errors.New("set exactly one of Query and Table")
	case t.Table != "":
		t.pieces = []piece{{sql: quoteTable(t.dialect, t.Table) + " as q"}}
		return nil
	}
	if t.pieces, err = parseDeclared(t.dialect, t.Query); err != nil {
		return err
	}
	t.pieces[0].sql = "(" + t.pieces[0].sql
	// The line break ends a comment that the query may end with.
	t.pieces[len(t.pieces)-1].sql += "\n) as q"
	if t.bounds() && t.Time == "" {
		return errors.New("a query with :from or :to needs Time")
	}
	return nil
}

// checkRoles checks the columns that have a meaning.
func (t *table) checkRoles(wrong func(string, ...any)) {
	field := func(role, name string) (source.Kind, bool) {
		i := t.schema.Index(name)
		if i < 0 {
			wrong("%s names the column %q, which is not among the fields", role, name)
			return 0, false
		}
		return t.schema[i].Kind, true
	}
	for i, name := range t.Key {
		k, ok := field("Key", name)
		if ok && (k == source.Float64 || k == source.Bytes || k == source.JSON) {
			wrong("the key column %q has the kind %v, which is no key", name, k)
		}
		if slices.Contains(t.Key[:i], name) {
			wrong("Key names the column %q twice", name)
		}
	}
	if t.Tenant != "" {
		field("Tenant", t.Tenant)
	}
	if t.Subject != "" {
		field("Subject", t.Subject)
	}
	if t.Time != "" {
		if k, ok := field("Time", t.Time); ok && !k.Temporal() {
			wrong("the time column %q has the kind %v: want date, timestamp or datetime", t.Time, k)
		}
	} else if t.TimeStorage != Detected {
		wrong("TimeStorage is set and Time is not")
	}
}

func (t *table) setForms() error {
	declared := make(map[string]TimeStorage, len(t.Storage)+1)
	maps.Copy(declared, t.Storage)
	if t.TimeStorage != Detected {
		declared[t.Time] = t.TimeStorage
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		s := declared[name]
		i := t.schema.Index(name)
		if i < 0 || !t.schema[i].Kind.Temporal() {
			errs = append(errs, fmt.Errorf("storage is declared for %q, which is no temporal column", name))
			continue
		}
		if s == Detected {
			continue
		}
		f, err := s.form()
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("column %q: %w", name, err))
		case f.native && t.dialect == SQLite:
			errs = append(errs, fmt.Errorf("column %q: SQLite has no native type for times", name))
		case !f.holds(t.schema[i].Kind):
			errs = append(errs, fmt.Errorf("column %q: a %v is not stored as %q", name, t.schema[i].Kind, string(s)))
		default:
			t.forms[name] = f
		}
	}
	return errors.Join(errs...)
}

// public returns the dataset as the catalog shows it.
func (t *table) public() source.Dataset {
	return source.Dataset{
		Name: t.Name, Title: t.Title, Area: t.Area, Schema: slices.Clone(t.schema), Key: slices.Clone(t.Key),
		Tenant: t.Tenant, Unguarded: t.Unguarded, Time: t.Time, Subject: t.Subject,
	}
}

// quoteTable quotes "name" or "schema.name".
func quoteTable(d Dialect, table string) string {
	parts := strings.Split(table, ".")
	for i, p := range parts {
		parts[i] = d.quote(p)
	}
	return strings.Join(parts, ".")
}
