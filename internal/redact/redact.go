// Package redact takes credentials and signatures out of the text of errors, before it
// goes to a log or to the people who asked for an export. What libraries say cannot be
// foreseen: many quote the address that they talked to, with all that is in it.
package redact

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
)

// hidden stands where something was taken out.
const hidden = "…"

var (
	// address is a URL as far as it goes in a text.
	address = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>]+`)
	// pair is a name that says what its value is. A value may be quoted.
	pair = regexp.MustCompile(`(?i)\b([a-z0-9_.-]*(?:password|passwd|pwd|secret|token|signature|credential|api[_-]?key|access[_-]?key|account[_-]?key|accesskeyid)[a-z0-9_.-]*|sig)(["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&"']+)`)
	// bearer is a header's value.
	bearer = regexp.MustCompile(`(?i)\b(bearer|basic|whsec_|aws4-hmac-sha256)([ _]?)[A-Za-z0-9+/=._~-]{8,}`)
)

// Text returns s without what looks like a credential or a signature: user and query of
// addresses, values of names such as password, and values of authorization headers.
func Text(s string) string {
	s = address.ReplaceAllStringFunc(s, bare)
	s = pair.ReplaceAllString(s, "${1}${2}"+hidden)
	return bearer.ReplaceAllString(s, "${1}${2}"+hidden)
}

// bare is an address without user, query and fragment.
func bare(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		scheme, _, _ := strings.Cut(text, "://")
		return scheme + "://" + hidden
	}
	if u.User == nil && u.RawQuery == "" && u.Fragment == "" {
		return text
	}
	secret := u.RawQuery != "" || u.Fragment != ""
	u.User, u.RawQuery, u.Fragment, u.RawFragment = nil, "", "", ""
	if secret {
		return u.String() + "?" + hidden
	}
	return u.String()
}

// Logger returns a logger that writes the text of errors by way of [Text].
func Logger(log *slog.Logger) *slog.Logger {
	if _, ok := log.Handler().(*handler); ok {
		return log
	}
	return slog.New(&handler{log.Handler()})
}

type handler struct{ slog.Handler }

// Handle passes a record on with its errors changed.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(attr(a))
		return true
	})
	return h.Handler.Handle(ctx, clean)
}

// WithAttrs returns a handler for whose records these attributes hold.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = attr(a)
	}
	return &handler{h.Handler.WithAttrs(clean)}
}

// WithGroup returns a handler whose attributes are in a group.
func (h *handler) WithGroup(name string) slog.Handler { return &handler{h.Handler.WithGroup(name)} }

// Error returns an error whose text went through [Text], and which wraps err; nil for nil.
func Error(err error) error {
	if err == nil {
		return nil
	}
	return &redacted{err}
}

type redacted struct{ err error }

func (e *redacted) Error() string { return Text(e.err.Error()) }
func (e *redacted) Unwrap() error { return e.err }

// LogValue is what the error, or one that it wraps, has to show of itself.
func (e *redacted) LogValue() slog.Value {
	var shows slog.LogValuer
	if errors.As(e.err, &shows) {
		return attr(slog.Attr{Value: shows.LogValue()}).Value
	}
	return slog.StringValue(e.Error())
}

func attr(a slog.Attr) slog.Attr {
	if err, ok := a.Value.Any().(error); ok {
		a.Value = (&redacted{err}).LogValue()
		return a
	}
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindGroup:
		group := make([]slog.Attr, len(v.Group()))
		for i, inner := range v.Group() {
			group[i] = attr(inner)
		}
		a.Value = slog.GroupValue(group...)
	case slog.KindString:
		a.Value = slog.StringValue(Text(v.String()))
	default:
		if err, ok := v.Any().(error); ok { // what a LogValuer made
			a.Value = slog.StringValue(Text(err.Error()))
		}
	}
	return a
}
