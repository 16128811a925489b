package xlsxfmt_test

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/source"
)

// A reader of XLSX for these tests, written from the standard (ECMA-376): ZIP and
// XML of the standard library, numbers through float64 as programs read them.

// A sheet is what a workbook says of one.
type sheet struct {
	name string
	rows [][]readCell
}

type readCell struct {
	kind, style string // the attributes t and s
	text        string // of a text, else of the number
	has         bool   // there is a value
}

type xmlSheet struct {
	XMLName xml.Name `xml:"http://schemas.openxmlformats.org/spreadsheetml/2006/main worksheet"`
	Pane    struct {
		YSplit string `xml:"ySplit,attr"`
		State  string `xml:"state,attr"`
	} `xml:"sheetViews>sheetView>pane"`
	Rows []struct {
		Cells []struct {
			Type    string  `xml:"t,attr"`
			Style   string  `xml:"s,attr"`
			Ref     string  `xml:"r,attr"`
			Value   *string `xml:"v"`
			Formula *string `xml:"f"`
			Inline  *struct {
				Text struct {
					Space   string `xml:"http://www.w3.org/XML/1998/namespace space,attr"`
					Content string `xml:",chardata"`
				} `xml:"t"`
			} `xml:"is"`
		} `xml:"c"`
	} `xml:"sheetData>row"`
}

// readBook reads all sheets of a workbook and complains about what is not as the
// standard has it.
func readBook(file []byte) ([]sheet, error) {
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, err
	}
	var book struct {
		XMLName xml.Name `xml:"http://schemas.openxmlformats.org/spreadsheetml/2006/main workbook"`
		Sheets  []struct {
			Name string `xml:"name,attr"`
			ID   string `xml:"http://schemas.openxmlformats.org/officeDocument/2006/relationships id,attr"`
		} `xml:"sheets>sheet"`
	}
	var links struct {
		Links []struct {
			ID     string `xml:"Id,attr"`
			Target string `xml:"Target,attr"`
		} `xml:"Relationship"`
	}
	var types struct {
		Defaults []struct {
			Extension string `xml:"Extension,attr"`
		} `xml:"Default"`
	}
	for name, into := range map[string]any{"xl/workbook.xml": &book, "xl/_rels/workbook.xml.rels": &links, "[Content_Types].xml": &types} {
		if err := readPart(z, name, into); err != nil {
			return nil, err
		}
	}
	if z.File[0].Name != "[Content_Types].xml" || len(types.Defaults) != 2 {
		return nil, errors.New("the content types do not come first")
	}
	targets := make(map[string]string)
	for _, l := range links.Links {
		targets[l.ID] = l.Target
	}
	names := make(map[string]bool)
	var out []sheet
	for _, s := range book.Sheets {
		if key := strings.ToLower(s.Name); names[key] {
			return nil, fmt.Errorf("two sheets are called %q", s.Name)
		} else {
			names[key] = true
		}
		var content xmlSheet
		if err := readPart(z, path.Join("xl", targets[s.ID]), &content); err != nil {
			return nil, err
		}
		read, err := content.read()
		if err != nil {
			return nil, fmt.Errorf("sheet %q: %w", s.Name, err)
		}
		out = append(out, sheet{s.Name, read})
	}
	if len(out) != len(links.Links)-1 || len(out) != len(z.File)-5 {
		return nil, errors.New("the workbook, its links and the archive have other numbers of sheets")
	}
	return out, nil
}

func readPart(z *zip.Reader, name string, into any) error {
	f, err := z.Open(name)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(f) // checks the CRC
	if err != nil {
		return err
	}
	return xml.Unmarshal(data, into)
}

func (s *xmlSheet) read() ([][]readCell, error) {
	if s.Pane.State != "frozen" || s.Pane.YSplit != "1" {
		return nil, errors.New("the header is not frozen")
	}
	var out [][]readCell
	for i, row := range s.Rows {
		cells := make([]readCell, len(row.Cells))
		for c, x := range row.Cells {
			cell := readCell{kind: x.Type, style: x.Style}
			switch {
			case x.Formula != nil || x.Ref != "":
				return nil, errors.New("a formula or an address")
			case i == 0 && x.Style != "1":
				return nil, errors.New("the header is not bold")
			case x.Inline != nil:
				text := x.Inline.Text
				if text.Space != "preserve" && strings.Trim(text.Content, " \t\n\r") != text.Content {
					return nil, errors.New("white space that is not preserved")
				}
				cell.text, cell.has = unescape(text.Content), true
			case x.Value != nil:
				cell.text, cell.has = *x.Value, true
			}
			cells[c] = cell
		}
		out = append(out, cells)
	}
	return out, nil
}

