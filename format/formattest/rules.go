package formattest

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"regexp"
	"strings"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/source"
)

var (
	wantName      = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)
	wantProfile   = regexp.MustCompile(`^[a-z0-9_-]*$`)
	wantExtension = regexp.MustCompile(`^[a-z0-9]+$`)
)

func checkInfo(h Harness) error {
	info := h.Formatter.Info()
	if again := h.Formatter.Info(); again != info {
		return fmt.Errorf("Info is %+v and then %+v", info, again)
	}
	if !wantName.MatchString(info.Name) || !wantProfile.MatchString(info.Profile) || !wantExtension.MatchString(info.Extension) {
		return fmt.Errorf("%+v: want a lower-case name, profile and extension (without a dot)", info)
	}
	if media, _, err := mime.ParseMediaType(info.MediaType); err != nil || !strings.Contains(media, "/") {
		return fmt.Errorf("%q is not a media type", info.MediaType)
	}
	return nil
}

func checkKinds(h Harness) error {
	for _, k := range kinds {
		schema, rows := column(k, extremes(k)...)
		if err := h.roundTrip(schema, rows, len(rows)); err != nil {
			return err
		}
	}
	schema, rows := everyKind()
	return h.roundTrip(schema, rows, 5)
}

func checkStrings(h Harness) error {
	texts := hostileStrings()
	for r := rune(0); r < 0x100; r++ {
		texts = append(texts, string(r), "a"+string(r), "abcdefghijklmnop"+string(r)+"q")
	}
	schema := source.Schema{{Name: "before", Kind: source.String}, {Name: "value", Kind: source.String}, {Name: "after", Kind: source.Int64}}
	rows := make([][]Cell, len(texts))
	for i, text := range texts {
		rows[i] = []Cell{{Text: texts[len(texts)-1-i]}, {Text: text}, {Text: fmt.Sprint(i)}}
	}
	return h.roundTrip(schema, rows, 100)
}

func checkNulls(h Harness) error {
	for _, k := range kinds {
		zero := extremes(k)[0]
		schema, rows := column(k, zero, zero, zero, zero)
		rows[0][0], rows[2][0] = Cell{Null: true}, Cell{Null: true}
		schema = append(schema, source.Field{Name: "all", Kind: k})
		for i := range rows {
			rows[i] = append(rows[i], Cell{Null: true})
		}
		if err := h.roundTrip(schema, rows, len(rows)); err != nil {
			return err
		}
	}
	// A column of one field: the row of a null must still be a row.
	schema, rows := column(source.String, "", "a", "", "")
	rows[2][0], rows[3][0] = Cell{Null: true}, Cell{Null: true}
	return h.roundTrip(schema, rows, 1)
}

func checkNames(h Harness) error {
	names := []string{
		"z", "a", "Z", "with space", "a,b", `a"b`, "a;b", "a\tb", "a\nb", "a\r\nb", "a.b", "a/b", `a\b`, "ä", "漢", "👩🏽‍🚀",
		"\ufeffbom", "=1+1", "'quoted", " ", "null", "\x00", "<&>", "\u2028", "length", "__proto__", "1",
	}
	for i := range names {
		schema := make(source.Schema, len(names))
		row := make([]Cell, len(names))
		for c := range names {
			schema[c] = source.Field{Name: names[(i+c)%len(names)], Kind: source.String}
			row[c] = Cell{Text: fmt.Sprint("value ", c)}
		}
		if err := h.roundTrip(schema, [][]Cell{row}, 1); err != nil {
			return err
		}
	}
	return nil
}

func checkWide(h Harness) error {
	schema := make(source.Schema, 647)
	rows := make([][]Cell, 3)
	for i := range rows {
		rows[i] = make([]Cell, len(schema))
	}
	for c := range schema {
		schema[c] = source.Field{Name: fmt.Sprintf("column_%03d", c), Kind: kinds[c%len(kinds)]}
		texts := extremes(schema[c].Kind)
		for i := range rows {
			rows[i][c] = Cell{Text: texts[(i+c)%len(texts)]}
		}
	}
	return h.roundTrip(schema, rows, 2)
}

func checkLargeCell(h Harness) error {
	size := 1 << 20
	if h.MaxText > 0 {
		if err := checkTooLarge(h); err != nil {
			return err
		}
		size = min(size, h.MaxText)
	}
	texts := []string{
		strings.Repeat("x", size), strings.Repeat("\"\r\n", size/3), strings.Repeat("漢\x00", size/4), strings.Repeat("🚀", size/4),
	}
	schema, rows := column(source.String, texts...)
	if err := h.roundTrip(schema, rows, 1, 2); err != nil {
		return err
	}
	schema, rows = column(source.JSON, `"`+strings.Repeat("x", size-2)+`"`, "["+strings.Repeat("1,", size/32)+"1]")
	if err := h.roundTrip(schema, rows, 2); err != nil {
		return err
	}
	schema, rows = column(source.Bytes, strings.Repeat("AAEC", size/4))
	return h.roundTrip(schema, rows, 1)
}

