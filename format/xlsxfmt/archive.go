package xlsxfmt

import (
	"errors"
	"fmt"
	"strings"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/xlsxfmt/internal/cell"
	"github.com/exportyard/exportyard/format/xlsxfmt/internal/zipfile"
	"github.com/exportyard/exportyard/source"
)

const (
	linkSpace   = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	packSpace   = "http://schemas.openxmlformats.org/package/2006/"
	mediaPrefix = "application/vnd.openxmlformats-officedocument.spreadsheetml."
)

// typesPart is [Content_Types].xml. Every part that it does not name is a sheet,
// so that it can be the first entry, by which programs know the file, before
// anyone knows how many sheets there will be.
const typesPart = cell.Declaration + `<Types xmlns="` + packSpace + `content-types">` +
	`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
	`<Default Extension="xml" ContentType="` + mediaPrefix + `worksheet+xml"/>` +
	`<Override PartName="/xl/workbook.xml" ContentType="` + mediaPrefix + `sheet.main+xml"/>` +
	`<Override PartName="/xl/styles.xml" ContentType="` + mediaPrefix + `styles+xml"/></Types>`

const rootLinks = cell.Declaration + `<Relationships xmlns="` + packSpace + `relationships">` +
	`<Relationship Id="rId1" Type="` + linkSpace + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`

const (
	sheetFooter = `</sheetData></worksheet>`
	// deflateEnd is an empty last block with the fixed codes.
	deflateEnd = "\x03\x00"
	// maxSheetBytes keeps a sheet below 4 GiB, which many readers stop at.
	maxSheetBytes = 4_000_000_000
)

var errClosed = errors.New("xlsxfmt: the archive is closed")

// archive implements [format.Archive].
type archive struct {
	zip       *zipfile.Writer
	names     sheetNames
	sheetRows int
	packer    format.Packer
	sheets    []string // their names
	err       error

	// The dataset that is being written.
	dataset string
	schema  source.Schema
	header  []byte // packed
	above   format.Sum
	parts   int // sheets that it has
	rows    int // of its last sheet
	bytes   int64
}

// Dataset begins a sheet.
func (a *archive) Dataset(name string, schema source.Schema) error {
	if a.err == nil {
		a.err = a.begin(name, schema)
	}
	return a.err
}

func (a *archive) begin(name string, schema source.Schema) error {
	if err := a.open(); err != nil {
		return err
	}
	if err := a.endSheet(); err != nil {
		return err
	}
	if _, err := newRows(schema); err != nil {
		return err
	}
	a.dataset, a.schema, a.parts = name, schema, 0
	raw := appendSheetHeader(nil, schema)
	a.above = format.SumOf(raw)
	var err error
	if a.header, err = a.packer.AppendBlock(a.header[:0], raw); err != nil {
		return err
	}
	return a.beginSheet()
}

// open writes what stands before the sheets, once.
func (a *archive) open() error {
	if a.packer != nil {
		return nil
	}
	var err error
	if a.packer, err = newPacker(); err != nil {
		return err
	}
	for _, part := range [][2]string{{"[Content_Types].xml", typesPart}, {"_rels/.rels", rootLinks}, {"xl/styles.xml", cell.Styles}} {
		if err := a.part(part[0], part[1]); err != nil {
			return err
		}
	}
	return nil
}

// part writes an entry other than a sheet.
func (a *archive) part(name, content string) error {
	deflated, err := a.packer.AppendBlock(nil, []byte(content))
	if err != nil {
		return err
	}
	return a.zip.Entry(name, append(deflated, deflateEnd...), format.SumOf([]byte(content)))
}

func (a *archive) beginSheet() error {
	a.parts++
	a.sheets = append(a.sheets, a.names.take(a.dataset, a.parts))
	if err := a.zip.Begin(fmt.Sprintf("xl/worksheets/sheet%d.xml", len(a.sheets))); err != nil {
		return err
	}
	a.rows, a.bytes = 0, a.above.Bytes
	return a.zip.Add(a.header, a.above)
}

