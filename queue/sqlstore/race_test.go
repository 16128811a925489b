//go:build race

package sqlstore_test

// manyParts is less than the 10,000 of other runs: the race detector slows the
// driver, which is a whole database in Go, down by ten times.
const manyParts = 1000
