package formattest

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/source"
)

// toyArchive makes toy documents out of packed rows. What is wrong with it is said
// by its defect, "" for nothing.
type toyArchive struct{ defect string }

var _ format.ArchiveFormatter = toyArchive{}

func (f toyArchive) Info() format.Info { return toy{}.Info() }

func (f toyArchive) NewWriter(w io.Writer, schema source.Schema) (format.Writer, error) {
	return toy{}.NewWriter(w, schema)
}

func (f toyArchive) Rows(schema source.Schema) (format.Rows, error) {
	blocks, err := toy{}.Blocks(schema)
	if err != nil {
		return nil, err
	}
	return toyRows{blocks}, nil
}

// toyRows ends each run of rows as others separate them.
type toyRows struct{ format.Blocks }

func (r toyRows) AppendRows(dst []byte, b *source.Batch) ([]byte, error) {
	dst, err := r.Blocks.AppendRows(dst, b)
	return append(dst, ';'), err
}

func (f toyArchive) NewArchive(w io.Writer) format.Archive {
	return &toyFile{f: f, w: w, out: []byte("document")}
}

type toyFile struct {
	f     toyArchive
	w     io.Writer
	out   []byte
	names []string
	open  bool
	rows  int // of the dataset
	kept  [][]byte
	err   error
}

func (a *toyFile) Dataset(name string, schema source.Schema) error {
	a.end()
	if a.f.defect == "renames datasets" {
		name = "x" + name
	}
	for a.f.defect != "uses names twice" && (name == "" || slices.Contains(a.names, name)) {
		name += "'"
	}
	a.names = append(a.names, name)
	blocks, err := toy{}.Blocks(schema)
	if err != nil {
		return err
	}
	a.out = blocks.AppendHeader(appendToken(append(a.out, " set "...), name))
	a.open, a.rows = true, 0
	return nil
}

func (a *toyFile) Block(p format.PackedRows) error {
	a.rows += p.Rows
	if a.f.defect == "loses blocks of few rows" && p.Rows == 1 {
		return nil
	}
	a.kept = append(a.kept, p.Block)
	if a.f.defect != "keeps blocks" {
		a.unpack()
	}
	return nil
}

func (a *toyFile) unpack() {
	for _, block := range a.kept {
		raw, err := io.ReadAll(flate.NewReader(bytes.NewReader(block)))
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) { // a block is not the end
			a.err = fmt.Errorf("toy: %w", err)
		}
		a.out = append(a.out, raw...)
	}
	a.kept = nil
}

func (a *toyFile) end() {
	a.unpack()
	if a.open {
		a.out = append(bytes.TrimSuffix(a.out, []byte(";")), '.')
	}
}

func (a *toyFile) Close() error {
	a.end()
	if a.f.defect == "drops the last dataset" && len(a.names) > 1 {
		a.out = a.out[:bytes.LastIndex(a.out, []byte(" set "))]
	}
	if a.err == nil {
		_, a.err = a.w.Write(append(a.out, " end"...))
	}
	err := a.err
	switch {
	case a.f.defect == "forgets errors":
		a.err, a.w = nil, io.Discard
	case err != nil && a.f.defect == "makes errors its own":
		return errors.New("toy: cannot write")
	}
	return err
}

func readToyArchive(file []byte, schemas []source.Schema) (all []Dataset, err error) {
	p := &parser{string(file)}
	if !p.skip("document") {
		return nil, errors.New("no document")
	}
	for p.skip(" set ") {
		name, err := p.text()
		if err != nil {
			return nil, err
		}
		if len(all) == len(schemas) {
			return nil, errors.New("more datasets than schemas")
		}
		table, err := p.table(len(schemas[len(all)]))
		if err != nil {
			return nil, err
		}
		all = append(all, Dataset{name, table})
	}
	if p.rest != " end" {
		return nil, errors.New("no end")
	}
	return all, nil
}

func archiveHarness(defect string) Harness {
	return Harness{Formatter: toyArchive{defect}, Decode: readToy, DecodeArchive: readToyArchive}
}

func TestRunPassesAGoodArchive(t *testing.T) {
	t.Parallel()
	Run(t, func(*testing.T) Harness { return archiveHarness("") })
}

func TestLimitOfACell(t *testing.T) {
	t.Parallel()
	h := toyHarness("")
	h.MaxText = 1000
	if err := checkLargeCell(h); err == nil {
		t.Error("the rule passes a formatter that takes more than the harness says")
	}
}
