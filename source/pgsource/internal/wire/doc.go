// Package wire reads what PostgreSQL sends: rows in its binary format, cut into
// an arena and from there decoded into vectors.
package wire
