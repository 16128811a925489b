// Package formats finds formats by their names, and says what goes around them.
package formats

import (
	"fmt"
	"slices"

	"github.com/exportyard/exportyard/format"
)

// A Set is the formats that requests may ask for.
type Set []format.Formatter

// Find returns the first format with that name and, if it is not empty, that profile; nil
// when there is none.
func (s Set) Find(name, profile string) format.Formatter {
	for _, f := range s {
		if info := f.Info(); info.Name == name && (profile == "" || info.Profile == profile) {
			return f
		}
	}
	return nil
}

// Names returns the names of all, with their profiles, in order.
func (s Set) Names() []string {
	var names []string
	for _, f := range s {
		info := f.Info()
		if info.Profile != "" {
			info.Name += " (" + info.Profile + ")"
		}
		names = append(names, info.Name)
	}
	slices.Sort(names)
	return names
}

// Encoding resolves a format and a compression: the formatter to use, and the codec to
// put around it.
func Encoding(f format.Formatter, c format.Compression) (format.Formatter, format.Compression, error) {
	if c != "" && !c.Valid() {
		return nil, "", fmt.Errorf("%q is not a compression", c)
	}
	if inner, ok := f.(format.Compressing); ok {
		f, err := inner.WithCompression(c)
		return f, format.None, err
	}
	if _, ok := f.(format.BlockFormatter); !ok && c != "" && c != format.None {
		return nil, "", fmt.Errorf("%s cannot be compressed with %s", f.Info().Name, c)
	}
	if c == "" {
		c = format.None
	}
	return f, c, nil
}
