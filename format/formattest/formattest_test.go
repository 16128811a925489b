package formattest

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/exportyard/exportyard/source"
)

func yield() { runtime.Gosched() }

// parser reads the toy format.
type parser struct{ rest string }

func (p *parser) skip(token string) bool {
	rest, ok := strings.CutPrefix(p.rest, token)
	if ok {
		p.rest = rest
	}
	return ok
}

func (p *parser) text() (string, error) {
	length, rest, found := strings.Cut(p.rest, ":")
	n, err := strconv.Atoi(length)
	if !found || err != nil || n < 0 || n > len(rest) {
		return "", errors.New("not a length")
	}
	p.rest = rest[n:]
	return rest[:n], nil
}

func (p *parser) table(columns int) (table Table, err error) {
	if !p.skip("toy") {
		return table, errors.New("no header")
	}
	for !p.skip("|") {
		for p.skip(" ") {
		}
		name, err := p.text()
		if err != nil {
			return table, err
		}
		table.Names = append(table.Names, name)
	}
	for first := true; !p.skip("."); first = false {
		if !first && !p.skip(";") {
			return table, errors.New("no border between rows")
		}
		row := make([]Cell, columns)
		for c := range row {
			if !p.skip(" ") {
				return table, errors.New("no cell")
			}
			if p.skip("N") {
				row[c].Null = true
			} else if row[c].Text, err = p.text(); err != nil {
				return table, err
			}
		}
		table.Rows = append(table.Rows, row)
	}
	return table, nil
}

func readToy(file []byte, schema source.Schema) (Table, error) {
	p := &parser{string(file)}
	table, err := p.table(len(schema))
	if err == nil && p.rest != "" {
		err = errors.New("something behind the end")
	}
	return table, err
}

