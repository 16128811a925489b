package jsonfmt_test

import (
	"testing"

	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/format/jsonfmt"
)

// internal/bench has what others take for the same rows.

func BenchmarkLines(b *testing.B) { formattest.Benchmark(b, jsonfmt.Lines{}) }

func BenchmarkDocument(b *testing.B) { formattest.Benchmark(b, jsonfmt.Document{}) }
