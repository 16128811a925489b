package fields

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/exportyard/exportyard/source"
)

// A tag is what the export tag of a struct field says.
type tag struct {
	field    source.Field // Name is empty when the tag gives none
	skip     bool
	required bool
	zeroNull bool
	key      int // position from 1; 0: not a key; nextKey: in the order of the struct
	tenant   bool
	time     bool
	subject  bool
}

// nextKey is the position of a key that the tag does not number.
const nextKey = -1

func parseTag(text string) (tag, error) {
	if text == "-" {
		return tag{skip: true}, nil
	}
	name, options, _ := strings.Cut(text, ",")
	t := tag{field: source.Field{Name: strings.TrimSpace(name)}}
	for options != "" {
		var option string
		option, options = cutOption(options)
		if err := t.set(strings.TrimSpace(option)); err != nil {
			return tag{}, err
		}
	}
	return t, nil
}

// cutOption cuts at the first comma outside parentheses.
func cutOption(s string) (option, rest string) {
	depth := 0
	for i, c := range s {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

func (t *tag) set(option string) error {
	word, value, hasValue := strings.Cut(option, "=")
	if hasValue {
		return t.setValue(word, value)
	}
	switch option {
	case "key":
		t.key = nextKey
	case "tenant":
		t.tenant = true
	case "time":
		t.time = true
	case "subject":
		t.subject = true
	case "required":
		t.required = true
	case "zeronull":
		t.zeroNull = true
	case "off":
		t.field.OffByDefault = true
	case "personal":
		t.field.Sensitivity = source.Personal
	case "secret":
		t.field.Sensitivity = source.Secret
	case "round":
		t.field.Round = true
	default:
		return t.setKind(option)
	}
	return nil
}

func (t *tag) setValue(word, value string) error {
	switch word {
	case "title":
		t.field.Title = value
	case "category":
		t.field.Category = value
	case "key":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			return errors.New("key= wants the position in the key, from 1")
		}
		t.key = n
	default:
		return fmt.Errorf("unknown option %q", word)
	}
	return nil
}

func (t *tag) setKind(option string) error {
	if t.field.Kind != 0 {
		return fmt.Errorf("%q beside another kind or an unknown option", option)
	}
	kind, err := source.ParseKind(strings.ReplaceAll(option, " ", ""))
	if err != nil {
		return fmt.Errorf("unknown option %q", option)
	}
	t.field.Kind = kind
	return nil
}

// snake turns a Go name into the name of a column: UserID becomes user_id,
// HTTPServer http_server.
func snake(name string) string {
	runes := []rune(name)
	var b strings.Builder
	for i, r := range runes {
		if unicode.IsUpper(r) && i > 0 {
			before := runes[i-1]
			startsWord := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if unicode.IsLower(before) || unicode.IsDigit(before) || unicode.IsUpper(before) && startsWord {
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
