package slicesource_test

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/slicesource"
	"github.com/exportyard/exportyard/source/sourcetest"
)

// The suite's tables as structs.

type ownerOf struct {
	Org string `export:",tenant"`
}

type thing struct {
	Shelf  string       `export:",key"`
	ID     int64        `export:",key"`
	Org    string       `export:",tenant"`
	Person *string      `export:",subject,personal"`
	At     sql.NullTime `export:",time"`
	Flag   sql.Null[bool]
	Whole  *int64
	Ratio  sql.NullFloat64
	Price  *source.Int128 `export:",decimal(12,4)"`
	Exact  sql.NullString `export:",decimal(38,10)"`
	Note   []byte         `export:",string"`
	Blob   []byte
	Day    *time.Time `export:",date"`
	Wall   *time.Time `export:",datetime"`
	Ref    *[16]byte
	Doc    json.RawMessage
	Order  int8
}

type day struct {
	ownerOf
	Day *time.Time `export:",time,date"`
	N   uint64     `export:",key"`
}

type clock struct {
	ownerOf
	Ref   [16]byte   `export:",key"`
	Wall  *time.Time `export:",time,datetime"`
	Owner *int32     `export:",subject"`
}

type event struct {
	Made time.Time `export:",key,time"`
	Seq  string    `export:",key,decimal(20,2)"`
	ownerOf
	Text string
}

type label struct {
	Label *string
	ownerOf
	Amount *int
}

// cells reads the cells of one row of a table.
type cells struct {
	t   sourcetest.Table
	row int
}

func (c cells) vector(name string) (v *source.Vector, isNull bool) {
	v = c.t.Rows.Col(c.t.Dataset.Schema.Index(name))
	return v, v.Null(c.row)
}

func (c cells) text(name string) string {
	v, _ := c.vector(name)
	return string(source.AppendText(nil, v, c.row))
}

func (c cells) int(name string) int64 {
	v, _ := c.vector(name)
	return v.Int64s()[c.row]
}

func (c cells) owner() ownerOf { return ownerOf{c.text("org")} }

func (c cells) time(name string) time.Time {
	v, _ := c.vector(name)
	return source.Instant(v.Kind(), v.Int64s()[c.row])
}

func (c cells) uuid(name string) [16]byte {
	v, _ := c.vector(name)
	return v.UUIDs()[c.row]
}

func (c cells) bytes(name string) []byte {
	v, isNull := c.vector(name)
	if isNull {
		return nil
	}
	return append([]byte{}, v.Bytes(c.row)...)
}

// orNil returns nil for a null.
func orNil[T any](c cells, name string, value func(string) T) *T {
	if _, isNull := c.vector(name); isNull {
		return nil
	}
	x := value(name)
	return &x
}

func orNull[T any](c cells, name string, value func(string) T) (x sql.Null[T]) {
	if p := orNil(c, name, value); p != nil {
		x.V, x.Valid = *p, true
	}
	return x
}

func makeThing(c cells) thing {
	double := orNull(c, "ratio", func(string) float64 {
		v, _ := c.vector("ratio")
		return v.Float64s()[c.row]
	})
	exact, at := orNull(c, "exact", c.text), orNull(c, "at", c.time)
	return thing{
		Shelf: c.text("shelf"), ID: c.int("id"), Org: c.text("org"), Person: orNil(c, "person", c.text),
		At:   sql.NullTime{Time: at.V, Valid: at.Valid},
		Flag: orNull(c, "flag", func(string) bool { return c.text("flag") == "true" }), Whole: orNil(c, "whole", c.int),
		Ratio: sql.NullFloat64{Float64: double.V, Valid: double.Valid},
		Price: orNil(c, "price", func(string) source.Int128 {
			v, _ := c.vector("price")
			return v.Decimal(c.row)
		}),
		Exact: sql.NullString{String: exact.V, Valid: exact.Valid},
		Note:  c.bytes("note"), Blob: c.bytes("blob"), Day: orNil(c, "day", c.time), Wall: orNil(c, "wall", c.time),
		Ref: orNil(c, "ref", c.uuid), Doc: c.bytes("doc"), Order: int8(c.int("order")),
	}
}

func makeDay(c cells) *day {
	return &day{c.owner(), orNil(c, "day", c.time), uint64(c.int("n"))}
}

