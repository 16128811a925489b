// Package office opens files in LibreOffice and says what it made of them.
package office

import (
	"encoding/xml"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/e2e/readback/program"
)

// A Cell is a cell as LibreOffice has it: its type (string, float, date,
// boolean, empty), its value, what it shows, and its formula.
type Cell struct {
	Type    string `xml:"urn:oasis:names:tc:opendocument:xmlns:office:1.0 value-type,attr"`
	Value   string `xml:"urn:oasis:names:tc:opendocument:xmlns:office:1.0 value,attr"`
	Formula string `xml:"urn:oasis:names:tc:opendocument:xmlns:table:1.0 formula,attr"`
	Repeat  int    `xml:"urn:oasis:names:tc:opendocument:xmlns:table:1.0 number-columns-repeated,attr"`
	Inner   string `xml:",innerxml"`
	Text    string `xml:"-"`
}

// maxRepeat bounds the empty cells behind a row's last.
const maxRepeat = 64

// Open opens a file and returns the rows of its first sheet. filter says how
// it reads the file; empty leaves that to it.
func Open(t testing.TB, path, filter string) [][]Cell {
	t.Helper()
	dir := t.TempDir()
	args := []string{"-env:UserInstallation=file://" + filepath.Join(dir, "profile"), "--headless", "--norestore", "--convert-to", "fods", "--outdir", dir}
	if filter != "" {
		args = append(args, "--infilter="+filter)
	}
	out := program.Run(t, "libreoffice-calc-nogui", "soffice", append(args, path)...)
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)) + ".fods"
	file, err := os.Open(filepath.Join(dir, name))
	require.NoError(t, err, "%s", out)
	defer func() { require.NoError(t, file.Close()) }()
	var doc struct {
		Tables []struct {
			Rows []struct {
				Cells []Cell `xml:"table-cell"`
			} `xml:"table-row"`
		} `xml:"body>spreadsheet>table"`
	}
	require.NoError(t, xml.NewDecoder(file).Decode(&doc))
	require.NotEmpty(t, doc.Tables)
	var rows [][]Cell
	for _, row := range doc.Tables[0].Rows {
		var cells []Cell
		for _, c := range row.Cells {
			c.Text = c.text(t)
			for range max(1, min(c.Repeat, maxRepeat)) {
				cells = append(cells, c)
			}
		}
		rows = append(rows, cells)
	}
	return rows
}

// text is what the cell shows: its paragraphs, with the spaces and tabs that
// OpenDocument writes as elements.
func (c Cell) text(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	paragraphs, inside := 0, 0
	for d := xml.NewDecoder(strings.NewReader(`<x xmlns:text="text" xmlns:office="office">` + c.Inner + "</x>")); ; {
		token, err := d.Token()
		if err == io.EOF {
			return b.String()
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.EndElement:
			if token.Name.Local == "p" {
				inside--
			}
		case xml.StartElement:
			switch token.Name.Local {
			case "p":
				inside++
				if paragraphs++; paragraphs > 1 {
					b.WriteByte('\n')
				}
			case "s":
				b.WriteString(strings.Repeat(" ", spaces(t, token)))
			case "tab":
				b.WriteByte('\t')
			}
		case xml.CharData:
			if inside > 0 {
				b.Write(token)
			}
		}
	}
}

func spaces(t testing.TB, element xml.StartElement) int {
	t.Helper()
	for _, a := range element.Attr {
		if a.Name.Local == "c" {
			n, err := strconv.Atoi(a.Value)
			require.NoError(t, err)
			return n
		}
	}
	return 1
}

// AsShown is what is left of a text in LibreOffice's own files: lines end with LF
// and have no tabs at their start, and characters that XML does not hold are gone.
func AsShown(text string) string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	for strings.Contains(text, "\n\t") {
		text = strings.ReplaceAll(text, "\n\t", "\n")
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == '\ufffe' || r == '\uffff' {
			return -1
		}
		return r
	}, text)
}

// SameNumber reports whether the cell is a number that is equal in the 15 digits
// that a spreadsheet keeps, be it in its value or in what it shows, which has more
// of small ones. What is too close to zero for that is zero.
func (c Cell) SameNumber(number string) bool {
	return c.Type == "float" && (sameDigits(number, c.Value) || sameDigits(number, c.Text))
}

func sameDigits(a, b string) bool {
	x, err := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	if err != nil || err2 != nil {
		return false
	}
	const least = 2.3e-308
	return math.Abs(x) < least && math.Abs(y) < least || strconv.FormatFloat(x, 'e', 14, 64) == strconv.FormatFloat(y, 'e', 14, 64)
}

// SameTime reports whether the cell is a date that shows, to the millisecond that a
// spreadsheet has, the time with that text.
func (c Cell) SameTime(text string) bool {
	want, err := instant(text)
	got, err2 := instant(c.Text)
	return c.Type == "date" && err == nil && err2 == nil && want.Sub(got).Abs() <= time.Millisecond
}

func instant(text string) (time.Time, error) {
	text = strings.TrimSuffix(strings.Replace(text, "T", " ", 1), "Z")
	if len(text) == len(time.DateOnly) {
		return time.Parse(time.DateOnly, text)
	}
	return time.Parse(time.DateTime, text)
}
