package pipeline_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/format/jsonfmt"
	"github.com/exportyard/exportyard/format/xlsxfmt"
	"github.com/exportyard/exportyard/internal/pipeline"
	"github.com/exportyard/exportyard/source"
)

var blockFormats = map[string]format.BlockFormatter{
	"csv":       csvfmt.Format{},
	"csv excel": csvfmt.Format{Profile: csvfmt.Excel},
	"lines":     jsonfmt.Lines{},
	"document":  jsonfmt.Document{},
}

var codecs = []format.Compression{format.None, format.Gzip, format.Zstd}

// manyRows fill two batches, and a third one in part.
const manyRows = 2*source.DefaultBatchRows + 1000

// unpack returns the content of a stored file; nil for a codec that only the
// checksum speaks for here.
func unpack(t testing.TB, c format.Compression, file []byte) []byte {
	t.Helper()
	switch c {
	case format.Gzip:
		r, err := gzip.NewReader(bytes.NewReader(file))
		require.NoError(t, err)
		raw, err := io.ReadAll(r)
		require.NoError(t, err)
		return raw
	case format.None:
		return file
	default:
		return nil
	}
}

func digestOf(file []byte) pipeline.Digest {
	return pipeline.Digest{Bytes: int64(len(file)), SHA256: sha256.Sum256(file), CRC32: crc32.ChecksumIEEE(file)}
}

// checkResult holds the result against the bytes: those stored, and those before
// compression.
func checkResult(t testing.TB, c format.Compression, res pipeline.Result, file, raw []byte) {
	t.Helper()
	require.Equal(t, digestOf(file), res.Stored)
	require.Equal(t, format.SumOf(raw), res.Raw)
	if got := unpack(t, c, file); got != nil {
		require.True(t, bytes.Equal(raw, got), "the content is another")
	}
}

// It changes GOMAXPROCS, and so runs beside no other test. What is around the
// rows does not depend on the codec, so that one format stands for all there.
func TestR17_BytesDoNotDependOnTheNumberOfWorkers(t *testing.T) {
	for name, f := range blockFormats {
		raw := whole(t, f, 0, manyRows)
		for _, c := range codecs {
			if c != format.None && name != "csv" {
				continue
			}
			var first []byte
			for _, at := range []struct{ procs, workers int }{{1, 1}, {8, 2}, {8, 8}} {
				t.Run(fmt.Sprintf("%s %s, %d of %d", name, c, at.workers, at.procs), func(t *testing.T) {
					defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(at.procs))
					spec := specOf(t, f)
					spec.Compression, spec.Workers = c, at.workers
					var out writer
					res, err := pipeline.Run(t.Context(), &reader{rows: manyRows}, &out, spec)
					require.NoError(t, err)
					if first == nil {
						first = out.Bytes()
						checkResult(t, c, res, first, raw)
					}
					require.True(t, bytes.Equal(first, out.Bytes()), "the files differ")
				})
			}
		}
	}
}

// It changes GOMAXPROCS, too.
func TestR17_BytesOfArchives(t *testing.T) {
	for _, piece := range []bool{false, true} {
		var first []byte
		for _, at := range []struct{ procs, workers int }{{1, 1}, {8, 8}} {
			t.Run(fmt.Sprintf("piece %v, %d of %d", piece, at.workers, at.procs), func(t *testing.T) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(at.procs))
				spec := specOf(t, xlsxfmt.Format{})
				spec.Piece, spec.Workers = piece, at.workers
				var out writer
				res, err := pipeline.Run(t.Context(), &reader{rows: manyRows}, &out, spec)
				require.NoError(t, err)
				require.Equal(t, int64(manyRows), res.Rows)
				require.Equal(t, digestOf(out.Bytes()), res.Stored)
				if first == nil {
					first = out.Bytes()
				}
				require.True(t, bytes.Equal(first, out.Bytes()), "the files differ")
				if piece {
					joinArchive(t, first, res)
				} else {
					require.Equal(t, format.SumOf(first), res.Raw)
					_, err := zip.NewReader(bytes.NewReader(first), int64(len(first)))
					require.NoError(t, err)
				}
			})
		}
	}
}

