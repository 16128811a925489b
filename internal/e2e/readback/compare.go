package readback

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/source"
)

// A Rule says whether the cell that was read is the one that was written.
type Rule func(f source.Field, want, got formattest.Cell) bool

// maxReported is how many wrong cells of a file are named.
const maxReported = 20

// Compare holds the rows of a file against the source's, cell by cell.
func Compare(t testing.TB, file string, d Dataset, got [][]formattest.Cell, same Rule) {
	t.Helper()
	require.Len(t, got, len(d.Rows), "rows of %s", file)
	wrong := 0
	for i, want := range d.Rows {
		require.Len(t, got[i], len(d.Schema), "%s, row %d", file, i+1)
		for c, field := range d.Schema {
			if same(field, want[c], got[i][c]) {
				continue
			}
			if wrong++; wrong > maxReported {
				t.Fatalf("%s: too many wrong cells", file)
			}
			t.Errorf("%s: column %q of kind %v, row %d: the reader has %v, the source %v", file, field.Name, field.Kind, i+1, got[i][c], want[c])
		}
	}
}

// Equal takes each reader's way of writing a value for the value.
func Equal(f source.Field, want, got formattest.Cell) bool {
	return want == got || !got.Null && !want.Null && canonical(f.Kind, got.Text) == want.Text
}

// canonical writes a value as the source does: readers leave out a zero before
// the point, put a space before the time and call infinity by short names.
func canonical(k source.Kind, text string) string {
	switch k.Base() {
	case source.Float64:
		if x, err := strconv.ParseFloat(text, 64); err == nil {
			text = string(source.AppendFloat(nil, x))
		}
	case source.AnyDecimal:
		if k.Scale() > 0 {
			sign, digits := "", text
			if strings.HasPrefix(text, "-") {
				sign, digits = "-", text[1:]
			}
			if strings.HasPrefix(digits, ".") {
				text = sign + "0" + digits
			}
		}
	case source.Timestamp, source.DateTime:
		text = strings.Replace(text, " ", "T", 1)
		if whole, found := strings.CutSuffix(text, "+00"); found {
			text = whole + "Z"
		}
		b := source.NewBatch(source.Schema{{Name: "c", Kind: k}}, 1, 0)
		if source.ParseText(b.Col(0), text) == nil {
			text = string(source.AppendText(nil, b.Col(0), 0))
		}
	}
	return text
}

// EmptyIsNull is for readers of CSV that do not tell the two apart.
func EmptyIsNull(f source.Field, want, got formattest.Cell) bool {
	return Equal(f, want, got) || want.Null && got.Text == ""
}

// SameJSON compares JSON cells as values, for readers that write them anew. The
// JSON value null is a null. number makes equal numbers equal; nil compares their
// texts.
func SameJSON(number func(string) any) Rule {
	return func(f source.Field, want, got formattest.Cell) bool {
		if f.Kind != source.JSON {
			return Equal(f, want, got)
		}
		for _, c := range []*formattest.Cell{&want, &got} {
			if c.Null {
				*c = formattest.Cell{Text: "null"}
			}
		}
		a, err := normalJSON(want.Text, number)
		b, err2 := normalJSON(got.Text, number)
		return err == nil && err2 == nil && a == b
	}
}

// normalJSON writes a value with sorted keys, one of each name and without space.
func normalJSON(text string, number func(string) any) (string, error) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return "", err
	}
	out, err := json.Marshal(walk(value, number))
	return string(out), err
}

func walk(value any, number func(string) any) any {
	switch value := value.(type) {
	case json.Number:
		if number != nil {
			return number(value.String())
		}
	case []any:
		for i := range value {
			value[i] = walk(value[i], number)
		}
	case map[string]any:
		for key := range maps.Clone(value) {
			value[key] = walk(value[key], number)
		}
	}
	return value
}
