package fields

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/exportyard/exportyard/source"
)

// A Shape is what the tags of a struct type say: the dataset's columns, where
// in the struct they are, and which have a role.
type Shape struct {
	// Row is the struct.
	Row reflect.Type
	// Schema has the columns in the order of the struct.
	Schema source.Schema
	// Key holds the positions of the key's columns, in the order of the key.
	Key []int
	// Tenant, Time and Subject are the positions of the columns with that role,
	// -1 where there is none.
	Tenant, Time, Subject int

	paths [][]int // index paths, see reflect.Value.FieldByIndex
	tags  []tag
}

// ShapeOf reads the tags of a struct type, or of the struct that a pointer
// type points to, and reports every problem at once.
func ShapeOf(t reflect.Type) (*Shape, error) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("slicesource: rows are %v: want a struct or a pointer to one", t)
	}
	s := &Shape{Row: t, Tenant: -1, Time: -1, Subject: -1}
	errs := s.walk(t, nil)
	for i := range s.tags {
		errs = append(errs, s.role(i))
	}
	errs = append(errs, s.orderKey())
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if err := s.Schema.Validate(); err != nil {
		return nil, err
	}
	return s, nil
}

// walk adds the fields of t, which is found at path, in order.
func (s *Shape) walk(t reflect.Type, path []int) (errs []error) {
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

func (s *Shape) add(f reflect.StructField, path []int, tag tag) error {
	if tag.field.Name == "" {
		tag.field.Name = snake(f.Name)
	}
	bound, err := bind(reflect.New(f.Type).Elem(), tag)
	if err != nil {
		return err
	}
	tag.field.Kind = bound.kind
	tag.field.Required = tag.required || !bound.nullable
	s.Schema = append(s.Schema, tag.field)
	s.paths = append(s.paths, path)
	s.tags = append(s.tags, tag)
	return nil
}

// role notes what column i is for.
func (s *Shape) role(i int) error {
	t, name := s.tags[i], s.Schema[i].Name
	once := func(role string, is bool, at *int) error {
		if !is {
			return nil
		}
		if *at >= 0 {
			return fmt.Errorf("slicesource: both %q and %q are tagged %s", s.Schema[*at].Name, name, role)
		}
		*at = i
		return nil
	}
	err := errors.Join(
		once("tenant", t.tenant, &s.Tenant), once("time", t.time, &s.Time), once("subject", t.subject, &s.Subject))
	kind := s.Schema[i].Kind
	if t.time && !kind.Temporal() {
		err = errors.Join(err, fmt.Errorf("slicesource: %q is tagged time but is a %v", name, kind))
	}
	if t.key != 0 {
		s.Key = append(s.Key, i)
		if kind == source.Float64 || kind == source.Bytes || kind == source.JSON {
			err = errors.Join(err, fmt.Errorf("slicesource: %q is tagged key but is a %v", name, kind))
		}
		s.Schema[i].Required = true // a null in a key is an error
	}
	return err
}

// orderKey puts the key's columns into the order that key=N asks for.
func (s *Shape) orderKey() error {
	numbered := slices.ContainsFunc(s.Key, func(i int) bool { return s.tags[i].key != nextKey })
	if !numbered {
		return nil
	}
	slices.SortStableFunc(s.Key, func(a, b int) int { return s.tags[a].key - s.tags[b].key })
	for at, i := range s.Key {
		if s.tags[i].key != at+1 {
			return errors.New("slicesource: keys tagged key=N must be numbered 1, 2, 3 without gaps, all of them or none")
		}
	}
	return nil
}

// Bind returns the loader of a column over the struct in row, which is
// addressable. It reads what is in row when it is called.
func (s *Shape) Bind(row reflect.Value, column int) (Loader, error) {
	b, err := bind(row.FieldByIndex(s.paths[column]), s.tags[column])
	return b.load, err
}