// joinArchive puts a piece into a file and holds what comes out against its result.
func joinArchive(t *testing.T, piece []byte, res pipeline.Result) {
	t.Helper()
	var file bytes.Buffer
	a := xlsxfmt.Format{}.NewArchive(&file)
	require.NoError(t, a.Dataset("runs", schema[:columns]))
	rows, raw, err := format.CopyPiece(a, bytes.NewReader(piece))
	require.NoError(t, err)
	require.NoError(t, a.Close())
	require.Equal(t, int64(manyRows), rows)
	require.Equal(t, res.Raw, raw)
	_, err = zip.NewReader(bytes.NewReader(file.Bytes()), int64(file.Len()))
	require.NoError(t, err)
}

func TestR17_PlainFormats(t *testing.T) {
	t.Parallel()
	var out writer
	res, err := pipeline.Run(t.Context(), &reader{rows: manyRows}, &out, specOf(t, ids{}))
	require.NoError(t, err)
	raw := whole(t, ids{}, 0, manyRows)
	require.True(t, bytes.Equal(raw, out.Bytes()))
	checkResult(t, format.None, res, out.Bytes(), raw)
	require.Equal(t, int64(manyRows), res.ReadRows)
	require.Equal(t, int64(manyRows), res.Rows)
}

func TestD6_PiecesJoinIntoTheWholeFile(t *testing.T) {
	t.Parallel()
	const cut = 10_001
	for name, f := range blockFormats {
		for _, c := range codecs {
			if c != format.None && name != "document" { // which has punctuation
				continue
			}
			t.Run(name+" "+string(c), func(t *testing.T) {
				t.Parallel()
				blocks, err := f.Blocks(schema[:columns])
				require.NoError(t, err)
				var joined bytes.Buffer
				j := format.NewJoiner(&joined, c)
				require.NoError(t, j.Literal(blocks.AppendHeader(nil)))
				for i, rows := range [][2]int{{0, cut}, {cut, cut}, {cut, manyRows}} {
					spec := specOf(t, f)
					spec.Compression, spec.Piece = c, true
					var piece writer
					res, err := pipeline.Run(t.Context(), &reader{at: rows[0], rows: rows[1]}, &piece, spec)
					require.NoError(t, err)
					require.Equal(t, int64(rows[1]-rows[0]), res.Rows)
					if i == 2 {
						require.NoError(t, j.Literal(blocks.AppendSeparator(nil)))
					}
					require.NoError(t, j.Segment(bytes.NewReader(piece.Bytes()), int64(piece.Len()), res.Raw))
				}
				require.NoError(t, j.Literal(blocks.AppendFooter(nil)))
				sum, err := j.Close()
				require.NoError(t, err)
				raw := whole(t, f, 0, manyRows)
				require.Equal(t, format.SumOf(raw), sum)
				if got := unpack(t, c, joined.Bytes()); got != nil {
					require.True(t, bytes.Equal(raw, got))
				}
			})
		}
	}
}

func TestA9_NoRowsGiveAFileWithAHeader(t *testing.T) {
	t.Parallel()
	for name, f := range blockFormats {
		for _, c := range codecs {
			for _, piece := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s, piece %v", name, c, piece), func(t *testing.T) {
					t.Parallel()
					spec := specOf(t, f)
					spec.Compression, spec.Piece = c, piece
					var out writer
					res, err := pipeline.Run(t.Context(), &reader{}, &out, spec)
					require.NoError(t, err)
					raw := []byte{}
					if !piece {
						raw = whole(t, f, 0, 0)
					}
					checkResult(t, c, res, out.Bytes(), raw)
					require.Zero(t, res.Rows)
					require.Zero(t, res.ReadRows)
					require.Equal(t, c != format.None || len(raw) > 0, out.Len() > 0)
				})
			}
		}
	}
	t.Run("plain", func(t *testing.T) {
		t.Parallel()
		var out writer
		res, err := pipeline.Run(t.Context(), &reader{}, &out, specOf(t, ids{}))
		require.NoError(t, err)
		require.Equal(t, "begin\nend\n", out.String())
		require.Zero(t, res.Rows)
	})
}

