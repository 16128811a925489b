package csvfmt_test

import (
	"testing"

	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/format/formattest"
)

// internal/bench has what others take for the same rows.

func BenchmarkExact(b *testing.B) { formattest.Benchmark(b, csvfmt.Format{}) }

func BenchmarkExcel(b *testing.B) { formattest.Benchmark(b, csvfmt.Format{Profile: csvfmt.Excel}) }
