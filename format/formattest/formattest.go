// Package formattest holds the rules of package format as tests. An adapter's
// own test calls [Run] with a [Harness] that names the formatter and a reader
// that has nothing in common with it:
//
//	func TestConformance(t *testing.T) {
//		formattest.Run(t, func(t *testing.T) formattest.Harness {
//			return formattest.Harness{Formatter: csvfmt.Format{}, Decode: readCSV}
//		})
//	}
//
// The reader is the test's most valuable part: a library of somebody else, or a
// small parser written from the format's specification.
package formattest

import (
	"testing"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/source"
)

// A Harness is what the suite needs to know about one formatter.
type Harness struct {
	// Formatter is what is tested.
	Formatter format.Formatter

	// Decode reads a whole file of rows of that schema with an independent
	// reader. It returns an error for a file that is not valid.
	Decode func(file []byte, schema source.Schema) (Table, error)

	// DecodeDocument reads a document of the datasets with these names and
	// schemas, and returns them in the order of the file. Required for a
	// [format.DocumentFormatter].
	DecodeDocument func(file []byte, schemas map[string]source.Schema) ([]Dataset, error)

	// DecodeArchive reads an archive of datasets with these schemas, in the order
	// of the file. Required for a [format.ArchiveFormatter].
	DecodeArchive func(file []byte, schemas []source.Schema) ([]Dataset, error)

	// MaxText is how many characters, counted in UTF-16, the text of a cell has
	// at most; a longer one is refused. Default: as many as a batch holds.
	MaxText int

	// Unsupported lists fields that the format cannot hold, each for a reason
	// of its own. Default: none, beside kinds that do not exist.
	Unsupported []source.Field

	// EmptyIsNull says that the format has one form for a null and for an
	// empty String. Default: they are told apart.
	EmptyIsNull bool

	// JSONNullIsNull says that the format has one form for a null and for the
	// JSON value null. Default: they are told apart.
	JSONNullIsNull bool

	// JSONSpace says that the white space between the tokens of a JSON cell may
	// change. Default: JSON cells are verbatim.
	JSONSpace bool
}

// A Table is what a reader finds in a file.
type Table struct {
	// Names are the names of the columns in order, as the file gives them. Nil
	// when a file without rows does not say.
	Names []string
	// Rows has as many cells a row as there are columns.
	Rows [][]Cell
}

// A Cell is one value as [source.AppendText] writes it for its kind.
type Cell struct {
	Text string
	Null bool
}

// A Dataset is one table of a document.
type Dataset struct {
	Name  string
	Table Table
}

// A rule is one promise that formatters make.
type rule struct {
	name  string
	why   string // printed when it is broken
	check func(Harness) error
}

var rules = []rule{
	{"info", "requests, manifests and file names are made of it", checkInfo},
	{"kinds", "every kind keeps every digit, at its extremes too", checkKinds},
	{"strings", "no text may change or break the structure of the file", checkStrings},
	{"nulls", "a null is not a zero, and not an empty text where the format can say so", checkNulls},
	{"names", "columns keep their names and their order", checkNames},
	{"wide", "a schema may have hundreds of columns", checkWide},
	{"large cell", "a cell may be far larger than a buffer, or than the format holds", checkLargeCell},
	{"many rows", "rows come out once each and in order, however many batches they came in", checkManyRows},
	{"no rows", "a dataset without rows is a valid file", checkNoRows},
	{"deterministic", "the same rows give the same bytes", checkDeterministic},
	{"keeps nothing", "the engine uses its batches again", checkKeepsNothing},
	{"write errors", "an error of the destination must fail the part", checkWriteErrors},
	{"unknown field", "a field that the format cannot hold is refused by name before anything is written", checkUnsupported},
	{"blocks", "a file is the same whatever blocks it was made in", checkBlocks},
	{"append", "blocks are appended; what stands before them stays", checkAppend},
	{"concurrent", "one Blocks value serves all workers at once", checkConcurrent},
	{"allocations", "nothing is allocated for a row", checkAllocations},
	{"document", "several datasets stand in one file, also without rows", checkDocument},
	{"archive", "datasets of an archive keep their order and their rows, whatever pieces they came in", checkArchive},
	{"compressing", "a formatter that compresses says what it can do and reads back", checkCompressing},
}

// Run tests a formatter. It calls newHarness once for each rule.
func Run(t *testing.T, newHarness func(t *testing.T) Harness) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			h := newHarness(t)
			if h.Formatter == nil || h.Decode == nil {
				t.Fatal("formattest: a harness needs Formatter and Decode")
			}
			if _, ok := h.Formatter.(format.DocumentFormatter); ok && h.DecodeDocument == nil {
				t.Fatal("formattest: the harness of a DocumentFormatter needs DecodeDocument")
			}
			if _, ok := h.Formatter.(format.ArchiveFormatter); ok && h.DecodeArchive == nil {
				t.Fatal("formattest: the harness of an ArchiveFormatter needs DecodeArchive")
			}
			if err := r.check(h); err != nil {
				t.Errorf("%v\nwhy this matters: %s", err, r.why)
			}
		})
	}
}