func TestD1_RowsAreCountedWhereTheyAreReadAndWhereTheyAreWritten(t *testing.T) {
	t.Parallel()
	for _, rows := range []int{1, 16_383, 16_384, 16_385} {
		for name, f := range map[string]format.Formatter{"csv": csvfmt.Format{}, "plain": ids{}} {
			t.Run(fmt.Sprintf("%s %d", name, rows), func(t *testing.T) {
				t.Parallel()
				spec := specOf(t, f)
				spec.Progress = new(pipeline.Progress)
				var out writer
				out.before = func(int) error {
					if n := spec.Progress.Bytes.Load(); n != int64(out.Len()) {
						return fmt.Errorf("progress says %d bytes, and %d are written", n, out.Len())
					}
					return nil
				}
				r := &reader{rows: rows}
				res, err := pipeline.Run(t.Context(), r, &out, spec)
				require.NoError(t, err)
				require.Equal(t, int64(rows), res.ReadRows)
				require.Equal(t, int64(rows), res.Rows)
				require.Equal(t, int64(rows), spec.Progress.Rows.Load())
				require.Equal(t, int64(out.Len()), spec.Progress.Bytes.Load())
				require.Equal(t, int64(out.Len()), res.Stored.Bytes)
			})
		}
	}
}

func TestA17_ProgressGrowsWhileRowsAreWritten(t *testing.T) {
	t.Parallel()
	spec := specOf(t, csvfmt.Format{})
	spec.Progress = new(pipeline.Progress)
	var seen []int64
	out := &writer{before: func(int) error {
		seen = append(seen, spec.Progress.Rows.Load())
		return nil
	}}
	_, err := pipeline.Run(t.Context(), &reader{rows: 3 * source.DefaultBatchRows}, out, spec)
	require.NoError(t, err)
	full := int64(1 << 20)
	require.Equal(t, int64(0), seen[0])
	for i := 1; i < len(seen); i++ {
		require.GreaterOrEqual(t, seen[i], seen[i-1])
		require.LessOrEqual(t, seen[i]-seen[i-1], full)
	}
	require.Greater(t, seen[len(seen)-1], int64(0))
}

func TestD3_OnlyTheColumnsToWriteAreWritten(t *testing.T) {
	t.Parallel()
	spec := specOf(t, csvfmt.Format{})
	spec.Columns = 1
	var out writer
	_, err := pipeline.Run(context.Background(), &reader{rows: 3}, &out, spec)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff("id\r\n0\r\n1\r\n2\r\n", out.String()))
}

func TestD5_GuardColumnsAreCheckedThoughTheyAreNotWritten(t *testing.T) {
	t.Parallel()
	for column, spoil := range map[int]func(*source.Vector){
		3: func(v *source.Vector) { _ = v.AppendString("globex") },
		4: func(v *source.Vector) { v.AppendInt64(november.UnixMicro()) },
	} {
		b := source.NewBatch(schema, 0, 0)
		require.NoError(t, appendRow(b, 1, ""))
		for i := range schema {
			switch {
			case i == column:
				spoil(b.Col(i))
			case i == 4:
				b.Col(i).AppendInt64(october.UnixMicro())
			case i == 3:
				require.NoError(t, b.Col(i).AppendString("acme"))
			case i == 0:
				b.Col(i).AppendInt64(1)
			default:
				b.Col(i).AppendNull()
			}
		}
		b.EndRow()
		err := guardOf(t).Check(b)
		var data *source.DataError
		require.ErrorAs(t, err, &data)
		require.Equal(t, schema[column].Name, data.Column)
	}
}
