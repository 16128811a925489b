package formattest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/source"
)

// A tableau is a dataset that goes into an archive.
type tableau struct {
	name   string
	schema source.Schema
	rows   [][]Cell
	cuts   []int // rows of a block
}

func checkArchive(h Harness) error {
	af, ok := h.Formatter.(format.ArchiveFormatter)
	if !ok {
		return nil
	}
	every, rows := everyKind()
	numbers := source.Schema{{Name: "n", Kind: source.Int64}}
	runs, empty := tableau{"runs", every, rows, []int{2, 5}}, tableau{"empty", every, nil, nil}
	one := tableau{"one", numbers, [][]Cell{{{Text: "1"}}, {{Null: true}}}, []int{1}}
	for _, set := range [][]tableau{
		{},
		{empty},
		{runs},
		{empty, runs},
		{runs, empty, one},
		{one, named("ONE", one), named("one", runs), named("History", one)},
		{named(`with "quotes" and \`, one), named("line\nbreak", empty), named("漢 <&> \u2028", one), named("\ufeff", one), named("", one), named("'", one)},
		{named(strings.Repeat("a", 300), one), named(strings.Repeat("a", 301), runs), named(strings.Repeat("🚀", 50), one), named("a/b:c*d?[e]", one)},
	} {
		if err := h.checkArchiveOf(af, set); err != nil {
			return err
		}
	}
	return checkArchiveErrors(af, numbers)
}

func named(name string, t tableau) tableau {
	t.name = name
	return t
}

// checkArchiveOf makes the archive twice, of blocks and of pieces.
func (h Harness) checkArchiveOf(af format.ArchiveFormatter, set []tableau) error {
	direct, err := archiveOf(af, set, func(a format.Archive, blocks []format.PackedRows) error {
		for _, p := range blocks {
			if err := a.Block(p); err != nil {
				return err
			}
			clear(p.Block) // the archive keeps no reference to it
		}
		return nil
	})
	if err != nil {
		return err
	}
	pieces, err := archiveOf(af, set, copyPieces)
	if err != nil {
		return err
	}
	if err := sameBytes(pieces, direct); err != nil {
		return fmt.Errorf("an archive of pieces and one of blocks: %w", err)
	}
	var schemas []source.Schema
	for _, t := range set {
		schemas = append(schemas, t.schema)
	}
	got, err := h.DecodeArchive(direct, schemas)
	if err != nil {
		return fmt.Errorf("the archive cannot be read: %w", err)
	}
	if len(got) != len(set) {
		return fmt.Errorf("the archive has %d datasets, want %d", len(got), len(set))
	}
	return h.compareArchive(got, set)
}

func (h Harness) compareArchive(got []Dataset, set []tableau) error {
	names := make(map[string]bool)
	for i, t := range set {
		name := got[i].Name
		if name == "" || names[name] {
			return fmt.Errorf("dataset %d of the archive is called %q, like another or like nothing", i, name)
		}
		names[name] = true
		if plain := t.name == "runs" || t.name == "empty" || t.name == "one" && i == 0; plain && name != t.name {
			return fmt.Errorf("dataset %d of the archive is called %q, want %q", i, name, t.name)
		}
		if err := h.compare(t.schema, got[i].Table, t.rows); err != nil {
			return fmt.Errorf("dataset %q of the archive: %w", t.name, err)
		}
	}
	return nil
}

// archiveOf makes an archive; add puts the packed rows of a dataset into it.
func archiveOf(af format.ArchiveFormatter, set []tableau, add func(format.Archive, []format.PackedRows) error) ([]byte, error) {
	var file bytes.Buffer
	a := af.NewArchive(&file)
	for _, t := range set {
		if err := a.Dataset(t.name, t.schema); err != nil {
			return nil, fmt.Errorf("Dataset %.50q: %w", t.name, err)
		}
		blocks, err := pack(af, t)
		if err != nil {
			return nil, err
		}
		if err := add(a, blocks); err != nil {
			return nil, fmt.Errorf("Block: %w", err)
		}
	}
	if err := a.Close(); err != nil {
		return nil, fmt.Errorf("Close: %w", err)
	}
	return file.Bytes(), nil
}

func pack(af format.ArchiveFormatter, t tableau) ([]format.PackedRows, error) {
	encoder, err := af.Rows(t.schema)
	if err != nil {
		return nil, err
	}
	packer, err := format.NewPacker(format.Gzip, format.ArchiveLevel)
	if err != nil {
		return nil, err
	}
	all, err := batches(t.schema, t.rows, t.cuts...)
	if err != nil {
		return nil, err
	}
	var out []format.PackedRows
	for _, b := range all {
		raw, err := encoder.AppendRows(nil, b)
		if err != nil {
			return nil, fmt.Errorf("AppendRows: %w", err)
		}
		block, err := packer.AppendBlock(nil, raw)
		if err != nil {
			return nil, err
		}
		out = append(out, format.PackedRows{Rows: b.Len(), Raw: format.SumOf(raw), Block: block})
	}
	return out, nil
}

// copyPieces puts the blocks of a dataset into an archive as two pieces, as the
// seal does.
func copyPieces(a format.Archive, blocks []format.PackedRows) error {
	half := len(blocks) / 2
	for _, part := range [][]format.PackedRows{blocks[:half], blocks[half:]} {
		var piece []byte
		want := 0
		for _, p := range part {
			var err error
			if piece, err = p.AppendPieceHeader(piece); err != nil {
				return err
			}
			piece = append(piece, p.Block...)
			want += p.Rows
		}
		rows, _, err := format.CopyPiece(a, bytes.NewReader(piece))
		if err == nil && rows != int64(want) {
			err = fmt.Errorf("a piece of %d rows was copied as %d", want, rows)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkArchiveErrors wants errors to stay, and to be found.
func checkArchiveErrors(af format.ArchiveFormatter, schema source.Schema) error {
	whole, err := archiveOf(af, []tableau{{name: "one", schema: schema}}, copyPieces)
	if err != nil {
		return err
	}
	for _, left := range []int{0, len(whole) / 2, len(whole) - 1} {
		a := af.NewArchive(&breaking{left})
		if err := errors.Join(a.Dataset("one", schema), a.Close()); !errors.Is(err, errBroken) {
			return fmt.Errorf("the destination failed after %d of %d bytes and the archive's error was %v, which does not wrap it", left, len(whole), err)
		}
		if err := a.Close(); err == nil {
			return errors.New("an archive that failed can be closed")
		}
	}
	return nil
}
