package readback_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/internal/e2e/readback"
	"github.com/exportyard/exportyard/internal/e2e/readback/program"
	"github.com/exportyard/exportyard/source"
)

// manyRows are some MiB, so that every part has several blocks.
func manyRows() readback.Dataset {
	d := readback.Dataset{Name: "many", Schema: source.Schema{{Name: "id", Kind: source.Int64, Required: true}, {Name: "text", Kind: source.String}}}
	for i := range 60_000 {
		d.Rows = append(d.Rows, []formattest.Cell{{Text: strconv.Itoa(i + 1)}, {Text: fmt.Sprintf("row %d has the text %x", i, sha256.Sum256([]byte(strconv.Itoa(i))))}})
	}
	return d
}

// The streams of one part, and those joined of several, are one stream for every
// tool, and hold what the export without compression holds.
func TestR16_ToolsTakeTheStreams(t *testing.T) {
	t.Parallel()
	d := manyRows()
	for _, tt := range []struct {
		format string
		parts  int
	}{{"csv", 1}, {"csv", 3}, {"json", 3}} {
		t.Run(fmt.Sprint(tt.format, " in ", tt.parts), func(t *testing.T) {
			t.Parallel()
			path := func(c format.Compression) string {
				r := export.Request{Format: tt.format, Compression: c, Layout: export.Files}
				files := readback.Export(t, readback.Datasets{d}, int64(len(d.Rows)/tt.parts), r)[d.Name]
				require.Len(t, files, 1)
				return files[0]
			}
			plain, err := os.ReadFile(path(format.None))
			require.NoError(t, err)
			require.Greater(t, len(plain), 5<<20)
			want := hexOf(plain)
			gz, zst := path(format.Gzip), path(format.Zstd)
			program.Run(t, "gzip", "gzip", "-t", gz)
			require.Equal(t, want, hexOf(program.Run(t, "gzip", "gzip", "-dc", gz)), filepath.Base(gz))
			program.Run(t, "zstd", "zstd", "-q", "-t", zst)
			require.Equal(t, want, hexOf(program.Run(t, "zstd", "zstd", "-q", "-dc", zst)), filepath.Base(zst))
			var sums []string
			readback.Node(t, &sums, "gunzip.mjs", gz)
			require.Equal(t, []string{want, want}, sums, filepath.Base(gz))
		})
	}
}

func hexOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