// endSheet ends the last sheet, if there is one.
func (a *archive) endSheet() error {
	if a.parts == 0 {
		return nil
	}
	deflated, err := a.packer.AppendBlock(nil, []byte(sheetFooter))
	if err != nil {
		return err
	}
	if err := a.zip.Add(append(deflated, deflateEnd...), format.SumOf([]byte(sheetFooter))); err != nil {
		return err
	}
	return a.zip.End()
}

// Block adds rows to the sheet, or to a new one when it would get too many.
func (a *archive) Block(p format.PackedRows) error {
	if a.err == nil {
		a.err = a.block(p)
	}
	return a.err
}

func (a *archive) block(p format.PackedRows) error {
	switch {
	case a.parts == 0:
		return errors.New("xlsxfmt: rows before a dataset")
	case p.Rows > a.sheetRows || p.Raw.Bytes > maxSheetBytes:
		return fmt.Errorf("xlsxfmt: a block of %d rows and %d bytes is larger than a sheet", p.Rows, p.Raw.Bytes)
	case a.rows+p.Rows > a.sheetRows || a.bytes+p.Raw.Bytes > maxSheetBytes:
		if err := a.endSheet(); err != nil {
			return err
		}
		if err := a.beginSheet(); err != nil {
			return err
		}
	}
	a.rows += p.Rows
	a.bytes += p.Raw.Bytes
	return a.zip.Add(p.Block, p.Raw)
}

// Close writes the workbook, which lists the sheets, and the directory.
func (a *archive) Close() error {
	if a.err == nil {
		a.err = a.end()
	}
	if a.err != nil {
		return a.err
	}
	a.err = errClosed
	return nil
}

func (a *archive) end() error {
	if len(a.sheets) == 0 { // a workbook without a sheet is none
		if err := a.begin("", nil); err != nil {
			return err
		}
	}
	if err := a.endSheet(); err != nil {
		return err
	}
	if err := a.part("xl/workbook.xml", workbookPart(a.sheets)); err != nil {
		return err
	}
	if err := a.part("xl/_rels/workbook.xml.rels", workbookLinks(len(a.sheets))); err != nil {
		return err
	}
	return a.zip.Close()
}

func workbookPart(sheets []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `%s<workbook xmlns="%s" xmlns:r="%s"><bookViews><workbookView/></bookViews><sheets>`, cell.Declaration, cell.Namespace, linkSpace)
	attribute := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")
	for i, name := range sheets {
		fmt.Fprintf(&b, `<sheet name="%s" sheetId="%d" r:id="rId%[2]d"/>`, attribute.Replace(name), i+1)
	}
	b.WriteString(`</sheets></workbook>`)
	return b.String()
}

func workbookLinks(sheets int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `%s<Relationships xmlns="%srelationships">`, cell.Declaration, packSpace)
	for i := range sheets {
		fmt.Fprintf(&b, `<Relationship Id="rId%d" Type="%s/worksheet" Target="worksheets/sheet%[1]d.xml"/>`, i+1, linkSpace)
	}
	fmt.Fprintf(&b, `<Relationship Id="rId%d" Type="%s/styles" Target="styles.xml"/></Relationships>`, sheets+1, linkSpace)
	return b.String()
}

// appendSheetHeader appends what stands before the rows: the frozen first row,
// the widths of the columns, and the names of the fields in bold.
func appendSheetHeader(dst []byte, schema source.Schema) []byte {
	dst = append(dst, cell.Declaration+`<worksheet xmlns="`+cell.Namespace+`"><sheetViews><sheetView workbookViewId="0">`+
		`<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>`...)
	for i, field := range schema {
		if i == 0 {
			dst = append(dst, "<cols>"...)
		}
		dst = fmt.Appendf(dst, `<col min="%d" max="%[1]d" width="%d" customWidth="1"/>`, i+1, cell.Width(field.Kind))
		if i == len(schema)-1 {
			dst = append(dst, "</cols>"...)
		}
	}
	dst = append(dst, "<sheetData>"...)
	for i, field := range schema {
		if i == 0 {
			dst = append(dst, "<row>"...)
		}
		dst = cell.AppendHeading(dst, []byte(field.Name))
		if i == len(schema)-1 {
			dst = append(dst, "</row>"...)
		}
	}
	return dst
}
