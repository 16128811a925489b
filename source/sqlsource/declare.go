package sqlsource

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource/internal/dialect"
	"github.com/exportyard/exportyard/source/sqlsource/internal/snapshot"
	"github.com/exportyard/exportyard/source/sqlsource/internal/stored"
)

// A declaration is a dataset that is being checked, with the problems found.
type declaration struct {
	Dataset
	dialect dialect.Dialect
	schema  source.Schema
	pieces  []dialect.Piece
	forms   map[string]stored.Form
	errs    []error
}

func (c *declaration) wrong(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf("sqlsource: dataset %q: "+format, append([]any{c.Name}, args...)...))
}

// prepare checks a declaration and reports every problem at once.
func prepare(d Dialect, ds Dataset) (*snapshot.Table, error) {
	c := &declaration{Dataset: ds, dialect: dialect.Dialect(d), schema: slices.Clone(ds.Fields), forms: make(map[string]stored.Form)}
	if ds.Name == "" {
		c.wrong("it has no name")
	}
	if (ds.Tenant == "") == !ds.Unguarded {
		c.wrong("set exactly one of Tenant and Unguarded")
	}
	if err := c.schema.Validate(); err != nil {
		c.wrong("%w", err)
	}
	c.checkQuery()
	c.checkRoles()
	c.checkStorage()
	t := &snapshot.Table{
		Name: ds.Name, Dialect: c.dialect, Pieces: c.pieces, Plain: ds.Table != "", Schema: c.schema, Forms: c.forms,
		Key: slices.Clone(ds.Key), Tenant: ds.Tenant, Time: ds.Time, Subject: ds.Subject, KeepCollation: ds.KeepCollation,
	}
	if t.Bounds() {
		c.checkBounds()
	}
	return t, errors.Join(c.errs...)
}

func (c *declaration) checkQuery() {
	switch {
	case (c.Query == "") == (c.Table == ""):
		c.wrong("set exactly one of Query and Table")
	case c.Table != "":
		c.pieces = []dialect.Piece{{SQL: c.dialect.QuoteTable(c.Table) + " as q"}}
	default:
		pieces, err := c.dialect.Parse(c.Query)
		if err != nil {
			c.wrong("%w", err)
			return
		}
		pieces[0].SQL = "(" + pieces[0].SQL
		// The line break ends a comment that the query may end with.
		pieces[len(pieces)-1].SQL += "\n) as q"
		c.pieces = pieces
	}
}

// field returns the kind of the column that has a role.
func (c *declaration) field(role, name string) (source.Kind, bool) {
	i := c.schema.Index(name)
	if i < 0 {
		c.wrong("%s names the column %q, which is not among the fields", role, name)
		return 0, false
	}
	return c.schema[i].Kind, true
}

// noKey reports whether columns of a kind cannot be of a key.
func noKey(k source.Kind) bool {
	return k == source.Float64 || k == source.Bytes || k == source.JSON
}

func (c *declaration) checkRoles() {
	for i, name := range c.Key {
		k, ok := c.field("Key", name)
		if ok && noKey(k) {
			c.wrong("the key column %q has the kind %v, which is no key", name, k)
		}
		if slices.Contains(c.Key[:i], name) {
			c.wrong("Key names the column %q twice", name)
		}
	}
	if c.Tenant != "" {
		c.field("Tenant", c.Tenant)
	}
	if c.Subject != "" {
		c.field("Subject", c.Subject)
	}
	switch {
	case c.Time == "" && c.TimeStorage != Detected:
		c.wrong("TimeStorage is set and Time is not")
	case c.Time != "":
		if k, ok := c.field("Time", c.Time); ok && !k.Temporal() {
			c.wrong("the time column %q has the kind %v: want date, timestamp or datetime", c.Time, k)
		}
	}
}

func (c *declaration) checkStorage() {
	declared := make(map[string]TimeStorage, len(c.Storage)+1)
	maps.Copy(declared, c.Storage)
	if c.TimeStorage != Detected {
		declared[c.Time] = c.TimeStorage
	}
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		i := c.schema.Index(name)
		if i < 0 || !c.schema[i].Kind.Temporal() {
			c.wrong("storage is declared for %q, which is no temporal column", name)
			continue
		}
		if declared[name] == Detected {
			continue
		}
		f, err := stored.Parse(string(declared[name]))
		switch {
		case err != nil:
			c.wrong("column %q: %w", name, err)
		case f.Native && c.dialect == dialect.SQLite:
			c.wrong("column %q: SQLite has no native type for times", name)
		case !f.Holds(c.schema[i].Kind):
			c.wrong("column %q: a %v is not stored as %q", name, c.schema[i].Kind, string(declared[name]))
		default:
			c.forms[name] = f
		}
	}
}

// checkBounds sees to it that :from and :to can be written.
func (c *declaration) checkBounds() {
	f, declared := c.forms[c.Time]
	switch {
	case c.Time == "" || c.dialect == dialect.SQLite && !declared:
		c.wrong("a query with :from or :to needs Time, and on SQLite TimeStorage")
	case f.Reduced():
		c.wrong("a query with :from or :to needs a time column whose texts sort as they are, not %q", string(c.TimeStorage))
	}
}

// public returns the dataset as the catalog shows it.
func (ds Dataset) public() source.Dataset {
	title := ds.Title
	if title == "" {
		title = ds.Name
	}
	return source.Dataset{
		Name: ds.Name, Title: title, Area: ds.Area, Schema: slices.Clone(source.Schema(ds.Fields)), Key: slices.Clone(ds.Key),
		Tenant: ds.Tenant, Unguarded: ds.Unguarded, Time: ds.Time, Subject: ds.Subject,
	}
}
