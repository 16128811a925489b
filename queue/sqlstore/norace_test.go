//go:build !race

package sqlstore_test

const manyParts = 10_000
