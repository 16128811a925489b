package sourcetest

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/exportyard/exportyard/source"
)

// A Table is a dataset with all its rows, of all tenants, in no particular order.
type Table struct {
	// Dataset is what the source's catalog must say: Name, Schema, Key, Tenant,
	// Time and Subject. Column names are not always identifiers: quote them.
	Dataset source.Dataset
	// Rows holds the cells, one column for each field of the schema.
	Rows *source.Batch

	texts [][]string     // of Rows, null for a null
	ranks []int          // the place of each row's key among all
	rank  map[string]int // the same by the key's texts
}

// Text returns one cell in the form of [source.AppendText], and whether it is null.
func (t Table) Text(row, col int) (text string, isNull bool) {
	if text = t.texts[row][col]; text == null {
		return "", true
	}
	return text, false
}

// The tenants of the tables. The first two differ in case alone; nobody has no rows.
const (
	tenantA = "acme"
	tenantB = "Acme"
	tenantC = "globex"
	nobody  = "nobody"
)

var tenants = []string{tenantA, tenantB, tenantC, nobody}

// null stands for a null cell among texts.
const null = "\x00null"

func makeTables(lacks map[Feature]string) []Table {
	var out []Table
	for _, build := range []func(*maker) Table{things, days, clocks, events, plain} {
		t := build(&maker{lacks: lacks, rand: rand.New(rand.NewPCG(20, 26))})
		if t.Rows != nil {
			out = append(out, t)
		}
	}
	return out
}

// things is the large table: every kind, a key of two columns.
func things(m *maker) Table {
	d := source.Dataset{
		Name: "things", Title: "Things", Area: "suite", Key: []string{"shelf", "id"},
		Tenant: "org", Time: "at", Subject: "person",
	}
	return m.table(d, 160,
		column{source.Field{Name: "shelf", Kind: source.String, Required: true}, func(i int) string { return "s" + strconv.Itoa(i*i%5) }},
		column{source.Field{Name: "id", Kind: source.Int64, Required: true}, func(i int) string { return strconv.Itoa((i - 60) * 7919) }},
		column{source.Field{Name: "org", Kind: source.String, Required: true}, orgs},
		column{
			source.Field{Name: "person", Kind: source.String, Sensitivity: source.Personal},
			cycle(1, "ann@acme.example", "Ann@acme.example", "o'neil@acme.example", null, "bob@acme.example", ""),
		},
		column{source.Field{Name: "at", Kind: source.Timestamp}, cycle(1, m.instants("Z")...)},
		column{source.Field{Name: "flag", Kind: source.Bool}, cycle(1, "true", "false", null, "false")},
		column{
			source.Field{Name: "whole", Kind: source.Int64},
			cycle(1, "9223372036854775807", "-9223372036854775808", "0", "-1", "9007199254740993", null, "42"),
		},
		column{source.Field{Name: "ratio", Kind: source.Float64}, cycle(1, m.floats()...)},
		column{
			source.Field{Name: "price", Kind: source.Decimal(12, 4)},
			cycle(1, "0.0000", "0.0001", "-0.0001", "99999999.9999", "-99999999.9999", "12.5000", null, "100.0000"),
		},
		column{
			source.Field{Name: "exact", Kind: source.Decimal(38, 10)},
			cycle(1, "9999999999999999999999999999.9999999999", "-9999999999999999999999999999.9999999999",
				"0.0000000001", "1234567890123456789012345678.0123456789", null, "1.0000000000"),
		},
		column{source.Field{Name: "note", Kind: source.String}, cycle(1, m.notes()...)},
		column{source.Field{Name: "blob", Kind: source.Bytes}, cycle(1, blobs()...)},
		column{source.Field{Name: "day", Kind: source.Date}, cycle(1, m.days()...)},
		column{source.Field{Name: "wall", Kind: source.DateTime}, cycle(3, m.instants("")...)},
		column{source.Field{Name: "ref", Kind: source.UUID}, m.uuids(true)},
		column{
			source.Field{Name: "doc", Kind: source.JSON},
			cycle(1, `{}`, `[1, 2.50]`, `"text"`, `null`, `{"b": 1, "a": 12345678901234567890.10, "b": 2}`, null, `{"ключ": "\u0041\n"}`),
		},
		column{source.Field{Name: "order", Kind: source.Int64}, func(i int) string { return strconv.Itoa(i % 7) }},
	)
}

