package formattest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/source"
)

// blocksOf returns nil Blocks for a formatter that has none, whose block rules
// hold of themselves.
func blocksOf(f format.Formatter, schema source.Schema) (format.Blocks, error) {
	bf, ok := f.(format.BlockFormatter)
	if !ok {
		return nil, nil
	}
	blocks, err := bf.Blocks(schema)
	if err == nil && blocks == nil {
		err = errors.New("Blocks returned nil without an error")
	}
	return blocks, err
}

// rowsOf returns the encoder of rows of a formatter that has one, else nil.
func rowsOf(f format.Formatter, schema source.Schema) (format.Rows, error) {
	af, ok := f.(format.ArchiveFormatter)
	if !ok {
		blocks, err := blocksOf(f, schema)
		if blocks == nil {
			return nil, err
		}
		return blocks, err
	}
	rows, err := af.Rows(schema)
	if err == nil && rows == nil {
		err = errors.New("Rows returned nil without an error")
	}
	return rows, err
}

// assemble makes a file of one piece a batch.
func assemble(blocks format.Blocks, all []*source.Batch) ([]byte, error) {
	file := blocks.AppendHeader(nil)
	for i, b := range all {
		if i > 0 {
			file = blocks.AppendSeparator(file)
		}
		var err error
		if file, err = blocks.AppendRows(file, b); err != nil {
			return nil, fmt.Errorf("AppendRows: %w", err)
		}
	}
	return blocks.AppendFooter(file), nil
}

func checkBlocks(h Harness) error {
	schema, rows := everyKind()
	blocks, err := blocksOf(h.Formatter, schema)
	if blocks == nil || err != nil {
		return err
	}
	want, err := encode(h.Formatter, schema, rows, len(rows))
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(1, 2))
	partitions := [][]int{{len(rows)}, {1}, {1, len(rows)}, {len(rows) - 1, 1}}
	for range 20 {
		partitions = append(partitions, []int{1 + random.IntN(9), 1 + random.IntN(9), 1 + random.IntN(9), 1 + random.IntN(9)})
	}
	for _, cuts := range partitions {
		all, err := batches(schema, rows, cuts...)
		if err != nil {
			return err
		}
		file, err := assemble(blocks, all)
		if err != nil {
			return err
		}
		if err := sameBytes(file, want); err != nil {
			return fmt.Errorf("blocks of %v rows and NewWriter: %w", cuts, err)
		}
		if file, err = encode(h.Formatter, schema, rows, cuts...); err != nil {
			return err
		}
		if err := sameBytes(file, want); err != nil {
			return fmt.Errorf("NewWriter with batches of %v rows and with one: %w", cuts, err)
		}
	}
	empty, err := encode(h.Formatter, schema, nil, 1)
	if err != nil {
		return err
	}
	if file := blocks.AppendFooter(blocks.AppendHeader(nil)); !bytes.Equal(file, empty) {
		return errors.New("header and footer alone are not what NewWriter makes of no rows")
	}
	return h.decodesTo(want, schema, rows)
}

