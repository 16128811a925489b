package format_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format"
)

// Readers that are not written in Go: what people have on their machines.
func TestFilesAreReadByOtherTools(t *testing.T) {
	t.Parallel()
	joined := func(t *testing.T, c format.Compression, blocks ...[]byte) (file, raw []byte) {
		t.Helper()
		var out bytes.Buffer
		j := format.NewJoiner(&out, c)
		for i, block := range blocks {
			if i > 0 {
				require.NoError(t, j.Literal([]byte(",\n")))
				raw = append(raw, ",\n"...)
			}
			stored, sum := segment(t, c, block[:len(block)/2], block[len(block)/2:])
			require.NoError(t, j.Segment(bytes.NewReader(stored), int64(len(stored)), sum))
			raw = append(raw, block...)
		}
		_, err := j.Close()
		require.NoError(t, err)
		return out.Bytes(), raw
	}
	const nodeGunzip = `const z = require("zlib"), fs = require("fs");
		process.stdout.write(z.gunzipSync(fs.readFileSync(process.argv[1])));`
	for _, tc := range []struct {
		name  string
		codec format.Compression
		check []string // must end well
		cat   []string // must print the content
	}{
		{"gzip", format.Gzip, []string{"gzip", "-t"}, []string{"gzip", "-dc"}},
		{"python", format.Gzip, nil, []string{"python3", "-c", "import sys, gzip, zlib; d = zlib.decompressobj(31); b = d.decompress(open(sys.argv[1], 'rb').read()); assert d.eof and not d.unused_data; sys.stdout.buffer.write(b)"}},
		{"node", format.Gzip, nil, []string{"node", "-e", nodeGunzip}},
		{"zstd", format.Zstd, []string{"zstd", "-q", "-t"}, []string{"zstd", "-q", "-dc"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(tc.cat[0]); err != nil {
				if os.Getenv("CI") == "true" && runtime.GOOS == "linux" {
					t.Fatalf("this test needs %s", tc.cat[0])
				}
				t.Skipf("%s is not installed", tc.cat[0])
			}
			for name, blocks := range map[string][][]byte{
				"nothing": nil, "empty": {nil, nil}, "small": {[]byte("a\r\n")}, "large": {texty(500<<10, 1), nil, texty(70_000, 2)},
			} {
				file, raw := joined(t, tc.codec, blocks...)
				path := filepath.Join(t.TempDir(), name+tc.codec.Extension())
				require.NoError(t, os.WriteFile(path, file, 0o600))
				if tc.check != nil {
					out, err := exec.CommandContext(t.Context(), tc.check[0], append(tc.check[1:], path)...).CombinedOutput() //nolint:gosec // fixed tools
					require.NoError(t, err, "%s: %s", name, out)
				}
				out, err := exec.CommandContext(t.Context(), tc.cat[0], append(tc.cat[1:], path)...).Output() //nolint:gosec // fixed tools
				require.NoError(t, err, name)
				require.True(t, bytes.Equal(raw, out), name)
			}
		})
	}
}