// days is cut by a Date.
func days(m *maker) Table {
	d := source.Dataset{Name: "days", Key: []string{"n"}, Tenant: "org", Time: "day"}
	return m.table(d, 40,
		column{source.Field{Name: "org", Kind: source.String, Required: true}, orgs},
		column{source.Field{Name: "day", Kind: source.Date}, cycle(1, m.days()...)},
		column{source.Field{Name: "n", Kind: source.Int64, Required: true}, func(i int) string { return strconv.Itoa(1<<53 + i) }},
	)
}

// clocks is cut by a DateTime and ordered by a UUID.
func clocks(m *maker) Table {
	d := source.Dataset{Name: "clocks", Key: []string{"ref"}, Tenant: "org", Time: "wall", Subject: "owner"}
	return m.table(d, 40,
		column{source.Field{Name: "org", Kind: source.String, Required: true}, orgs},
		column{source.Field{Name: "ref", Kind: source.UUID, Required: true}, m.uuids(false)},
		column{source.Field{Name: "wall", Kind: source.DateTime}, cycle(1, m.instants("")...)},
		column{source.Field{Name: "owner", Kind: source.Int64}, cycle(1, "7", "70", null, "-7")},
	)
}

// events is ordered by the time that it is cut by.
func events(m *maker) Table {
	d := source.Dataset{Name: "events", Key: []string{"made", "seq"}, Tenant: "org", Time: "made"}
	return m.table(d, 60,
		column{source.Field{Name: "made", Kind: source.Timestamp, Required: true}, cycle(1, m.instants("Z")[1:]...)},
		column{
			source.Field{Name: "seq", Kind: source.Decimal(20, 2), Required: true},
			func(i int) string { return strconv.Itoa(i*37-900) + ".50" },
		},
		column{source.Field{Name: "org", Kind: source.String, Required: true}, orgs},
		column{source.Field{Name: "text", Kind: source.String, Required: true}, cycle(1, "", "a", "b")},
	)
}

// plain has a tenant and nothing else to ask for.
func plain(m *maker) Table {
	if _, lacking := m.lacks[Keyless]; lacking {
		return Table{}
	}
	d := source.Dataset{Name: "plain", Tenant: "org"}
	return m.table(d, 20,
		column{source.Field{Name: "label", Kind: source.String}, cycle(1, "x", null, "y", "")},
		column{source.Field{Name: "org", Kind: source.String, Required: true}, orgs},
		column{source.Field{Name: "amount", Kind: source.Int64}, cycle(1, "1", "2", null)},
	)
}

// A column is a field and the texts of its cells by row.
type column struct {
	field source.Field
	text  func(row int) string
}

// A maker makes tables of what the store can hold.
type maker struct {
	lacks map[Feature]string
	rand  *rand.Rand
}

func (m *maker) has(f Feature) bool {
	_, lacking := m.lacks[f]
	return !lacking
}

// table makes a table, without the columns of kinds that are lacking; no table
// at all when one of these has a role.
func (m *maker) table(d source.Dataset, rows int, columns ...column) Table {
	var kept []column
	for _, c := range columns {
		if m.has(KindOf(c.field.Kind)) {
			kept, d.Schema = append(kept, c), append(d.Schema, c.field)
		}
	}
	for _, name := range append([]string{d.Time, d.Subject}, d.Key...) {
		if name != "" && d.Schema.Index(name) < 0 {
			return Table{}
		}
	}
	b := source.NewBatch(d.Schema, rows, 1<<30)
	for _, i := range m.rand.Perm(rows) {
		for col, c := range kept {
			text := c.text(i)
			if text == null {
				b.Col(col).AppendNull()
			} else if err := source.ParseText(b.Col(col), text); err != nil {
				panic(fmt.Sprintf("sourcetest: column %q of the fixture: %v", c.field.Name, err))
			}
		}
		b.EndRow()
	}
	return NewTable(d, b)
}

