package slicesource

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/exportyard/exportyard/source"
)

// A shape is what the tags of a struct type say: the dataset's columns, where
// in the struct they are, and which have a role.
type shape struct {
	row     reflect.Type // the struct
	schema  source.Schema
	paths   [][]int // index paths, see reflect.Value.FieldByIndex
	tags    []tag
	key     []int // columns, in the order of the key
	tenant  int   // -1: none, as for time and subject
	time    int
	subject int
}

// shapeOf reads the tags of a struct type, or of the struct that a pointer
// type points to, and reports every problem at once.
func shapeOf(t reflect.Type) (*shape, error) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("slicesource: rows are %v: want a struct or a pointer to one", t)
	}
	s := &shape{row: t, tenant: -1, time: -1, subject: -1}
	errs := s.walk(t, nil)
	for i := range s.tags {
		errs = append(errs, s.role(i))
	}
	errs = append(errs, s.orderKey())
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return s, s.schema.Validate()
}

// walk adds the fields of t, which is found at path, in order.
func (s *shape) walk(t reflect.Type, path []int) (errs []error) {
	for i := range t.NumField() {
		f := t.Field(i)
		at := append(slices.Clone(path), i)
		text, tagged := f.Tag.Lookup("export")
		tag, err := parseTag(text)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("slicesource: the tag of %v.%s: %w", t, f.Name, err))
		case tag.skip:
		case f.Anonymous && !tagged && flattens(f.Type):
			errs = append(errs, s.walk(f.Type, at)...)
		case !f.IsExported() && tagged:
			errs = append(errs, fmt.Errorf("slicesource: %v.%s has a tag but is not exported", t, f.Name))
		case f.IsExported():
			if err := s.add(f, at, tag); err != nil {
				errs = append(errs, fmt.Errorf("slicesource: %v.%s: %w", t, f.Name, err))
			}
		}
	}
	return errs
}

// flattens reports whether an embedded field of that type gives its fields
// rather than being one.
func flattens(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t != timeType && t != int128Type && t != bigType && !sqlNull(t)
}

func (s *shape) add(f reflect.StructField, path []int, tag tag) error {
	if tag.field.Name == "" {
		tag.field.Name = snake(f.Name)
	}
	bound, err := bind(reflect.New(f.Type).Elem(), tag)
	if err != nil {
		return err
	}
	tag.field.Kind = bound.kind
	tag.field.Required = tag.required || !bound.nullable
	s.schema = append(s.schema, tag.field)
	s.paths = append(s.paths, path)
	s.tags = append(s.tags, tag)
	return nil
}

// role notes what column i is for.
func (s *shape) role(i int) error {
	t, name := s.tags[i], s.schema[i].Name
	once := func(role string, is bool, at *int) error {
		if !is {
			return nil
		}
		if *at >= 0 {
			return fmt.Errorf("slicesource: both %q and %q are tagged %s", s.schema[*at].Name, name, role)
		}
		*at = i
		return nil
	}
	err := errors.Join(
		once("tenant", t.tenant, &s.tenant), once("time", t.time, &s.time), once("subject", t.subject, &s.subject))
	kind := s.schema[i].Kind
	if t.time && !kind.Temporal() {
		err = errors.Join(err, fmt.Errorf("slicesource: %q is tagged time but is a %v", name, kind))
	}
	if t.key != 0 {
		s.key = append(s.key, i)
		if kind == source.Float64 || kind == source.Bytes || kind == source.JSON {
			err = errors.Join(err, fmt.Errorf("slicesource: %q is tagged key but is a %v", name, kind))
		}
		s.schema[i].Required = true // a null in a key is an error
	}
	return err
}

// orderKey puts the key's columns into the order that key=N asks for.
func (s *shape) orderKey() error {
	numbered := slices.ContainsFunc(s.key, func(i int) bool { return s.tags[i].key != nextKey })
	if !numbered {
		return nil
	}
	slices.SortStableFunc(s.key, func(a, b int) int { return s.tags[a].key - s.tags[b].key })
	for at, i := range s.key {
		if s.tags[i].key != at+1 {
			return errors.New("slicesource: keys tagged key=N must be numbered 1, 2, 3 without gaps, all of them or none")
		}
	}
	return nil
}

// dataset describes the rows.
func (s *shape) dataset(name string, opts Options) (source.Dataset, error) {
	d := source.Dataset{
		Name: name, Title: opts.Title, Area: opts.Area, Off: opts.Off,
		Schema: s.schema, Unguarded: opts.Unguarded,
	}
	column := func(i int) string {
		if i < 0 {
			return ""
		}
		return s.schema[i].Name
	}
	d.Tenant, d.Time, d.Subject = column(s.tenant), column(s.time), column(s.subject)
	for _, i := range s.key {
		d.Key = append(d.Key, s.schema[i].Name)
	}
	switch {
	case name == "":
		return d, errors.New("slicesource: a dataset needs a name")
	case d.Tenant == "" && !d.Unguarded:
		return d, fmt.Errorf("slicesource: dataset %q: tag the tenant's field, or set Options.Unguarded", name)
	case d.Tenant != "" && d.Unguarded:
		return d, fmt.Errorf("slicesource: dataset %q has a tenant field and Options.Unguarded: want one of them", name)
	}
	return d, nil
}
