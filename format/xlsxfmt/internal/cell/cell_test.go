package cell_test

import (
	"encoding/xml"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/exportyard/exportyard/format/xlsxfmt/internal/cell"
	"github.com/exportyard/exportyard/source"
)

func appended(t require.TestingT, k source.Kind, text string) string {
	b := source.NewBatch(source.Schema{{Name: "c", Kind: k}}, 0, 0)
	require.NoError(t, source.ParseText(b.Col(0), text))
	col := cell.NewColumn(k)
	out, fits := col.Append(nil, b.Col(0), 0)
	require.True(t, fits)
	return string(out)
}

func number(style, value string) string {
	if style != "" {
		style = ` s="` + style + `"`
	}
	return "<c" + style + "><v>" + value + "</v></c>"
}

func text(value string) string { return `<c t="inlineStr"><is><t>` + value + `</t></is></c>` }

// guarded is a text that would become a formula or a number if it were typed.
func guarded(value string) string { return `<c s="2" t="inlineStr"><is><t>` + value + `</t></is></c>` }

func TestD9_NumbersAndTheirTexts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		kind source.Kind
		text string
		want string
	}{
		{"a whole number", source.Int64, "-42", number("3", "-42")},
		{"the last that is a number", source.Int64, "9007199254740992", number("3", "9007199254740992")},
		{"the first that is a text", source.Int64, "9007199254740993", guarded("9007199254740993")},
		{"the last negative number", source.Int64, "-9007199254740992", number("3", "-9007199254740992")},
		{"the first negative text", source.Int64, "-9007199254740993", guarded("-9007199254740993")},
		{"the smallest", source.Int64, "-9223372036854775808", guarded("-9223372036854775808")},

		{"a decimal without its last zeros", source.Decimal(12, 4), "12.5000", number("12", "12.5")},
		{"a decimal of zero", source.Decimal(12, 4), "0.0000", number("12", "0")},
		{"a negative decimal", source.Decimal(12, 2), "-0.05", number("10", "-0.05")},
		{"without a scale", source.Decimal(9, 0), "100", number("3", "100")},
		{"15 digits", source.Decimal(18, 3), "123456789012.345", number("11", "123456789012.345")},
		{"16 digits", source.Decimal(18, 3), "1234567890123.456", guarded("1234567890123.456")},
		{"16 digits with a zero at the end", source.Decimal(18, 4), "123456789012.3450", number("12", "123456789012.345")},
		{"a text keeps all zeros", source.Decimal(38, 20), "1234567890123456.50000000000000000000", guarded("1234567890123456.50000000000000000000")},
		{"zeros of a whole number count", source.Decimal(38, 0), "1000000000000000", guarded("1000000000000000")},
		{"zeros before the first digit do not count", source.Decimal(38, 18), "0.000123456789012345", number("", "0.000123456789012345")},
		{"many digits behind the point", source.Decimal(38, 38), "0.99999999999999999999999999999999999999", guarded("0.99999999999999999999999999999999999999")},
		{"a scale with a format", source.Decimal(38, 15), "1.500000000000000", number("23", "1.5")},
		{"a scale without one", source.Decimal(38, 16), "1.5000000000000000", number("", "1.5")},

		{"a float", source.Float64, "0.1", number("", "0.1")},
		{"minus zero", source.Float64, "-0", number("", "-0")},
		{"the largest", source.Float64, "1.7976931348623157e+308", number("", "1.7976931348623157e+308")},
		{"the smallest normal", source.Float64, "2.2250738585072014e-308", number("", "2.2250738585072014e-308")},
		{"below it", source.Float64, "5e-324", guarded("5e-324")},
		{"not a number", source.Float64, "NaN", guarded("NaN")},
		{"infinity", source.Float64, "-Infinity", guarded("-Infinity")},

		{"true", source.Bool, "true", `<c t="b"><v>1</v></c>`},
		{"false", source.Bool, "false", `<c t="b"><v>0</v></c>`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, appended(t, tt.kind, tt.text))
		})
	}
}

