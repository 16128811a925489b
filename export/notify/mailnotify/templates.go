package mailnotify

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"maps"
	"strings"
	texttemplate "text/template"
	"time"
	"unicode"

	"github.com/exportyard/exportyard/export/notify"
)

//go:embed templates/*.tmpl
var builtIn embed.FS

// Templates are those of one language. They are executed with a [View]. A template that
// is nil is the built-in one of the language, or else the English one.
type Templates struct {
	// Subject gives one line.
	Subject *texttemplate.Template
	Text    *texttemplate.Template
	HTML    *htmltemplate.Template
	// Style is how dates and numbers look. Default: those of the built-in language, or
	// else the English ones.
	Style *Style
}

// A Style is how a language writes dates and numbers.
type Style struct {
	// Date is a layout of package time.
	Date string
	// Thousands stands between groups of three digits, Decimal before a fraction.
	Thousands, Decimal string
}

var styles = map[string]*Style{
	"en": {Date: "2 January 2006, 15:04 MST", Thousands: ",", Decimal: "."},
	"de": {Date: "02.01.2006, 15:04 MST", Thousands: ".", Decimal: ","},
}

// languages returns the built-in templates with the host's over them.
func languages(own map[string]Templates) (map[string]Templates, error) {
	all := map[string]Templates{}
	for language, style := range styles {
		subject, err := texttemplate.ParseFS(builtIn, "templates/"+language+".subject.tmpl")
		if err != nil {
			return nil, err
		}
		text, err := texttemplate.ParseFS(builtIn, "templates/"+language+".text.tmpl")
		if err != nil {
			return nil, err
		}
		html, err := htmltemplate.ParseFS(builtIn, "templates/"+language+".html.tmpl")
		if err != nil {
			return nil, err
		}
		all[language] = Templates{subject, text, html, style}
	}
	given := maps.Clone(all)
	for language, t := range own {
		base, ok := given[language]
		if !ok {
			base = given["en"]
		}
		if t.Subject == nil {
			t.Subject = base.Subject
		}
		if t.Text == nil {
			t.Text = base.Text
		}
		if t.HTML == nil {
			t.HTML = base.HTML
		}
		if t.Style == nil {
			t.Style = base.Style
		}
		all[language] = t
	}
	return all, nil
}

// templates returns those of the language, of the language without its region, or of
// the default language.
func (n *Mail) templates(language string) Templates {
	base, _, _ := strings.Cut(language, "-")
	for _, l := range []string{language, base} {
		if t, ok := n.languages[l]; ok {
			return t
		}
	}
	return n.languages[n.options.Language]
}

// try executes the templates with a message of each kind, so that a mistake in one shows
// when the host starts and not when an export fails.
func (n *Mail) try(language string, t Templates) error {
	for _, kind := range notify.Kinds() {
		m := notify.Message{
			ID: "event", Kind: kind, Tenant: "acme", Actor: "ann", Job: "job", Schedule: "daily", At: time.Unix(0, 0),
			Files: 1, Rows: 1, Bytes: 1, ExpiresAt: time.Unix(0, 0), Reason: "reason", Hint: "hint", URL: "https://host.example/",
		}
		if _, err := t.render(newView(m, Recipient{Address: "ann@acme.example", Language: language}, t, n.options.Product)); err != nil {
			return err
		}
	}
	return nil
}

// A View is what templates see.
type View struct {
	notify.Message
	Recipient Recipient
	Product   string
	style     Style
}

func newView(m notify.Message, r Recipient, t Templates, product string) View {
	return View{Message: m, Recipient: r, Product: product, style: *t.Style}
}

// Number writes a number with its thousands apart.
func (v View) Number(n any) string {
	digits := fmt.Sprint(n)
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + v.style.Thousands + digits[at:]
	}
	return sign + digits
}

// Size writes a number of bytes in the unit that suits it: "12.3 MB".
func (v View) Size(bytes int64) string {
	const units = "kMGTPE"
	if bytes < 1000 {
		return fmt.Sprintf("%d B", bytes)
	}
	size, unit := float64(bytes)/1000, 0
	for size >= 999.95 {
		size /= 1000
		unit++
	}
	return strings.Replace(fmt.Sprintf("%.1f", size), ".", v.style.Decimal, 1) + " " + units[unit:unit+1] + "B"
}

// When writes a time in the recipient's zone.
func (v View) When(t time.Time) string {
	zone := time.UTC
	if v.Recipient.Zone != nil {
		zone = v.Recipient.Zone
	}
	return t.In(zone).Format(v.style.Date)
}

// A page is a mail before it is packed.
type page struct{ subject, text, html string }

// maxSubject is how many characters of a subject are sent.
const maxSubject = 200

func (t Templates) render(v View) (page, error) {
	var subject, text, html bytes.Buffer
	err := errors.Join(execute(t.Subject, &subject, v), execute(t.Text, &text, v), execute(t.HTML, &html, v))
	if err != nil {
		return page{}, fmt.Errorf("execute templates: %w", err)
	}
	line := []rune(oneLine(subject.String()))
	if len(line) > 0 {
		line[0] = unicode.ToUpper(line[0])
	}
	return page{subject: string(line[:min(len(line), maxSubject)]), text: text.String(), html: html.String()}, nil
}

// A template is one of package text/template or html/template.
type template interface {
	Execute(w io.Writer, data any) error
}

func execute(t template, w io.Writer, v View) error { return t.Execute(w, v) }

// oneLine makes a text fit for a header: a single line without control characters, and
// without what programs would decode into some.
func oneLine(s string) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(strings.ReplaceAll(clean, "=?", "= ?")), " ")
}
