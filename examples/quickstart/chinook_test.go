package main

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// tool runs a program that has to succeed.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "%s %v: %s", name, args, &stderr)
	return stdout.String()
}

// Every value of a real database is in the files, as readers see it that share
// nothing with this module: Python's csv, json and sqlite3.
func TestChinook_ReadByPython(t *testing.T) {
	t.Parallel()
	needs(t, "python3")
	tests := []struct {
		name     string
		flags    []string
		partRows int64  // small where tables are to be split and joined again
		want     string // datasets and rows
	}{
		{"csv", []string{"-format", "csv", "-compress", "none"}, 0, "11 15607\n"},
		{"csv gzip, joined", []string{"-format", "csv", "-compress", "gzip"}, 500, "11 15607\n"},
		{"json gzip", []string{"-format", "json", "-compress", "gzip"}, 0, "11 15607\n"},
		{"json gzip, joined", []string{"-format", "json", "-compress", "gzip"}, 500, "11 15607\n"},
		{"a file for each day", []string{"-dataset", "Invoice", "-time-column", "InvoiceDate", "-interval", "day", "-format", "csv"}, 0, "1 412\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			at := newPlace(t)
			o := process(t, spec{PartRows: tt.partRows}, at.flags(append([]string{"-db", chinook}, tt.flags...)...)...)
			require.Zero(t, o.code, "%v", o)
			a := onlyArchive(t, at.out)
			require.Equal(t, fmt.Sprintf("verified: %d files, %d rows", len(a.Files), a.Rows), o.last())
			require.Equal(t, tt.want, tool(t, "python3", filepath.Join("testdata", "compare.py"), chinook, at.out))
			if strings.HasSuffix(a.Files[0].Key, ".json.gz") {
				requireOneMember(t, filepath.Join(at.out, filepath.FromSlash(a.Files[0].Key)))
			}
		})
	}
}

// requireOneMember requires a gzip file that all tools read to its end, also
// those that stop after the first member.
func requireOneMember(t *testing.T, name string) {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	in := bytes.NewReader(data)
	z, err := gzip.NewReader(in)
	require.NoError(t, err)
	z.Multistream(false)
	document, err := io.ReadAll(z)
	require.NoError(t, err)
	require.Zero(t, in.Len(), "bytes behind the first member")
	needs(t, "gunzip")
	tool(t, "gunzip", "-t", name)
	plain := filepath.Join(t.TempDir(), "snapshot.json")
	require.NoError(t, os.WriteFile(plain, document, 0o600))
	tool(t, "python3", "-m", "json.tool", plain)
}

// The Parquet files say the same to hyparquet, a reader on Node.js.
func TestChinook_ParquetReadByHyparquet(t *testing.T) {
	t.Parallel()
	needs(t, "npm")
	reader := installHyparquet(t)
	at := newPlace(t)
	o := process(t, spec{PartRows: 2000}, at.flags("-db", chinook, "-format", "parquet")...)
	require.Zero(t, o.code, "%v", o)
	a := onlyArchive(t, at.out)
	require.Len(t, a.Datasets, 11)
	for _, d := range a.Datasets {
		var got []string
		for _, f := range a.Files {
			if f.Dataset == d.Name {
				rows := hyparquet(t, reader, filepath.Join(at.out, filepath.FromSlash(f.Key)))
				require.EqualValues(t, f.Rows, len(rows))
				got = append(got, rows...)
			}
		}
		var columns []string
		for _, f := range d.Schema {
			expr := fmt.Sprintf("%q", f.Name)
			switch {
			case strings.HasPrefix(f.Kind, "decimal"):
				expr = "printf('%.2f', " + expr + ")"
			case f.Kind == "datetime":
				expr = "strftime('%Y-%m-%dT%H:%M:%S', " + expr + ")"
			}
			columns = append(columns, "coalesce("+expr+", '"+null+"')")
		}
		want, err := query(chinook, "select "+strings.Join(columns, ", ")+fmt.Sprintf(" from %q", d.Name))
		require.NoError(t, err)
		slices.Sort(got)
		require.Equal(t, want, got, "%s", d.Name)
	}
}

// installHyparquet puts the reader of internal/e2e/readback into a folder of its own.
func installHyparquet(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "parquet.mjs"} {
		data, err := os.ReadFile(filepath.Join("..", "..", "internal", "e2e", "readback", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	npm := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			require.NoError(t, err, "%s", out)
		}
		t.Skipf("npm cannot install the reader: %v\n%s", err, out)
	}
	return dir
}

// hyparquet returns the rows of a file, each as one text.
func hyparquet(t *testing.T, dir, file string) []string {
	t.Helper()
	file, err := filepath.Abs(file)
	require.NoError(t, err)
	var content struct {
		Rows    int
		Columns []struct {
			Logical string
			Scale   int
		}
		Cells [][]*string
	}
	require.NoError(t, json.Unmarshal([]byte(tool(t, "node", filepath.Join(dir, "parquet.mjs"), file)), &content))
	rows := make([]string, content.Rows)
	for i := range rows {
		cells := make([]string, len(content.Columns))
		for j, c := range content.Columns {
			cells[j] = null
			if cell := content.Cells[j][i]; cell != nil {
				cells[j] = hyparquetText(t, *cell, c.Logical, c.Scale)
			}
		}
		rows[i] = strings.Join(cells, "|")
	}
	return rows
}

// hyparquetText is the text of a cell that the reader gives as it is stored.
func hyparquetText(t *testing.T, cell, logical string, scale int) string {
	t.Helper()
	switch logical {
	case "STRING":
		text, err := hex.DecodeString(cell)
		require.NoError(t, err)
		return string(text)
	case "DECIMAL":
		unscaled, ok := new(big.Int).SetString(cell, 10)
		require.True(t, ok, "%s", cell)
		one := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
		return new(big.Rat).SetFrac(unscaled, one).FloatString(scale)
	case "TIMESTAMP":
		micros, err := strconv.ParseInt(cell, 10, 64)
		require.NoError(t, err)
		return time.UnixMicro(micros).UTC().Format("2006-01-02T15:04:05")
	default:
		return cell
	}
}
