package format_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/source"
)

// collected is an archive that keeps what it gets, until it has had enough.
type collected struct {
	blocks []format.PackedRows
	enough int
}

var errEnough = errors.New("enough")

func (c *collected) Dataset(string, source.Schema) error { return nil }
func (c *collected) Close() error                        { return nil }

func (c *collected) Block(p format.PackedRows) error {
	if len(c.blocks) == c.enough {
		return errEnough
	}
	p.Block = bytes.Clone(p.Block)
	c.blocks = append(c.blocks, p)
	return nil
}

func packed(rows int, raw, block string) format.PackedRows {
	return format.PackedRows{Rows: rows, Raw: format.SumOf([]byte(raw)), Block: []byte(block)}
}

func piece(t *testing.T, blocks ...format.PackedRows) []byte {
	t.Helper()
	var out []byte
	for _, p := range blocks {
		var err error
		out, err = p.AppendPieceHeader(out)
		require.NoError(t, err)
		out = append(out, p.Block...)
	}
	return out
}

func TestPieceKeepsBlocks(t *testing.T) {
	t.Parallel()
	blocks := []format.PackedRows{packed(1, "one", "block"), packed(16384, "", ""), packed(3, "three", "a longer block than the first")}
	to := &collected{enough: 3}
	rows, raw, err := format.CopyPiece(to, bytes.NewReader(piece(t, blocks...)))
	require.NoError(t, err)
	require.Equal(t, int64(16388), rows)
	require.Equal(t, format.SumOf([]byte("onethree")), raw)
	require.Empty(t, cmp.Diff(blocks, to.blocks, cmp.Transformer("text", func(b []byte) string { return string(b) })))

	rows, raw, err = format.CopyPiece(to, bytes.NewReader(nil))
	require.NoError(t, err)
	require.Zero(t, rows)
	require.Zero(t, raw)
}

func TestPieceRefuses(t *testing.T) {
	t.Parallel()
	good := piece(t, packed(1, "one", "block"), packed(2, "two", "another"))
	tests := []struct {
		name   string
		piece  []byte
		enough int
		want   string
	}{
		{name: "cut in a header", piece: good[:7], enough: 9, want: io.ErrUnexpectedEOF.Error()},
		{name: "cut behind a header", piece: good[:20], enough: 9, want: io.ErrUnexpectedEOF.Error()},
		{name: "cut in a block", piece: good[:len(good)-1], enough: 9, want: io.ErrUnexpectedEOF.Error()},
		{name: "another file", piece: []byte("PK\x03\x04 is how an archive itself begins"), enough: 9, want: "not a piece"},
		{name: "a header with a flipped bit", piece: append([]byte{good[0] ^ 4}, good[1:]...), enough: 9, want: "not a piece"},
		{name: "an archive that refuses", piece: good, enough: 1, want: errEnough.Error()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := format.CopyPiece(&collected{enough: tt.enough}, bytes.NewReader(tt.piece))
			require.ErrorContains(t, err, tt.want)
		})
	}
	_, err := format.PackedRows{Rows: 1, Raw: format.Sum{Bytes: 1 << 31}}.AppendPieceHeader(nil)
	require.ErrorContains(t, err, "larger than a piece holds")
}

// A header that claims a large block does not make the reader allocate it before
// its bytes are there to be believed: the checksum covers the size.
func TestPieceHeaderIsChecked(t *testing.T) {
	t.Parallel()
	for i := range 20 {
		bad := piece(t, packed(7, "raw", "block"))
		bad[i] ^= 0x80
		_, _, err := format.CopyPiece(&collected{enough: 1}, bytes.NewReader(bad))
		require.ErrorContains(t, err, "not a piece", "byte %d", i)
	}
}

type plainFormat struct{ format.Formatter }

type archiveFormat struct{ format.ArchiveFormatter }

type documentFormat struct{ format.DocumentFormatter }

type blockFormat struct{ format.BlockFormatter }

func TestCapabilities(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name            string
		f               format.Formatter
		joins, datasets bool
	}{
		{name: "none", f: plainFormat{}},
		{name: "nil", f: nil},
		{name: "blocks", f: blockFormat{}, joins: true},
		{name: "document", f: documentFormat{}, joins: true, datasets: true},
		{name: "archive", f: archiveFormat{}, joins: true, datasets: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.joins, format.Joins(tt.f))
			require.Equal(t, tt.datasets, format.HoldsDatasets(tt.f))
		})
	}
}
