// Package fields reads the fields of a struct as cells: which they are, by their
// tags, in a [Shape]; how to get at each, once for a read, in a [Loader]; and
// the value of one, in a [Cell].
package fields