var escaped = regexp.MustCompile(`_x([0-9A-Fa-f]{4})_`)

func unescape(text string) string {
	return escaped.ReplaceAllStringFunc(text, func(m string) string {
		code, _ := strconv.ParseUint(m[2:6], 16, 16)
		return string(rune(code))
	})
}

// table joins sheets of one dataset.
func table(sheets []sheet, schema source.Schema) (formattest.Table, error) {
	var out formattest.Table
	for _, s := range sheets {
		if len(s.rows) == 0 {
			return out, fmt.Errorf("the sheet %q has no header", s.name)
		}
		for i, row := range s.rows {
			cells := make([]formattest.Cell, len(row))
			for c, x := range row {
				if c >= len(schema) {
					return out, errors.New("more cells than columns")
				}
				kind := schema[c].Kind
				if i == 0 {
					kind = source.String
				}
				var err error
				if cells[c], err = x.value(kind); err != nil {
					return out, fmt.Errorf("column %q: %w", schema[c].Name, err)
				}
			}
			if i > 0 {
				out.Rows = append(out.Rows, cells)
				continue
			}
			var names []string
			for _, cell := range cells {
				names = append(names, cell.Text)
			}
			if out.Names != nil && !slices.Equal(out.Names, names) {
				return out, errors.New("sheets of one dataset have other headers")
			}
			out.Names = names
		}
	}
	return out, nil
}

// value returns the cell as a program finds it that knows the column's kind.
func (c readCell) value(kind source.Kind) (formattest.Cell, error) {
	switch {
	case !c.has && c.kind == "":
		return formattest.Cell{Null: true}, nil
	case c.kind == "inlineStr":
		return formattest.Cell{Text: c.text}, nil
	case c.kind == "b" && kind == source.Bool:
		return formattest.Cell{Text: map[string]string{"0": "false", "1": "true"}[c.text]}, nil
	case c.kind != "":
		return formattest.Cell{}, fmt.Errorf("the type %q", c.kind)
	}
	x, err := strconv.ParseFloat(c.text, 64)
	if err != nil {
		return formattest.Cell{}, err
	}
	switch kind.Base() {
	case source.Int64:
		return formattest.Cell{Text: strconv.FormatInt(int64(x), 10)}, nil
	case source.Float64:
		return formattest.Cell{Text: string(source.AppendFloat(nil, x))}, nil
	case source.AnyDecimal:
		return formattest.Cell{Text: decimal(x, kind.Scale())}, nil
	case source.Date:
		return formattest.Cell{Text: time.Date(1899, 12, 30+int(x), 0, 0, 0, 0, time.UTC).Format(time.DateOnly)}, nil
	case source.Timestamp:
		return formattest.Cell{Text: clock(x) + "Z"}, nil
	case source.DateTime:
		return formattest.Cell{Text: clock(x)}, nil
	}
	return formattest.Cell{}, errors.New("a number for a text")
}

// decimal writes the shortest digits of x with the scale's zeros.
func decimal(x float64, scale int) string {
	text := strconv.FormatFloat(x, 'f', -1, 64)
	if scale == 0 {
		return text
	}
	whole, fraction, _ := strings.Cut(text, ".")
	return whole + "." + fraction + strings.Repeat("0", max(0, scale-len(fraction)))
}

// clock reads a serial as exactly as a float64 of its size has it: to a
// microsecond until the middle of 2079, to a millisecond later.
func clock(serial float64) string {
	day, fraction := math.Modf(serial)
	unit := time.Microsecond
	if serial >= 65536 {
		unit = time.Millisecond
	}
	ticks := math.Round(fraction * float64(24*time.Hour/unit))
	at := time.Date(1899, 12, 30+int(day), 0, 0, 0, 0, time.UTC).Add(time.Duration(ticks) * unit)
	layout := "2006-01-02T15:04:05.000000"
	if at.Nanosecond() == 0 {
		layout = "2006-01-02T15:04:05"
	}
	return at.Format(layout)
}
