package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/internal/bench/internal/encode"
	"github.com/exportyard/exportyard/internal/bench/internal/typical"
	"github.com/exportyard/exportyard/internal/bench/internal/usage"
)

// benchRows is how many rows a benchmark has in memory.
const benchRows = 8192

// BenchmarkEncoders has rows in memory become a file that nobody keeps, by us and
// by what a typical program takes: encoding/csv, encoding/json, GenericWriter of
// parquet-go, excelize.
func BenchmarkEncoders(b *testing.B) {
	for _, name := range encode.Formats {
		for _, who := range []struct {
			name    string
			encoder func(format string, n int, seed uint64) (encode.Encoder, error)
		}{{"exportyard", encode.Ours}, {"naive", typical.Encoder}} {
			b.Run(name+"/"+who.name, func(b *testing.B) {
				write, err := who.encoder(name, benchRows, 1)
				require.NoError(b, err)
				var out encode.Counter
				mallocs := formattest.MallocsOf(func() {
					for b.Loop() {
						require.NoError(b, write(&out))
					}
				})
				formattest.ReportRows(b, benchRows*b.N, int64(out), mallocs)
			})
		}
	}
}

// BenchmarkCodecs compresses blocks of CSV of the engine's size, on one core.
func BenchmarkCodecs(b *testing.B) {
	var file bytes.Buffer
	require.NoError(b, usage.WriteCSV(&file, 10*benchRows, 1))
	for _, c := range []struct {
		name  string
		codec format.Compression
		level int
		block int
	}{
		{"gzip-1", format.Gzip, 1, 1 << 20},
		{"gzip-3", format.Gzip, 3, 1 << 20},
		{"gzip-6", format.Gzip, 6, 1 << 20},
		{"zstd-3", format.Zstd, 3, 4 << 20},
	} {
		b.Run(c.name+"/exportyard", func(b *testing.B) {
			packer, err := format.NewPacker(c.codec, c.level)
			require.NoError(b, err)
			var block []byte
			pack(b, file.Bytes(), c.block, func(part []byte) int {
				block, err = packer.AppendBlock(block[:0], part)
				require.NoError(b, err)
				return len(block)
			})
		})
	}
	for _, level := range []int{1, 6} {
		b.Run(fmt.Sprintf("gzip-%d/compress-gzip", level), func(b *testing.B) {
			pack(b, file.Bytes(), file.Len(), func(all []byte) int {
				var out encode.Counter
				w, err := gzip.NewWriterLevel(&out, level)
				require.NoError(b, err)
				_, err = io.Copy(w, bytes.NewReader(all))
				require.NoError(b, err)
				require.NoError(b, w.Close())
				return int(out)
			})
		})
	}
}

// pack compresses a file in parts, and reports bytes a second and what is left of
// each byte.
func pack(b *testing.B, file []byte, size int, fn func(part []byte) int) {
	b.Helper()
	b.SetBytes(int64(len(file)))
	packed := 0
	for b.Loop() {
		for rest := file; len(rest) > 0; {
			n := min(size, len(rest))
			packed += fn(rest[:n])
			rest = rest[n:]
		}
	}
	b.ReportMetric(float64(packed)/float64(b.N)/float64(len(file)), "packed/raw")
}