// NewTable returns a table for [Harness.Tables]. It has a key that no two of its rows share,
// a column "id", and rows of the tenants acme, Acme and globex. The more different its values
// are, the more the rules see.
func NewTable(d source.Dataset, rows *source.Batch) Table {
	t := Table{Dataset: d, Rows: rows, texts: texts(rows)}
	t.rankKeys()
	return t
}

// cycle walks the texts: stretch rows with one, then the next.
func cycle(stretch int, texts ...string) func(int) string {
	return func(i int) string { return texts[i/stretch%len(texts)] }
}

// orgs gives the first tenant more rows than the others, in runs whose length
// shares no factor with the cycles of values.
func orgs(i int) string {
	return []string{tenantA, tenantB, tenantA, tenantC, tenantA}[i/11%5]
}

// instants are null and then texts of instants with that suffix. Ends of a
// month, of a summer time's hour and of the ranges that the rules ask for, each
// with its neighbours a microsecond away.
func (m *maker) instants(suffix string) []string {
	texts := []string{
		"2026-03-29T00:59:59.999999", "2026-03-29T01:00:00", "2026-03-29T01:00:00.000001", "2026-03-01T00:00:00",
		"2026-02-28T23:59:59.999999", "2026-03-31T23:59:59.999999", "2026-04-01T00:00:00", "2024-02-29T12:30:00.5",
		"2026-03-29T12:00:00.123456", "1999-12-31T23:59:59.000001",
	}
	if m.has(AllYears) {
		texts = append(texts, "0001-01-01T00:00:00", "9999-12-31T23:59:59.999999", "1969-12-31T23:59:59.999999",
			"1582-10-10T00:00:00", "1900-02-28T23:59:59.999999")
	}
	out := []string{null}
	for _, text := range texts {
		out = append(out, text+suffix)
	}
	return out
}

func (m *maker) days() []string {
	out := []string{null, "2026-03-29", "2026-03-28", "2026-03-30", "2024-02-29", "2026-03-01", "2026-04-01", "2000-02-29"}
	if m.has(AllYears) {
		out = append(out, "0001-01-01", "9999-12-31", "1969-12-31", "1582-10-10", "1900-03-01")
	}
	return out
}

func (m *maker) floats() []string {
	out := []string{"0", "0.1", "-1.5", "1.7976931348623157e+308", "2.2250738585072014e-308", "1e+21", "123456789.12345679", null, "-0.30000000000000004"}
	if m.has(NaN) {
		out = append(out, "NaN")
	}
	if m.has(Infinity) {
		out = append(out, "Infinity", "-Infinity")
	}
	return out
}

// notes has neighbours that a lenient collation takes for equal, and a cell
// long enough to fill a small batch alone.
func (m *maker) notes() []string {
	out := []string{
		"", " ", null, "red", "Red", "red ", "r\u00e9d", "re\u0301d", "tab\there", "line\nbreak", "cr\r\nlf",
		`quote " ' \ back`, "100%_", "\U0001F600", "\ufeffmark", strings.Repeat("long ", 800), "NULL", "'; drop table things; --", "0",
	}
	if m.has(NUL) {
		out = append(out, "a\x00b")
	}
	return out
}

func blobs() []string {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	encode := base64.StdEncoding.EncodeToString
	return []string{encode(all), "", null, encode([]byte{0}), encode([]byte("text")), encode([]byte{0xff, 0xfe})}
}

// uuids gives every row its own, the least and the greatest among them, and
// some rows a null when asked for.
func (m *maker) uuids(nulls bool) func(int) string {
	return func(i int) string {
		switch {
		case nulls && i%5 == 3:
			return null
		case i == 0:
			return "00000000-0000-0000-0000-000000000000"
		case i == 22:
			return "ffffffff-ffff-ffff-ffff-ffffffffffff"
		}
		var u [16]byte
		r := rand.New(rand.NewPCG(uint64(i), 4))
		for k := range u {
			u[k] = byte(r.Uint32())
		}
		return string(source.AppendUUID(nil, u))
	}
}
