// Package statement writes the SQL of a query: the declared query wrapped, and
// around it the tenant, the range in time, filters, the subject and the bounds of
// the key. Every value is a parameter, given as text and cast to its type, so
// that plans see types and injections see nothing.
package statement
