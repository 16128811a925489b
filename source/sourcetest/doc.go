// Package sourcetest holds the rules of package source as tests. An adapter's
// own test is a few lines: a harness that can put [Table] values into a source.
//
//	func TestConformance(t *testing.T) {
//		sourcetest.Run(t, func(t *testing.T) sourcetest.Harness {
//			return sourcetest.Harness{Load: func(t testing.TB, tables []sourcetest.Table) source.Source {
//				// make the tables, put their rows in, return a source over them
//			}}
//		})
//	}
//
// # What a harness does
//
// Load is called once a run. It gets a handful of tables, each a
// [source.Dataset] with its rows, and returns a source whose catalog has a
// dataset of that name, schema, key, tenant, time and subject for each. Rows
// come in no particular order and belong to several tenants. The rules only
// read, and each makes its own queries, so they share what Load made.
//
// What a kind of source does not have is said in [Harness.Lacks] with the
// reason; what is not listed there is demanded.
//
// # What the data is like
//
// Three tenants, two of which differ in case alone, and values that look alike
// under a lenient collation; every kind at its limits; empty and null beside
// each other; times that touch the ends of a range to the microsecond; a key of
// two columns, keys that are UUIDs, instants and decimals; a column whose
// name is a reserved word of SQL. Texts of key columns are lower-case ASCII, so
// that every collation orders them alike.
//
// # Reading a failure
//
// Each failure prints the rule as a sentence of the contract and then what was
// seen. Rows are named by the text of their cells: the data is the suite's own.
package sourcetest
