package xlsx_test

import (
	"context"
	"encoding/xml"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/source"
)

// convert lets LibreOffice open a workbook and say what it found, as flat
// OpenDocument.
func convert(t *testing.T, file []byte) string {
	t.Helper()
	soffice, err := exec.LookPath("soffice")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("LibreOffice is missing: install libreoffice-calc-nogui")
		}
		t.Skip("LibreOffice is not installed")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "book.xlsx")
	require.NoError(t, os.WriteFile(path, file, 0o600))
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, soffice, "-env:UserInstallation=file://"+filepath.Join(dir, "profile"),
		"--headless", "--norestore", "--convert-to", "fods", "--outdir", dir, path)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	text, err := os.ReadFile(filepath.Join(dir, "book.fods"))
	require.NoError(t, err, "%s", out)
	return string(text)
}

// An odfCell is a cell of OpenDocument: its type and value, and what it shows.
type odfCell struct {
	Type    string `xml:"urn:oasis:names:tc:opendocument:xmlns:office:1.0 value-type,attr"`
	Value   string `xml:"urn:oasis:names:tc:opendocument:xmlns:office:1.0 value,attr"`
	Formula string `xml:"urn:oasis:names:tc:opendocument:xmlns:table:1.0 formula,attr"`
	Repeat  int    `xml:"urn:oasis:names:tc:opendocument:xmlns:table:1.0 number-columns-repeated,attr"`
	Inner   string `xml:",innerxml"`
}

func (c odfCell) text(t *testing.T) string {
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
				n := 1
				for _, a := range token.Attr {
					if a.Name.Local == "c" {
						n, err = strconv.Atoi(a.Value)
						require.NoError(t, err)
					}
				}
				b.WriteString(strings.Repeat(" ", n))
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

// readODF returns the rows of the first sheet.
func readODF(t *testing.T, text string) [][]odfCell {
	t.Helper()
	var doc struct {
		Rows []struct {
			Cells []odfCell `xml:"table-cell"`
		} `xml:"body>spreadsheet>table>table-row"`
	}
	require.NoError(t, xml.Unmarshal([]byte(text), &doc))
	var out [][]odfCell
	for _, row := range doc.Rows {
		var cells []odfCell
		for _, c := range row.Cells {
			for range max(1, min(c.Repeat, 64)) {
				cells = append(cells, c)
			}
		}
		out = append(out, cells)
	}
	return out
}

// R34: LibreOffice opens the file clean, shows what was exported, and has no
// formula to calculate. It makes formulas of its own of bool cells, =TRUE() and
// =FALSE(), whoever wrote them, since it has no such values.
func TestR34_LibreOfficeShowsValues(t *testing.T) {
	t.Parallel()
	schema, row := people()
	rows := readODF(t, convert(t, encode(t, schema, row)))
	want := map[string]string{
		"time": "2026-10-25 01:30:00Z", "exact time": "2026-10-25 01:30:00.250Z", "local time": "2026-10-25 01:30:00", "bool": "TRUE",
	}
	for c, field := range schema {
		require.Equal(t, field.Name, rows[0][c].text(t))
		cell, shown := rows[1][c], row[c]
		if w, ok := want[field.Name]; ok {
			shown = w
		}
		require.Equal(t, shown, cell.text(t), field.Name)
		if field.Kind == source.Bool {
			require.Equal(t, "of:=TRUE()", cell.Formula)
		} else {
			require.Empty(t, cell.Formula, field.Name)
		}
	}
	for column, kind := range map[int]string{0: "float", 1: "string", 2: "float", 3: "string", 4: "float", 6: "date", 7: "string", 8: "date", 11: "string"} {
		require.Equal(t, kind, rows[1][column].Type, schema[column].Name)
	}
}

// R34: the corpus of texts that spreadsheets run, and others that break files.
func TestR34_LibreOfficeRunsNothing(t *testing.T) {
	t.Parallel()
	var texts []string
	for _, start := range []string{"=", "+", "-", "@", "＝", "＋", "－", "＠", "\t=", "\n=", " =", "\ufeff=", `"=`, "'=", ";=", ",=", "=cmd|' /C calc'!", "=HYPERLINK(", "=WEBSERVICE("} {
		texts = append(texts, start+"1+1", "a"+start+"1+1")
	}
	texts = append(texts,
		"", "007", "1e5", "1-2", "TRUE", "#N/A", "2026-10-25", "<b>&amp;</b>", "]]>", "{=1+1}", "_x0041_", "_x005F_", "_x0041_x0042_",
		"漢字 👩🏽‍🚀 é", "\u202eright to left", " spaces  at   all ends ", "a\ttab", "a\nline\n\nanother", "a\r\nb", strings.Repeat("long ", 6000),
	)
	schema := source.Schema{{Name: "n", Kind: source.Int64}, {Name: "text", Kind: source.String}, {Name: "negative", Kind: source.Decimal(9, 2)}}
	var all [][]string
	for i, text := range texts {
		all = append(all, []string{strconv.Itoa(i), text, "-1.25"})
	}
	found := convert(t, encode(t, schema, all...))
	require.NotContains(t, found, "table:formula")
	rows := readODF(t, found)
	for i, text := range texts {
		row := rows[i+1]
		require.Equal(t, strconv.Itoa(i), row[0].Value)
		require.Equal(t, strings.ReplaceAll(text, "\r\n", "\n"), strings.ReplaceAll(row[1].text(t), "\r\n", "\n"), "row %d", i)
		if text != "" {
			require.Equal(t, "string", row[1].Type, "row %d", i)
		}
		require.Equal(t, "float", row[2].Type, "typed numbers stay numbers")
		require.Equal(t, "-1.25", row[2].Value)
	}
}
