package csvfmt_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/source"
)

// field is what stands between two delimiters.
type field struct {
	text   string
	quoted bool
}

// parse reads a file by the grammar of RFC 4180 and nothing else: records are
// ended by CR LF, and fields with quotes, the delimiter, CR or LF are quoted.
func parse(file string, delimiter byte) ([][]field, error) {
	var records [][]field
	for len(file) > 0 {
		var record []field
		for {
			f, rest, err := parseField(file, delimiter)
			if err != nil {
				return nil, fmt.Errorf("record %d: %w", len(records), err)
			}
			record, file = append(record, f), rest
			if len(file) > 0 && file[0] == delimiter {
				file = file[1:]
				continue
			}
			rest, ended := strings.CutPrefix(file, "\r\n")
			if !ended {
				return nil, fmt.Errorf("record %d does not end with CR LF", len(records))
			}
			file = rest
			break
		}
		records = append(records, record)
	}
	return records, nil
}

func parseField(s string, delimiter byte) (f field, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, string(delimiter)+"\r\n\"")
		if end < 0 || s[end] == '"' {
			return f, "", errors.New("a bare field without an end or with a quote inside")
		}
		return field{text: s[:end]}, s[end:], nil
	}
	var text strings.Builder
	for s = s[1:]; ; {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			return f, "", errors.New("a quote is not closed")
		}
		text.WriteString(s[:i])
		if s = s[i+1:]; !strings.HasPrefix(s, `"`) {
			return field{text.String(), true}, s, nil
		}
		text.WriteByte('"')
		s = s[1:]
	}
}

// decoder returns the Decode func of a harness. A null is what is empty and
// not quoted.
func decoder(f csvfmt.Format) func(file []byte, schema source.Schema) (formattest.Table, error) {
	delimiter, unguard := byte(','), func(s string) string { return s }
	if f.Profile == csvfmt.Excel {
		delimiter, unguard = ';', csvfmt.Unguard
		if f.Delimiter != 0 {
			delimiter = f.Delimiter
		}
	}
	return func(file []byte, schema source.Schema) (table formattest.Table, err error) {
		text, marked := strings.CutPrefix(string(file), "\ufeff")
		if marked != (f.Profile == csvfmt.Excel) {
			return table, fmt.Errorf("byte order mark: %v", marked)
		}
		records, err := parse(text, delimiter)
		if err != nil || len(records) == 0 {
			return table, errors.Join(err, errIf(len(records) == 0, "no header"))
		}
		for _, f := range records[0] {
			table.Names = append(table.Names, unguard(f.text))
		}
		for _, record := range records[1:] {
			row := make([]formattest.Cell, len(record))
			for i, f := range record {
				row[i] = formattest.Cell{Text: unguard(f.text), Null: f.text == "" && !f.quoted}
			}
			table.Rows = append(table.Rows, row)
		}
		return table, nil
	}
}

func errIf(wrong bool, text string) error {
	if wrong {
		return errors.New(text)
	}
	return nil
}
