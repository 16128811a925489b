package source

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// Sensitivity says who may see a field.
type Sensitivity uint8

// The sensitivities.
const (
	// Public fields may be exported by everyone who may export.
	Public Sensitivity = iota
	// Personal fields identify or describe a person.
	Personal
	// Secret fields (keys, tokens) never leave: the engine refuses them when
	// they are asked for by name and leaves them out otherwise.
	Secret
)

// A Field describes one column of a dataset.
type Field struct {
	// Name is unique within the schema and not empty.
	Name string
	// Title is what people read. Default: Name.
	Title string
	// Kind is the type of every cell.
	Kind Kind
	// Required says that no cell is null. The zero value allows nulls.
	Required bool
	// Category groups fields for people who choose them.
	Category string
	// OffByDefault leaves the field out unless it is asked for by name.
	OffByDefault bool
	// Sensitivity says who may see it. Default: Public.
	Sensitivity Sensitivity
	// Round allows digits beyond the kind's precision in time (below a
	// microsecond) or scale to be rounded half to even. Without it such a
	// value fails the read.
	Round bool
	// NullNaN turns a decimal NaN of the database into null. Without it such
	// a value fails the read.
	NullNaN bool
}

// A Schema is the ordered list of a dataset's fields.
type Schema []Field

// Index returns the position of the field with that name, or -1.
func (s Schema) Index(name string) int {
	for i := range s {
		if s[i].Name == name {
			return i
		}
	}
	return -1
}

// Select returns the schema of the named columns, in the order of names. A
// name that the schema does not have gives an error that names it.
func (s Schema) Select(names []string) (Schema, error) {
	out := make(Schema, 0, len(names))
	for _, name := range names {
		i := s.Index(name)
		if i < 0 {
			return nil, fmt.Errorf("source: no field %q", name)
		}
		out = append(out, s[i])
	}
	return out, nil
}

// Names returns the field names in order.
func (s Schema) Names() []string {
	out := make([]string, len(s))
	for i := range s {
		out[i] = s[i].Name
	}
	return out
}

// Validate reports every problem at once: no fields, an empty, repeated or
// non-UTF-8 name, an invalid kind.
func (s Schema) Validate() error {
	var errs []error
	if len(s) == 0 {
		errs = append(errs, errors.New("source: a schema needs at least one field"))
	}
	seen := make(map[string]bool, len(s))
	for i, f := range s {
		switch {
		case f.Name == "":
			errs = append(errs, fmt.Errorf("source: field %d has no name", i+1))
		case !utf8.ValidString(f.Name):
			errs = append(errs, fmt.Errorf("source: the name of field %d is not UTF-8", i+1))
		case seen[f.Name]:
			errs = append(errs, fmt.Errorf("source: field %q is declared twice", f.Name))
		}
		seen[f.Name] = true
		if !f.Kind.Valid() {
			errs = append(errs, fmt.Errorf("source: field %q has no valid kind", f.Name))
		}
	}
	return errors.Join(errs...)
}
