package xlsxfmt

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const defaultSheet = "Sheet1"

// sheetNames gives out names that a workbook may have, each once, whatever the
// case of its letters.
type sheetNames struct{ taken map[string]bool }

// take returns a name for the n-th sheet of a dataset, n counting from 1.
func (s *sheetNames) take(dataset string, n int) string {
	base := legalName(dataset)
	name := base
	if n > 1 {
		name = numbered(base, n)
	}
	for again := max(n, 1) + 1; s.taken[folded(name)]; again++ {
		name = numbered(base, again)
	}
	s.taken[folded(name)] = true
	return name
}

// legalName replaces what a sheet's name may not have.
func legalName(name string) string {
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`:\/?*[]`, r) || unicode.IsControl(r) || r == utf8.RuneError || r == 0xfffe || r == 0xffff {
			return '_'
		}
		return r
	}, name)
	name = cut(name, MaxSheetName)
	if strings.HasPrefix(name, "'") {
		name = "_" + name[1:]
	}
	if strings.HasSuffix(name, "'") {
		name = name[:len(name)-1] + "_"
	}
	switch {
	case strings.TrimSpace(name) == "":
		return defaultSheet
	case folded(name) == folded("History"): // is Excel's own
		return name + "_"
	}
	return name
}

func numbered(base string, n int) string {
	suffix := fmt.Sprintf(" (%d)", n)
	return cut(base, MaxSheetName-len(suffix)) + suffix
}

// cut returns as many whole characters of the name as fit into so many units of
// UTF-16.
func cut(name string, units int) string {
	for i, r := range name {
		if units--; r > 0xffff {
			units--
		}
		if units < 0 {
			return name[:i]
		}
	}
	return name
}

// folded maps names that differ in case alone on one.
func folded(name string) string {
	return strings.Map(func(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }, name)
}