func TestD9_TimesAndTheirTexts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		kind source.Kind
		text string
		want string
	}{
		{"the first serial", source.Date, "1900-03-01", number("4", "61")},
		{"the last text", source.Date, "1900-02-28", guarded("1900-02-28")},
		{"year 1", source.Date, "0001-01-01", guarded("0001-01-01")},
		{"the epoch", source.Date, "1970-01-01", number("4", "25569")},
		{"year 9999", source.Date, "9999-12-31", number("4", "2958465")},

		{"midnight", source.Timestamp, "2026-10-25T00:00:00Z", number("7", "46320")},
		{"noon", source.Timestamp, "2026-10-25T12:00:00Z", number("7", "46320.5")},
		{"a second", source.Timestamp, "2026-10-25T00:00:01Z", number("7", "46320.000011574074")},
		{"a microsecond", source.Timestamp, "2026-10-25T00:00:00.000001Z", number("8", "46320.000000000012")},
		{"before 1970", source.Timestamp, "1969-12-31T23:59:59.999999Z", number("8", "25568.999999999988")},
		{"the last before 1900-03-01", source.Timestamp, "1900-02-28T23:59:59.999999Z", guarded("1900-02-28T23:59:59.999999Z")},
		{"1900-03-01", source.Timestamp, "1900-03-01T00:00:00Z", number("7", "61")},
		{"microseconds until 2079", source.Timestamp, "2079-06-04T23:59:59.999999Z", number("8", "65535.999999999988")},
		{"microseconds from then on", source.Timestamp, "2079-06-05T00:00:00.000001Z", guarded("2079-06-05T00:00:00.000001Z")},
		{"milliseconds from then on", source.Timestamp, "2079-06-05T12:00:00.500Z", number("8", "65536.500005787037")},
		{"without a zone", source.DateTime, "2026-10-25T12:00:00", number("5", "46320.5")},
		{"without a zone, a fraction", source.DateTime, "2026-10-25T12:00:00.25", number("6", "46320.500002893519")},
		{"without a zone, year 1", source.DateTime, "0001-01-01T00:00:00", guarded("0001-01-01T00:00:00")},
		{"without a zone, too fine", source.DateTime, "9999-12-31T23:59:59.999999", guarded("9999-12-31T23:59:59.999999")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, appended(t, tt.kind, tt.text))
		})
	}
}

func TestR34_TextsStayTexts(t *testing.T) {
	t.Parallel()
	space := func(value string) string { return strings.Replace(text(value), "<t>", `<t xml:space="preserve">`, 1) }
	spaceGuarded := func(value string) string {
		return strings.Replace(guarded(value), "<t>", `<t xml:space="preserve">`, 1)
	}
	tests := []struct {
		name string
		text string
		want string
	}{
		{"plain", "abc", text("abc")},
		{"empty", "", text("")},
		{"markup", `<a href="x">&amp;`, text(`&lt;a href="x"&gt;&amp;amp;`)},
		{"formula", "=1+1", guarded("=1+1")},
		{"plus", "+1", guarded("+1")},
		{"minus", "-1", guarded("-1")},
		{"at", "@SUM(1)", guarded("@SUM(1)")},
		{"tab before a formula", "\t=1", spaceGuarded("\t=1")},
		{"carriage return before a formula", "\r=1", guarded("_x000D_=1")},
		{"digits", "007", guarded("007")},
		{"leading space", " a", space(" a")},
		{"trailing space", "a ", space("a ")},
		{"lines", "a\nb", space("a\nb")},
		{"carriage return", "a\r\nb", space("a_x000D_\nb")},
		{"control characters", "a\x00\x1fb", text("a_x0000__x001F_b")},
		{"not a character", "a\ufffeb\uffff", text("a_xFFFE_b_xFFFF_")},
		{"nearly not a character", "\ufffd\uf000\uff01", text("\ufffd\uf000\uff01")},
		{"looks escaped", "_x0041_", text("_x005F_x0041_")},
		{"looks escaped in small letters", "_x00ff_", text("_x005F_x00ff_")},
		{"looks escaped twice", "_x0041_x0042_", text("_x005F_x0041_x005F_x0042_")},
		{"becomes escaped by what follows", "_x0041\x01", text("_x005F_x0041_x0001_")},
		{"becomes escaped by no character", "_x0041\uffff", text("_x005F_x0041_xFFFF_")},
		{"a tab does not escape", "_x0041\t", space("_x0041\t")},
		{"not escaped", "_x004_ _y0041_ x0041_ _x00-1_ _x0041", text("_x004_ _y0041_ x0041_ _x00-1_ _x0041")},
		{"read as escaped by some", "_x00G1_", text("_x005F_x00G1_")},
		{"emoji", "👩🏽‍🚀", text("👩🏽‍🚀")},
		{"full-width", "＝1", text("＝1")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, string(cell.AppendText(nil, []byte(tt.text))))
		})
	}
}

