package cell

import (
	"fmt"
	"strings"

	"github.com/exportyard/exportyard/source"
)

// What every part with cells begins with.
const (
	Declaration = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	Namespace   = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
)

// The table of styles is the same in every file, so that sheets can be put
// together from pieces that were made apart. These are the indices of cellXfs.
const (
	styleGeneral = iota
	styleHeader
	styleText // see openGuarded
	styleWhole
	styleDate
	styleDateTime
	styleDateTimeMillis
	styleTimestamp
	styleTimestampMillis
	styleScale // of scale 1; those up to maxScale follow
)

// maxScale is the largest scale with a number format of its own: more digits
// behind the point a number does not have.
const maxScale = maxDigits

// numberStyle returns the style of a column's numbers.
func numberStyle(k source.Kind) int {
	switch k.Base() {
	case source.Int64:
		return styleWhole
	case source.Date:
		return styleDate
	case source.DateTime:
		return styleDateTime
	case source.Timestamp:
		return styleTimestamp
	case source.AnyDecimal:
		switch s := k.Scale(); {
		case s == 0:
			return styleWhole
		case s <= maxScale:
			return styleScale + s - 1
		}
	}
	return styleGeneral
}

// Width returns how many characters wide a column should be: a narrow one shows
// numbers as ####.
func Width(k source.Kind) int {
	switch k.Base() {
	case source.Bool:
		return 8
	case source.Date:
		return 11
	case source.DateTime, source.Timestamp:
		return 25
	case source.UUID:
		return 38
	case source.String, source.JSON, source.Bytes:
		return 24
	default:
		return 16
	}
}

// The ids of number formats. Those below 164 are built in.
const (
	formatWhole  = 1  // 0
	formatText   = 49 // @
	formatCustom = 164
)

// Styles is the table of styles, xl/styles.xml.
var Styles = func() string {
	day, clock := `yyyy\-mm\-dd`, `\ hh:mm:ss`
	codes := []string{day, day + clock, day + clock + ".000", day + clock + `\Z`, day + clock + `.000\Z`}
	for scale := 1; scale <= maxScale; scale++ {
		codes = append(codes, "0."+strings.Repeat("0", scale))
	}
	var b strings.Builder
	fmt.Fprintf(&b, `%s<styleSheet xmlns="%s"><numFmts count="%d">`, Declaration, Namespace, len(codes))
	for i, code := range codes {
		fmt.Fprintf(&b, `<numFmt numFmtId="%d" formatCode="%s"/>`, formatCustom+i, code)
	}
	b.WriteString(`</numFmts><fonts count="2"><font><sz val="11"/><name val="Calibri"/><family val="2"/></font>` +
		`<font><b/><sz val="11"/><name val="Calibri"/><family val="2"/></font></fonts>` +
		`<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>` +
		`<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>` +
		`<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>`)
	fmt.Fprintf(&b, `<cellXfs count="%d"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>`+
		`<xf numFmtId="%d" fontId="1" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/>`, styleDate+len(codes), formatText)
	ids := []int{formatText, formatWhole}
	for i := range codes {
		ids = append(ids, formatCustom+i)
	}
	for _, id := range ids {
		fmt.Fprintf(&b, `<xf numFmtId="%d" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>`, id)
	}
	b.WriteString(`</cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>`)
	return b.String()
}()
