// Package memory_test measures exports in processes of their own: how much memory
// is resident at most, and what is allocated for a row.
package memory_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format"
)

// full asks for the sizes of a release, which are not for the race detector.
func full() bool { return os.Getenv("EXPORTYARD_FULL") == "1" && !raceDetector }

// twoCores is the machine that the limits are about: each worker beyond two
// adds about 7 MB for gzip and 15 MB for zstd.
const twoCores = "GOMAXPROCS=2"

// One million rows from a function go to a file within 64 MB, and ten million
// take no more.
func TestR21_MemoryDoesNotGrowWithRows(t *testing.T) {
	small, large := 250_000, 1_000_000
	if full() {
		small, large = 1_000_000, 10_000_000
	}
	var before int64 // what the few rows take, the most of three runs
	for range 3 {
		c := measure(t, task{Rows: small, Format: "csv", Compression: format.Gzip}, twoCores)
		before = max(before, c.Peak)
	}
	c := measure(t, task{Rows: large, Format: "csv", Compression: format.Gzip}, twoCores)
	c.requireWithin(t, 64, 0.05)
	if !raceDetector {
		require.LessOrEqual(t, c.Peak, before+before/10, "with %d rows, against %d", large, small)
	}
}

func TestR21_MemoryOfEachFormat(t *testing.T) {
	rows := 400_000
	if full() {
		rows = 1_000_000
	}
	for _, tt := range []struct {
		format      string
		compression format.Compression
		megabytes   int64
	}{
		{"csv", format.None, 64},
		{"csv", format.Zstd, 96}, // its frames are of 4 MiB
		{"ndjson", format.Gzip, 64},
		{"json", format.Gzip, 64},
		{"parquet", "", 192},
		{"xlsx", "", 64},
	} {
		t.Run(fmt.Sprint(tt.format, tt.compression.Extension()), func(t *testing.T) {
			c := measure(t, task{Rows: rows, Format: tt.format, Compression: tt.compression}, twoCores)
			c.requireWithin(t, tt.megabytes, 0.05)
		})
	}
}

// Rows of 647 columns take as much as others.
func TestR21_MemoryOfWideRows(t *testing.T) {
	rows := 20_000
	if full() {
		rows = 400_000
	}
	for _, tt := range []struct {
		format      string
		compression format.Compression
		megabytes   int64
	}{
		{"csv", format.Gzip, 64},
		{"parquet", "", 192},
		{"xlsx", "", 64},
	} {
		t.Run(tt.format, func(t *testing.T) {
			c := measure(t, task{Rows: rows, Wide: true, Format: tt.format, Compression: tt.compression}, twoCores)
			c.requireWithin(t, tt.megabytes, 10) // to begin with, each of the columns grows
		})
	}
}

// Rows of a SQLite file, in one part and in parts that are read two at a time.
// What the driver allocates for a row is not ours to save; what we add is less.
func TestR21_MemoryOfSQLite(t *testing.T) {
	rows := 200_000
	if full() {
		rows = 1_000_000
	}
	db := newDatabase(t, rows)
	for _, tt := range []struct {
		name      string
		partRows  int64
		megabytes int64
	}{
		{"one part", int64(rows), 64},
		{"parts", int64(rows) / 10, 128},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := measure(t, task{Rows: rows, Database: db, PartRows: tt.partRows, Format: "csv", Compression: format.Gzip}, twoCores)
			c.requireWithin(t, tt.megabytes, 20)
		})
	}
}