var escape = regexp.MustCompile(`_x([0-9A-Fa-f]{4})_`)

// Texts that are all about what must be escaped read back by XML and the rule of
// the standard: from left to right, each escape once.
func TestR34_EscapesReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{
			"_", "x", "_x", "00", "0041", "005F", "_x005F_", "_x0041", "FFFE", "\x00", "\x01", "\r", "\n", "\t", " ", "&", "<", ">", "]]>", "a", "\uffff", "\ufffe", "\uf8ff", "é", "漢", "🚀",
		}), 0, 12).Draw(t, "parts")
		want := strings.Join(parts, "")
		var read struct {
			Text string `xml:"is>t"`
		}
		require.NoError(t, xml.Unmarshal(cell.AppendText(nil, []byte(want)), &read))
		got := escape.ReplaceAllStringFunc(read.Text, func(m string) string {
			code, _ := strconv.ParseUint(m[2:6], 16, 16)
			return string(rune(code))
		})
		require.Equal(t, want, got)
	})
}

func TestPlainTextsOfEveryLength(t *testing.T) {
	t.Parallel()
	for _, special := range []string{"&", "\x01", "\uffff"} {
		for length := 1; length < 40; length++ {
			for at := range length {
				value := strings.Repeat("a", at) + special + strings.Repeat("a", length-at-1)
				out := string(cell.AppendText(nil, []byte(value)))
				want := map[string]string{"&": "&amp;", "\x01": "_x0001_", "\uffff": "_xFFFF_"}[special]
				require.Equal(t, text(strings.ReplaceAll(value, special, want)), out)
			}
		}
	}
}

func TestR23_LengthInUTF16(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		text string
		want bool
	}{
		{"as long as may be", strings.Repeat("a", 32767), false},
		{"one more", strings.Repeat("a", 32768), true},
		{"two bytes each", strings.Repeat("é", 32767), false},
		{"three bytes each", strings.Repeat("漢", 32767), false},
		{"three bytes each, one more", strings.Repeat("漢", 32768), true},
		{"pairs", strings.Repeat("🚀", 16383) + "a", false},
		{"pairs, one more", strings.Repeat("🚀", 16384), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, cell.TooLong([]byte(tt.text)))
		})
	}
}

// The table of styles is one document in which every style that a cell names exists.
func TestStyles(t *testing.T) {
	t.Parallel()
	var table struct {
		Formats []struct {
			ID   int    `xml:"numFmtId,attr"`
			Code string `xml:"formatCode,attr"`
		} `xml:"numFmts>numFmt"`
		Fonts []struct {
			Bold *struct{} `xml:"b"`
		} `xml:"fonts>font"`
		Styles struct {
			Count int `xml:"count,attr"`
			All   []struct {
				Format int `xml:"numFmtId,attr"`
				Font   int `xml:"fontId,attr"`
			} `xml:"xf"`
		} `xml:"cellXfs"`
	}
	require.NoError(t, xml.Unmarshal([]byte(cell.Styles), &table))
	codes := map[int]string{0: "General", 1: "0", 49: "@"}
	for _, f := range table.Formats {
		codes[f.ID] = f.Code
	}
	var got []string
	for _, s := range table.Styles.All {
		got = append(got, codes[s.Format])
	}
	want := []string{
		"General", "@", "@", "0", `yyyy\-mm\-dd`, `yyyy\-mm\-dd\ hh:mm:ss`, `yyyy\-mm\-dd\ hh:mm:ss.000`, `yyyy\-mm\-dd\ hh:mm:ss\Z`, `yyyy\-mm\-dd\ hh:mm:ss.000\Z`,
	}
	for scale := 1; scale <= 15; scale++ {
		want = append(want, "0."+strings.Repeat("0", scale))
	}
	require.Equal(t, want, got)
	require.Equal(t, len(want), table.Styles.Count)
	require.NotNil(t, table.Fonts[table.Styles.All[1].Font].Bold)
	require.Nil(t, table.Fonts[table.Styles.All[0].Font].Bold)
}