// checkTooLarge holds for formats whose cells have a limit.
func checkTooLarge(h Harness) error {
	for kind, text := range map[source.Kind]string{
		source.String: strings.Repeat("x", h.MaxText+1),
		source.JSON:   `"` + strings.Repeat("x", h.MaxText-1) + `"`,
		source.Bytes:  strings.Repeat("AAEC", h.MaxText/4+1),
	} {
		schema, rows := column(kind, text)
		var refused *source.DataError
		if _, err := encode(h.Formatter, schema, rows, 1); !errors.As(err, &refused) || refused.Column != schema[0].Name || refused.Rule == "" {
			return fmt.Errorf("a %v with more than %d characters gives the error %v: want a DataError that names the column and the rule", kind, h.MaxText, err)
		}
	}
	schema, rows := column(source.String, strings.Repeat("🚀", h.MaxText/2)+strings.Repeat("x", h.MaxText%2), strings.Repeat("漢", h.MaxText))
	return h.roundTrip(schema, rows, 1)
}

func checkManyRows(h Harness) error {
	schema := source.Schema{{Name: "n", Kind: source.Int64}, {Name: "text", Kind: source.String}, {Name: "sometimes", Kind: source.Decimal(12, 2)}}
	rows := make([][]Cell, 20_000)
	for i := range rows {
		rows[i] = []Cell{{Text: fmt.Sprint(i)}, {Text: fmt.Sprintf("row, \"%d\"", i%97)}, {Text: fmt.Sprintf("%d.25", i)}}
		rows[i][2].Null = i%63 == 0
		if rows[i][2].Null {
			rows[i][2].Text = ""
		}
	}
	return h.roundTrip(schema, rows, 1, 4096, 63, 64, 65)
}

func checkNoRows(h Harness) error {
	schema, _ := everyKind()
	untouched, err := encode(h.Formatter, schema, nil, 1)
	if err != nil {
		return err
	}
	if err := h.decodesTo(untouched, schema, nil); err != nil {
		return fmt.Errorf("without a Write: %w", err)
	}
	var file bytes.Buffer
	if err := writeAll(&file, h.Formatter, schema, []*source.Batch{source.NewBatch(schema, 0, 0)}); err != nil {
		return fmt.Errorf("with an empty batch: %w", err)
	}
	if err := h.decodesTo(file.Bytes(), schema, nil); err != nil {
		return fmt.Errorf("with an empty batch: %w", err)
	}
	if _, ok := h.Formatter.(format.BlockFormatter); ok && !bytes.Equal(untouched, file.Bytes()) {
		return errors.New("an empty batch changes the file")
	}
	return nil
}

func checkDeterministic(h Harness) error {
	schema, rows := everyKind()
	first, err := encode(h.Formatter, schema, rows, 7)
	if err != nil {
		return err
	}
	for range 5 {
		again, err := encode(h.Formatter, schema, rows, 7)
		if err != nil {
			return err
		}
		if !bytes.Equal(first, again) {
			return errors.New("the same rows in the same batches gave another file")
		}
	}
	return nil
}

func checkKeepsNothing(h Harness) error {
	schema, rows := everyKind()
	want, err := encode(h.Formatter, schema, rows, 10)
	if err != nil {
		return err
	}
	var file bytes.Buffer
	w, err := h.Formatter.NewWriter(&file, schema)
	if err != nil {
		return err
	}
	b := source.NewBatch(schema, 0, 0)
	for from := 0; from < len(rows); from += 10 {
		b.Reset()
		if err := fill(b, rows[from:min(from+10, len(rows))]); err != nil {
			return err
		}
		if err := w.Write(b); err != nil {
			return err
		}
		// What a kept reference would see: the same memory with other rows.
		b.Reset()
		if err := fill(b, rows[:1]); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	if !bytes.Equal(want, file.Bytes()) {
		return errors.New("using a batch again after Write changed the file")
	}
	return nil
}

var errBroken = errors.New("the destination is broken")

// breaking takes so many bytes and then fails.
type breaking struct{ left int }

func (w *breaking) Write(p []byte) (int, error) {
	if len(p) > w.left {
		n := w.left
		w.left = 0
		return n, errBroken
	}
	w.left -= len(p)
	return len(p), nil
}

func checkWriteErrors(h Harness) error {
	schema, rows := everyKind()
	all, err := batches(schema, rows, 10)
	if err != nil {
		return err
	}
	file, err := encode(h.Formatter, schema, rows, 10)
	if err != nil {
		return err
	}
	for _, left := range []int{0, 1, len(file) / 3, len(file) / 2, len(file) - 1} {
		if err := writeAll(&breaking{left}, h.Formatter, schema, all); !errors.Is(err, errBroken) {
			return fmt.Errorf("the destination failed after %d of %d bytes and the writer's error was %v, which does not wrap it", left, len(file), err)
		}
	}
	return nil
}

func checkUnsupported(h Harness) error {
	const later = source.Kind(0xfe) // a kind that no version knows yet
	fields := append([]source.Field{{Name: "from_the_future", Kind: later}}, h.Unsupported...)
	for _, f := range fields {
		schema := source.Schema{{Name: "id", Kind: source.Int64}, f}
		var file bytes.Buffer
		_, err := h.Formatter.NewWriter(&file, schema)
		if err == nil || !strings.Contains(err.Error(), f.Name) {
			return fmt.Errorf("NewWriter's error for field %q of kind %v is %v: want one that names it", f.Name, f.Kind, err)
		}
		if file.Len() > 0 {
			return fmt.Errorf("NewWriter refused field %q after it had written %d bytes", f.Name, file.Len())
		}
		if !format.Joins(h.Formatter) {
			continue
		}
		if _, err := rowsOf(h.Formatter, schema); err == nil || !strings.Contains(err.Error(), f.Name) {
			return fmt.Errorf("the error of Blocks or Rows for field %q of kind %v is %v: want one that names it", f.Name, f.Kind, err)
		}
	}
	return nil
}