func readToyDocument(file []byte, schemas map[string]source.Schema) (all []Dataset, err error) {
	p := &parser{string(file)}
	if !p.skip("document") {
		return nil, errors.New("no document")
	}
	for p.skip(" set ") {
		name, err := p.text()
		if err != nil {
			return nil, err
		}
		table, err := p.table(len(schemas[name]))
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

func toyHarness(defect string) Harness {
	return Harness{Formatter: toy{defect: defect}, Decode: readToy, DecodeDocument: readToyDocument}
}

func TestRunPassesAGoodFormatter(t *testing.T) {
	t.Parallel()
	Run(t, func(*testing.T) Harness { return toyHarness("") })
}

func ruleNamed(t *testing.T, name string) rule {
	t.Helper()
	for _, r := range rules {
		if r.name == name {
			return r
		}
	}
	t.Fatalf("no rule %q", name)
	return rule{}
}

// A suite is worth what it catches: each of these formatters breaks one
// promise, and the rule of that promise must say so.
func TestRulesCatchBrokenFormatters(t *testing.T) {
	t.Parallel()
	broken := []struct{ rule, defect, want string }{
		{"info", "extension with a dot", "without a dot"},
		{"info", "no media type", "media type"},
		{"info", "info changes", "and then"},
		{"kinds", "int64 through float64", "9007199254740993"},
		{"kinds", "milliseconds", ".999999Z"},
		{"kinds", "decimals through float64", "999999999"},
		{"kinds", "no NaN", "NaN"},
		{"kinds", "reorders JSON", "2.50"},
		{"strings", "line feeds alone", `\r\n`},
		{"strings", "stops at NUL", `\x00`},
		{"strings", "drops a byte order mark", `\ufeff`},
		{"strings", "trims", "row"},
		{"nulls", "nulls as zeros", "null"},
		{"nulls", "nulls as empty texts", "null"},
		{"names", "sorted columns", "columns are"},
		{"names", "clean names", "columns are"},
		{"wide", "255 columns", ""},
		{"large cell", "64 KiB a cell", "row 0"},
		{"many rows", "loses rows of small batches", "rows"},
		{"many rows", "no separator", "read"},
		{"no rows", "header with the first rows", "read"},
		{"deterministic", "a number of its own", "another file"},
		{"keeps nothing", "keeps batches", "again"},
		{"write errors", "swallows errors", "<nil>"},
		{"write errors", "its own error", "does not wrap"},
		{"unknown field", "takes every kind", "from_the_future"},
		{"unknown field", "does not name the field", "names it"},
		{"unknown field", "writes before it refuses", "written 3 bytes"},
		{"blocks", "marks the end of blocks", "differ at byte"},
		{"append", "starts anew", "AppendHeader"},
		{"concurrent", "one at a time", "come out otherwise"},
		{"allocations", "allocates", "allocations a row"},
		{"document", "datasets without a border", "read"},
		{"document", "dataset names cut at quotes", "document"},
		{"archive", "loses blocks of few rows", "rows"},
		{"archive", "keeps blocks", "Close"},
		{"archive", "uses names twice", "like another"},
		{"archive", "renames datasets", "is called"},
		{"archive", "drops the last dataset", "datasets"},
		{"archive", "makes errors its own", "does not wrap"},
		{"archive", "forgets errors", "can be closed"},
		{"compressing", "takes every codec", "shrink"},
		{"compressing", "takes no codec", "nothing but"},
		{"compressing", "gzip loses nulls", "gzip"},
	}
	caught := make(map[string]bool)
	for _, tc := range broken {
		caught[tc.rule] = true
		t.Run(fmt.Sprintf("%s: %s", tc.rule, tc.defect), func(t *testing.T) {
			t.Parallel()
			r, harness := ruleNamed(t, tc.rule), toyHarness
			if tc.rule == "archive" {
				harness = archiveHarness
			}
			if err := r.check(harness("")); err != nil {
				t.Fatalf("the rule fails a good formatter: %v", err)
			}
			err := r.check(harness(tc.defect))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("the rule says %v, want an error with %q", err, tc.want)
			}
		})
	}
	for _, r := range rules {
		if !caught[r.name] {
			t.Errorf("no broken formatter for rule %q", r.name)
		}
	}
}

func TestKnobsLoosenTheirRulesOnly(t *testing.T) {
	t.Parallel()
	text, null := Cell{Text: ""}, Cell{Null: true}
	for _, tc := range []struct {
		name      string
		harness   Harness
		kind      source.Kind
		got, want Cell
		same      bool
	}{
		{"empty for null", Harness{EmptyIsNull: true}, source.String, text, null, true},
		{"null for empty", Harness{EmptyIsNull: true}, source.String, null, text, true},
		{"empty for null is off", Harness{}, source.String, text, null, false},
		{"not for a text", Harness{EmptyIsNull: true}, source.String, null, Cell{Text: "a"}, false},
		{"not for a number", Harness{EmptyIsNull: true}, source.Int64, Cell{Text: "0"}, null, false},
		{"JSON null", Harness{JSONNullIsNull: true}, source.JSON, null, Cell{Text: "null"}, true},
		{"JSON null is off", Harness{}, source.JSON, null, Cell{Text: "null"}, false},
		{"not for JSON zero", Harness{JSONNullIsNull: true}, source.JSON, null, Cell{Text: "0"}, false},
		{"JSON space", Harness{JSONSpace: true}, source.JSON, Cell{Text: "[1,2]"}, Cell{Text: "[1,\n2]"}, true},
		{"JSON space is off", Harness{}, source.JSON, Cell{Text: "[1,2]"}, Cell{Text: "[1,\n2]"}, false},
		{"not within a JSON string", Harness{JSONSpace: true}, source.JSON, Cell{Text: `["a b"]`}, Cell{Text: `["ab"]`}, false},
		{"not for JSON numbers", Harness{JSONSpace: true}, source.JSON, Cell{Text: "[1.0]"}, Cell{Text: "[1]"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := tc.harness.same(tc.kind, tc.got, tc.want); got != tc.same {
				t.Errorf("same(%v, %v) = %v", tc.got, tc.want, got)
			}
		})
	}
}