func sameBytes(got, want []byte) error {
	if bytes.Equal(got, want) {
		return nil
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	return fmt.Errorf("files of %d and %d bytes differ at byte %d", len(got), len(want), at)
}

func checkAppend(h Harness) error {
	schema, rows := everyKind()
	encoder, err := rowsOf(h.Formatter, schema)
	if encoder == nil || err != nil {
		return err
	}
	all, err := batches(schema, rows, len(rows))
	if err != nil {
		return err
	}
	pieces := map[string]func(dst []byte) []byte{
		"AppendRows": func(dst []byte) []byte {
			dst, rowsErr := encoder.AppendRows(dst, all[0])
			err = errors.Join(err, rowsErr)
			return dst
		},
	}
	if blocks, ok := encoder.(format.Blocks); ok {
		pieces["AppendHeader"] = blocks.AppendHeader
		pieces["AppendSeparator"] = blocks.AppendSeparator
		pieces["AppendFooter"] = blocks.AppendFooter
	}
	if df, ok := h.Formatter.(format.DocumentFormatter); ok {
		pieces["AppendDocumentStart"] = df.AppendDocumentStart
		pieces["AppendDocumentEnd"] = df.AppendDocumentEnd
		pieces["AppendDatasetStart"] = func(dst []byte) []byte { return df.AppendDatasetStart(dst, 1, "runs") }
	}
	for name, piece := range pieces {
		alone := piece(nil)
		const before = "what stands before"
		tight := []byte(before)
		roomy := append(make([]byte, 0, len(alone)+1000), before...)
		for _, dst := range [][]byte{tight[:len(tight):len(tight)], roomy} {
			if got := piece(dst); string(got) != before+string(alone) {
				return fmt.Errorf("%s does not just append to dst", name)
			}
		}
	}
	return err
}

func checkConcurrent(h Harness) error {
	schema, rows := everyKind()
	encoder, err := rowsOf(h.Formatter, schema)
	if encoder == nil || err != nil {
		return err
	}
	all, err := batches(schema, rows, 3)
	if err != nil {
		return err
	}
	want := make([][]byte, len(all))
	for i, b := range all {
		if want[i], err = encoder.AppendRows(nil, b); err != nil {
			return err
		}
	}
	const workers = 4
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for round := range 20 {
				i := (w + round) % len(all)
				// A batch belongs to one goroutine; blocks belong to all.
				private, err := batches(schema, rows[3*i:min(3*i+3, len(rows))], 3)
				if err != nil {
					errs[w] = err
					return
				}
				if got, err := encoder.AppendRows(nil, private[0]); err != nil || !bytes.Equal(got, want[i]) {
					errs[w] = fmt.Errorf("with %d goroutines at once rows come out otherwise (error: %v)", workers, err)
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func checkAllocations(h Harness) error {
	schema, few := everyKind()
	encoder, err := rowsOf(h.Formatter, schema)
	if encoder == nil || err != nil {
		return err
	}
	var rows [][]Cell
	for len(rows) < 300 {
		rows = append(rows, few...)
	}
	all, err := batches(schema, rows, len(rows))
	if err != nil {
		return err
	}
	dst, err := encoder.AppendRows(nil, all[0])
	if err != nil {
		return err
	}
	limit := uint64(len(rows) / 100)
	allocs := leastMallocs(limit, func() {
		dst, err = encoder.AppendRows(dst[:0], all[0])
	})
	if allocs > limit {
		return fmt.Errorf("AppendRows into a buffer with room makes %.2f allocations a row", float64(allocs)/float64(len(rows)))
	}
	return err
}

// leastMallocs returns the fewest allocations of many runs of f, or the first
// that are within the limit: what others allocate at the same time only adds.
func leastMallocs(limit uint64, f func()) uint64 {
	least := ^uint64(0)
	for run := 0; run < 1000 && least > limit; run++ {
		least = min(least, MallocsOf(f))
	}
	return least
}

func checkDocument(h Harness) error {
	df, ok := h.Formatter.(format.DocumentFormatter)
	if !ok {
		return nil
	}
	every, rows := everyKind()
	numbers := source.Schema{{Name: "n", Kind: source.Int64}}
	contents := map[string]struct {
		schema source.Schema
		rows   [][]Cell
	}{
		"runs": {every, rows}, "empty": {every, nil}, `with "quotes" and \`: {numbers, [][]Cell{{{Text: "1"}}}},
		"line\nbreak": {numbers, nil}, "漢 <&> \u2028": {numbers, [][]Cell{{{Null: true}}, {{Text: "-7"}}}}, "\ufeff": {numbers, [][]Cell{{{Text: "5"}}}},
	}
	schemas := make(map[string]source.Schema)
	for name, c := range contents {
		schemas[name] = c.schema
	}
	for _, names := range [][]string{
		{},
		{"empty"},
		{"runs"},
		{"empty", "runs"},
		{"runs", "empty"},
		{"runs", `with "quotes" and \`, "line\nbreak", "empty", "漢 <&> \u2028", "\ufeff"},
	} {
		file := df.AppendDocumentStart(nil)
		for i, name := range names {
			file = df.AppendDatasetStart(file, i, name)
			blocks, err := df.Blocks(contents[name].schema)
			if err != nil {
				return err
			}
			all, err := batches(contents[name].schema, contents[name].rows, 2, 5)
			if err != nil {
				return err
			}
			piece, err := assemble(blocks, all)
			if err != nil {
				return err
			}
			file = append(file, piece...)
		}
		got, err := h.DecodeDocument(df.AppendDocumentEnd(file), schemas)
		if err != nil {
			return fmt.Errorf("the document of %q cannot be read: %w", names, err)
		}
		if len(got) != len(names) {
			return fmt.Errorf("the document has %d datasets, want %q", len(got), names)
		}
		for i, name := range names {
			if got[i].Name != name {
				return fmt.Errorf("dataset %d of the document is %q, want %q", i, got[i].Name, name)
			}
			if err := h.compare(contents[name].schema, got[i].Table, contents[name].rows); err != nil {
				return fmt.Errorf("dataset %q of the document: %w", name, err)
			}
		}
	}
	return nil
}

func checkCompressing(h Harness) error {
	cf, ok := h.Formatter.(format.Compressing)
	if !ok {
		return nil
	}
	if _, err := cf.WithCompression("shrink"); err == nil {
		return errors.New(`WithCompression takes "shrink"`)
	}
	schema, rows := everyKind()
	taken := 0
	for _, c := range []format.Compression{"", format.None, format.Gzip, format.Zstd} {
		f, err := cf.WithCompression(c)
		if err != nil && c == "" {
			return fmt.Errorf("WithCompression refuses its own default: %w", err)
		}
		if err != nil {
			continue
		}
		taken++
		file, err := encode(f, schema, rows, 10)
		if err != nil {
			return fmt.Errorf("compression %q: %w", c, err)
		}
		if err := h.decodesTo(file, schema, rows); err != nil {
			return fmt.Errorf("compression %q: %w", c, err)
		}
		if f.Info() != h.Formatter.Info() {
			return fmt.Errorf("compression %q changes Info", c)
		}
	}
	if taken < 2 {
		return errors.New("WithCompression takes nothing but its default")
	}
	return nil
}