func makeClock(c cells) clock {
	return clock{c.owner(), c.uuid("ref"), orNil(c, "wall", c.time), orNil(c, "owner", func(name string) int32 { return int32(c.int(name)) })}
}

func makeEvent(c cells) event {
	return event{c.time("made"), c.text("seq"), c.owner(), c.text("text")}
}

func makeLabel(c cells) label {
	return label{orNil(c, "label", c.text), c.owner(), orNil(c, "amount", func(name string) int { return int(c.int(name)) })}
}

// A form makes a source of rows: of a slice or of a function.
type form struct{ stream bool }

func load[T any](t testing.TB, f form, table sourcetest.Table, row func(cells) T) source.Source {
	t.Helper()
	opts := &slicesource.Options{Title: table.Dataset.Title, Area: table.Dataset.Area}
	positions := make([]int, table.Rows.Len())
	for i := range positions {
		positions[i] = i
	}
	if f.stream && len(table.Dataset.Key) > 0 { // a function's rows come in the order of the key
		slices.SortFunc(positions, func(a, b int) int { return compareKeys(table, a, b) })
	}
	var rows []T
	for _, i := range positions {
		rows = append(rows, row(cells{table, i}))
	}
	var src source.Source
	var err error
	if f.stream {
		src, err = slicesource.NewFunc(table.Dataset.Name, sequence(rows), opts)
	} else {
		src, err = slicesource.New(table.Dataset.Name, rows, opts)
	}
	require.NoError(t, err)
	return src
}

// sequence gives every row, whatever is asked for.
func sequence[T any](rows []T) func(context.Context, source.Query) iter.Seq2[T, error] {
	return func(context.Context, source.Query) iter.Seq2[T, error] {
		return func(yield func(T, error) bool) {
			for i := range rows {
				if !yield(rows[i], nil) {
					return
				}
			}
		}
	}
}

func compareKeys(t sourcetest.Table, a, b int) int {
	for _, name := range t.Dataset.Key {
		v, _ := cells{t, a}.vector(name)
		var c int
		switch v.Kind().Base() {
		case source.Int64, source.Timestamp:
			c = cmp.Compare(v.Int64s()[a], v.Int64s()[b])
		case source.AnyDecimal:
			c = v.Decimal(a).Cmp(v.Decimal(b))
		default: // the texts of strings and UUIDs are in order
			c = cmp.Compare(cells{t, a}.text(name), cells{t, b}.text(name))
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

func (f form) load(t testing.TB, tables []sourcetest.Table) source.Source {
	t.Helper()
	var sources []source.Source
	for _, table := range tables {
		switch table.Dataset.Name {
		case "things":
			sources = append(sources, load(t, f, table, makeThing))
		case "days":
			sources = append(sources, load(t, f, table, makeDay))
		case "clocks":
			sources = append(sources, load(t, f, table, makeClock))
		case "events":
			sources = append(sources, load(t, f, table, makeEvent))
		case "plain":
			sources = append(sources, load(t, f, table, makeLabel))
		default:
			t.Fatalf("a table %q that this test does not know", table.Dataset.Name)
		}
	}
	all, err := source.Merge(sources...)
	require.NoError(t, err)
	return all
}

// Why nothing is cut raw or pinned.
const (
	values = "Go values have no wire form"
	same   = "what stands behind a slice or a function is not known"
)

// A slice follows the contract.
func TestConformanceSlice(t *testing.T) {
	t.Parallel()
	sourcetest.Run(t, func(*testing.T) sourcetest.Harness {
		return sourcetest.Harness{Load: form{}.load, Lacks: map[sourcetest.Feature]string{
			sourcetest.CountedReader: "a slice cannot end early, and counting it would be a second walk",
			sourcetest.RawReader:     values,
			sourcetest.Snapshotter:   same,
		}}
	})
}

// A function follows it, though it gives every row of every tenant.
func TestConformanceFunc(t *testing.T) {
	t.Parallel()
	const walks = "it would have to walk all rows"
	sourcetest.Run(t, func(*testing.T) sourcetest.Harness {
		return sourcetest.Harness{Load: form{stream: true}.load, Lacks: map[sourcetest.Feature]string{
			sourcetest.CountedReader: walks, sourcetest.Counter: walks, sourcetest.Splitter: walks, sourcetest.Spanner: walks,
			sourcetest.RawReader: values, sourcetest.Snapshotter: same,
		}}
	})
}
