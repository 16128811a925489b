package pgsource

import (
	"errors"
	"fmt"
	"slices"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/pgsource/internal/statement"
)

// A declaration is a dataset that is being checked, with the problems found.
type declaration struct {
	Dataset
	schema source.Schema
	errs   []error
}

func (c *declaration) wrong(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf("pgsource: dataset %q: "+format, append([]any{c.Name}, args...)...))
}

// prepare checks a declaration and reports every problem at once.
func prepare(ds Dataset) (*statement.Table, error) {
	c := &declaration{Dataset: ds, schema: slices.Clone(ds.Fields)}
	if ds.Name == "" {
		c.wrong("it has no name")
	}
	if (ds.Tenant == "") == !ds.Unguarded {
		c.wrong("set exactly one of Tenant and Unguarded")
	}
	if err := c.schema.Validate(); err != nil {
		c.wrong("%w", err)
	}
	t := &statement.Table{
		Name: ds.Name, Schema: c.schema, Key: slices.Clone(ds.Key),
		Tenant: ds.Tenant, Time: ds.Time, Subject: ds.Subject, KeepCollation: ds.KeepCollation,
	}
	c.query(t)
	c.roles()
	return t, errors.Join(c.errs...)
}

// query fills in the from clause.
func (c *declaration) query(t *statement.Table) {
	switch {
	case (c.Query == "") == (c.Table == ""):
		c.wrong("set exactly one of Query and Table")
	case c.Table != "":
		t.Plain = statement.QuoteTable(c.Table)
		t.Pieces = []statement.Piece{{SQL: t.Plain + " as q"}}
	default:
		pieces, err := statement.Parse(c.Query)
		if err != nil {
			c.wrong("%w", err)
			return
		}
		bounded := slices.ContainsFunc(pieces, func(p statement.Piece) bool { return p.Param == "from" || p.Param == "to" })
		if bounded && c.Time == "" {
			c.wrong("a query with :from or :to needs Time")
		}
		pieces[0].SQL = "(" + pieces[0].SQL
		// The line break ends a comment that the query may end with.
		pieces[len(pieces)-1].SQL += "\n) as q"
		t.Pieces = pieces
	}
}

func (c *declaration) roles() {
	role := func(role, name string) (source.Kind, bool) {
		if name == "" {
			return 0, false
		}
		i := c.schema.Index(name)
		if i < 0 {
			c.wrong("%s names the column %q, which is not among the fields", role, name)
			return 0, false
		}
		return c.schema[i].Kind, true
	}
	for i, name := range c.Key {
		if k, ok := role("Key", name); ok && (k == source.Float64 || k == source.Bytes || k == source.JSON) {
			c.wrong("the key column %q has the kind %v, which is no key", name, k)
		}
		if name == "" || slices.Contains(c.Key[:i], name) {
			c.wrong("Key names the column %q twice, or none", name)
		}
	}
	role("Tenant", c.Tenant)
	role("Subject", c.Subject)
	if k, ok := role("Time", c.Time); ok && !k.Temporal() {
		c.wrong("the time column %q has the kind %v: want date, timestamp or datetime", c.Time, k)
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
