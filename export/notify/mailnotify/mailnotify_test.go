package mailnotify_test

import (
	"context"
	"errors"
	htmltemplate "html/template"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"sync/atomic"
	"testing"
	texttemplate "text/template"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/wneessen/go-mail"

	"github.com/exportyard/exportyard/export/notify"
	"github.com/exportyard/exportyard/export/notify/mailnotify"
)

const sender = "Exports <exports@host.example>"

var (
	ann = mailnotify.Recipient{Address: "ann@acme.example", Name: "Ann"}
	bob = mailnotify.Recipient{Address: "bob@acme.example", Language: "de-AT"}

	completed = notify.Message{
		ID: "event-1", Kind: notify.Completed, Tenant: "acme", Actor: "ann-4711", Job: "job-1",
		At: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC), Files: 2, Rows: 1234567, Bytes: 12_345_678,
		ExpiresAt: time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC), URL: "https://host.example/exports/job-1?a=1&b=2",
	}
)

func newMail(t testing.TB, client *mail.Client, opts *mailnotify.Options, to ...mailnotify.Recipient) *mailnotify.Mail {
	t.Helper()
	n, err := mailnotify.New(client, sender, func(context.Context, notify.Message) ([]mailnotify.Recipient, error) { return to, nil }, opts)
	require.NoError(t, err)
	return n
}

// A parsed is a mail as the recipient's program shows it.
type parsed struct {
	header     netmail.Header
	subject    string
	text, html string
}

func parse(t testing.TB, data string) parsed {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(data))
	require.NoError(t, err, data)
	p := parsed{header: m.Header}
	p.subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	require.NoError(t, err)
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	require.NoError(t, err)
	require.Equal(t, "multipart/alternative", kind)
	parts := multipart.NewReader(m.Body, params["boundary"])
	for i, want := range []string{"text/plain", "text/html"} {
		part, err := parts.NextRawPart()
		require.NoError(t, err)
		require.Contains(t, part.Header.Get("Content-Type"), want)
		require.Equal(t, "quoted-printable", part.Header.Get("Content-Transfer-Encoding"))
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		require.NoError(t, err)
		plain := strings.TrimSpace(strings.ReplaceAll(string(body), "\r\n", "\n"))
		if i == 0 {
			p.text = plain
		} else {
			p.html = plain
		}
	}
	_, err = parts.NextPart()
	require.ErrorIs(t, err, io.EOF)
	return p
}

func TestC5_MailInTheLanguageOfEach(t *testing.T) {
	t.Parallel()
	s := newServer(t, true, nil)
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	to := bob
	to.Zone = berlin
	n := newMail(t, s.client(t), &mailnotify.Options{Product: "Yard"}, ann, to)
	require.NoError(t, n.Deliver(t.Context(), completed))
	got := s.got()
	require.Len(t, got, 2)
	require.Equal(t, 1, s.conns)

	english, german := parse(t, got[0].data), parse(t, got[1].data)
	require.True(t, got[0].secure)
	require.Contains(t, got[0].from, "<exports@host.example>")
	require.Equal(t, "RCPT TO:<ann@acme.example>", got[0].to)
	require.Equal(t, `"Ann" <ann@acme.example>`, english.header.Get("To"))
	require.Equal(t, `"Exports" <exports@host.example>`, english.header.Get("From"))
	require.Equal(t, "auto-generated", english.header.Get("Auto-Submitted"))
	require.Empty(t, english.header.Get("Cc")+english.header.Get("Bcc"))
	require.Equal(t, "Yard: your export is ready", english.subject)
	require.Equal(t, `Hello Ann,

your export is ready: 1,234,567 rows in 2 files (12.3 MB).
It can be downloaded until 28 November 2026, 09:00 UTC.

https://host.example/exports/job-1?a=1&b=2

Export job-1`, english.text)
	require.Contains(t, english.html, `<a href="https://host.example/exports/job-1?a=1&amp;b=2"`)
	require.Contains(t, english.html, "1,234,567 rows in 2 files (12.3 MB).")

	require.Equal(t, "RCPT TO:<bob@acme.example>", got[1].to)
	require.Equal(t, "Yard: Ihr Export ist fertig", german.subject)
	require.Equal(t, `Guten Tag,

Ihr Export ist fertig: 1.234.567 Zeilen in 2 Dateien (12,3 MB).
Er kann bis 28.11.2026, 10:00 CET heruntergeladen werden.

https://host.example/exports/job-1?a=1&b=2

Export job-1`, german.text)
	require.Contains(t, german.html, `<html lang="de">`)
	for _, m := range got {
		require.NotContains(t, m.data, "4711", "the host's own name of the person")
	}
}

func TestA12_EachKindInEachLanguage(t *testing.T) {
	t.Parallel()
	s := newServer(t, false, nil)
	failure := notify.Message{Kind: notify.Failed, Job: "j", Reason: "the range is too large", Hint: "choose at most 90 days"}
	tests := []struct {
		name, language, subject, text string
		m                             notify.Message
	}{
		{"failed", "en", "Your export has failed", "your export has failed: the range is too large.\nWhat you can do: choose at most 90 days.", failure},
		{"fehlgeschlagen", "de", "Ihr Export ist fehlgeschlagen", "Ihr Export ist fehlgeschlagen: the range is too large.\nWas Sie tun können: choose at most 90 days.", failure},
		{
			"expiring", "en", "Your export will be deleted soon", "the files of your export will be deleted on 28 November 2026, 09:00 UTC. Download them before if you still need them.",
			notify.Message{Kind: notify.ExpiringSoon, ExpiresAt: completed.ExpiresAt},
		},
		{
			"läuft ab", "de", "Ihr Export wird bald gelöscht", "die Dateien Ihres Exports werden am 28.11.2026, 09:00 UTC gelöscht. Laden Sie sie vorher herunter, wenn Sie sie noch brauchen.",
			notify.Message{Kind: notify.ExpiringSoon, ExpiresAt: completed.ExpiresAt},
		},
		{
			"paused", "en", "Your scheduled export was paused", `your scheduled export "nightly" was paused: it failed five times.`,
			notify.Message{Kind: notify.SchedulePaused, Schedule: "nightly", Reason: "it failed five times"},
		},
		{
			"angehalten", "de", "Ihr geplanter Export wurde angehalten", "Ihr geplanter Export „nightly“ wurde angehalten: it failed five times.",
			notify.Message{Kind: notify.SchedulePaused, Schedule: "nightly", Reason: "it failed five times"},
		},
		{"one row", "en", "Your export is ready", "your export is ready: 1 row in 1 file (999 B).", notify.Message{Kind: notify.Completed, Rows: 1, Files: 1, Bytes: 999}},
		{"leer", "de", "Ihr Export ist fertig", "Ihr Export ist fertig: 0 Zeilen in 0 Dateien (1,0 MB).", notify.Message{Kind: notify.Completed, Bytes: 999_950}},
		{"unknown language", "tlh", "Your export is ready", "your export is ready: 0 rows in 0 files (1.0 kB).", notify.Message{Kind: notify.Completed, Bytes: 1000}},
	}
	for i, tt := range tests {
		tt.m.ID = tt.name
		n := newMail(t, s.client(t), nil, mailnotify.Recipient{Address: "x@acme.example", Language: tt.language})
		require.NoError(t, n.Deliver(t.Context(), tt.m), tt.name)
		got := s.got()
		require.Len(t, got, i+1)
		p := parse(t, got[i].data)
		require.Equal(t, tt.subject, p.subject, tt.name)
		require.Contains(t, p.text, tt.text, tt.name)
	}
}

// Nobody who does not want mail gets one, and nobody gets two.
func TestA12_MailTurnedOff(t *testing.T) {
	t.Parallel()
	s := newServer(t, false, nil)
	require.NoError(t, newMail(t, s.client(t), nil).Deliver(t.Context(), completed))
	require.Zero(t, s.conns)
	twice := ann
	twice.Address = "ANN@acme.example"
	require.NoError(t, newMail(t, s.client(t), nil, ann, twice).Deliver(t.Context(), completed))
	require.Len(t, s.got(), 1)
}

func TestR38_AnswersOfTheServer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		at      string // the beginning of a line
		answer  string
		refused bool
		retry   bool
	}{
		{name: "all is well"},
		{name: "sender refused", at: "MAIL", answer: "550 no", refused: true},
		{name: "sender put off", at: "MAIL", answer: "451 later", retry: true},
		{name: "recipient unknown", at: "RCPT", answer: "550 5.1.1 ann@acme.example is unknown", refused: true},
		{name: "grey list", at: "RCPT", answer: "450 4.2.0 later", retry: true},
		{name: "data refused", at: "DATA", answer: "554 no", refused: true},
		{name: "mail refused", at: ".", answer: "552 too large", refused: true},
		{name: "mail put off", at: ".", answer: "452 disk full", retry: true},
		{name: "broken", at: "RCPT", answer: "hang up", retry: true},
		{name: "unwilling", at: "EHLO", answer: "hang up", retry: true},
		{name: "closing", at: "MAIL", answer: "421 shutting down", retry: true},
		{name: "rude at the end", at: "QUIT", answer: "hang up"},
		{name: "odd at the end", at: "QUIT", answer: "500 what"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, false, func(line string) string {
				if tt.at != "" && strings.HasPrefix(line, tt.at) {
					return tt.answer
				}
				return ""
			})
			err := newMail(t, s.client(t), nil, ann).Deliver(t.Context(), completed)
			var retry *notify.RetryError
			require.Equal(t, tt.refused, errors.Is(err, notify.ErrRefused), "%v", err)
			require.Equal(t, tt.retry, errors.As(err, &retry), "%v", err)
			if !tt.refused && !tt.retry {
				require.NoError(t, err)
				require.Len(t, s.got(), 1)
				return
			}
			require.NotContains(t, err.Error(), "ann@")
		})
	}
}

// A server that goes silent is left after the client's timeout, wherever that is, and one
// whose login fails is tried again: the host can mend that.
func TestR38_SilentServer(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"EHLO", "MAIL", "RCPT", "DATA", "."} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, false, func(line string) string {
				if strings.HasPrefix(line, at) {
					return "silence"
				}
				return ""
			})
			err := newMail(t, s.client(t, mail.WithTimeout(200*time.Millisecond)), nil, ann).Deliver(t.Context(), completed)
			var retry *notify.RetryError
			require.ErrorAs(t, err, &retry)
			require.NotErrorIs(t, err, notify.ErrRefused)
			require.Empty(t, retry.Reached)
		})
	}
	s := newServer(t, false, func(line string) string {
		switch {
		case strings.HasPrefix(line, "EHLO"):
			return "250-mail.example\r\n250 AUTH PLAIN"
		case strings.HasPrefix(line, "AUTH"):
			return "535 5.7.8 no"
		}
		return ""
	})
	client := s.client(t, mail.WithSMTPAuth(mail.SMTPAuthPlainNoEnc), mail.WithUsername("user"), mail.WithPassword("secret"))
	err := newMail(t, client, nil, ann).Deliver(t.Context(), completed)
	require.Error(t, err)
	require.NotErrorIs(t, err, notify.ErrRefused)
	require.NotContains(t, err.Error(), "secret")
}

// The server took the mail; that it dies right after does not make it send again.
func TestR38_TakenThenDead(t *testing.T) {
	t.Parallel()
	var taken atomic.Bool
	s := newServer(t, false, func(line string) string {
		if line == "." {
			taken.Store(true)
			return ""
		}
		if taken.Load() {
			return "hang up"
		}
		return ""
	})
	require.NoError(t, newMail(t, s.client(t), nil, ann).Deliver(t.Context(), completed))
	require.Len(t, s.got(), 1)
}

func TestR38_NobodyListens(t *testing.T) {
	t.Parallel()
	s := newServer(t, false, nil)
	client := s.client(t)
	s.Close()
	err := newMail(t, client, nil, ann).Deliver(t.Context(), completed)
	var retry *notify.RetryError
	require.ErrorAs(t, err, &retry)
	require.NotErrorIs(t, err, notify.ErrRefused)
}

// Of several recipients only those get another attempt who may still take it, under the
// Message-ID of the first.
func TestR38_OnlyTheRestIsTriedAgain(t *testing.T) {
	t.Parallel()
	var well atomic.Bool
	s := newServer(t, false, func(line string) string {
		switch {
		case strings.Contains(line, "bob@") && !well.Load():
			return "450 later"
		case strings.Contains(line, "cem@"):
			return "550 unknown"
		}
		return ""
	})
	n := newMail(t, s.client(t), nil, ann, bob, mailnotify.Recipient{Address: "cem@acme.example"}, mailnotify.Recipient{Address: "dee@acme.example"})
	err := n.Deliver(t.Context(), completed)
	var retry *notify.RetryError
	require.ErrorAs(t, err, &retry)
	require.NotErrorIs(t, err, notify.ErrRefused)
	require.Len(t, retry.Reached, 3)
	for _, id := range retry.Reached {
		require.NotContains(t, id, "@")
	}
	require.Len(t, s.got(), 2)

	well.Store(true)
	again := completed
	again.Reached = retry.Reached
	require.NoError(t, n.Deliver(t.Context(), again))
	got := s.got()
	require.Len(t, got, 3)
	require.Contains(t, got[2].to, "bob@")

	// Without the advice all get it again, and can tell.
	require.ErrorIs(t, n.Deliver(t.Context(), completed), notify.ErrRefused, "cem")
	got = s.got()
	require.Len(t, got, 6)
	for _, pair := range [][2]int{{0, 3}, {2, 4}, {1, 5}} {
		first, second := parse(t, got[pair[0]].data), parse(t, got[pair[1]].data)
		require.Equal(t, first.header.Get("To"), second.header.Get("To"))
		require.Equal(t, first.header.Get("Message-Id"), second.header.Get("Message-Id"))
		require.Regexp(t, `^<[0-9a-f]{32}@host\.example>$`, first.header.Get("Message-Id"))
	}
}

// Whatever is in names, addresses and texts: a mail has the headers that it should have,
// and one recipient, the intended one.
func FuzzR38_NothingIsInjected(f *testing.F) {
	s := newServer(f, false, nil)
	f.Add("ann@acme.example", "Ann", "reason", "hint", "job")
	f.Add("ann@acme.example\r\nRCPT TO:<eve@evil.example>", "Ann\r\nBcc: eve@evil.example", "a\r\n.\r\nMAIL FROM:<x@y>", "<script>alert(1)</script>", "j\r\n\r\nb")
	f.Add("ann@acme.example, eve@evil.example", `"><eve@evil.example>, "`, "\x00\x1b[2J", "{{.}}", "=?utf-8?q?=0D=0ABcc:_eve?=")
	f.Add("Ann <ann@acme.example>", "ann\u2028Bcc: eve", strings.Repeat("x", 5000), ".\n..\n.", "müller")
	f.Add(`"a b"@acme.example`, "\xff\xfe", "", "", "")
	f.Add("ann@[127.0.0.1]", "=?utf-8?b?DQo=?=", "", "", "")
	f.Add("jürgen@münchen.example", "Jürgen, Müller", "grün", "", "")
	f.Fuzz(func(t *testing.T, address, name, reason, hint, job string) {
		n := newMail(t, s.client(t), &mailnotify.Options{Product: name}, mailnotify.Recipient{Address: address, Name: name})
		m := notify.Message{ID: job, Kind: notify.Failed, Tenant: reason, Job: job, Reason: reason, Hint: hint, URL: "https://host.example/" + job}
		before := len(s.got())
		err := n.Deliver(t.Context(), m)
		got := s.got()[before:]
		if err != nil {
			require.Empty(t, got)
			return
		}
		require.Len(t, got, 1)
		require.Equal(t, "RCPT TO:<"+address+">", got[0].to)
		p := parse(t, got[0].data)
		for header := range p.header {
			require.Contains(t, []string{
				"From", "To", "Subject", "Date", "Message-Id", "Mime-Version", "Content-Type", "Auto-Submitted",
				"X-Auto-Response-Suppress", "User-Agent", "X-Mailer", "Content-Transfer-Encoding",
			}, header)
			require.Len(t, p.header[header], 1)
		}
		to, err := netmail.ParseAddressList(p.header.Get("To"))
		require.NoError(t, err)
		require.Len(t, to, 1)
		require.Equal(t, address, to[0].Address)
		require.NotContains(t, p.subject, "\n")
		require.NotContains(t, p.html, "<script")
		require.LessOrEqual(t, len([]rune(p.subject)), 200)
	})
}

func TestTemplatesOfTheHost(t *testing.T) {
	t.Parallel()
	s := newServer(t, false, nil)
	n := newMail(t, s.client(t), &mailnotify.Options{
		Language: "fr",
		Languages: map[string]mailnotify.Templates{
			"fr": {
				Subject: texttemplate.Must(texttemplate.New("").Parse("Export\r\nBcc: eve@evil.example {{.Job}}")),
				HTML:    htmltemplate.Must(htmltemplate.New("").Parse("<p>{{.Number .Rows}} {{.Size .Bytes}} {{.When .At}} {{.Job}}</p>")),
				Style:   &mailnotify.Style{Date: "02/01/2006", Thousands: " ", Decimal: ","},
			},
			"de": {Subject: texttemplate.Must(texttemplate.New("").Parse("Neu"))},
		},
	}, ann, bob)
	m := completed
	m.Job = "<b>"
	require.NoError(t, n.Deliver(t.Context(), m))
	got := s.got()
	french, german := parse(t, got[0].data), parse(t, got[1].data)
	require.Equal(t, "Export Bcc: eve@evil.example <b>", french.subject)
	require.Empty(t, french.header.Get("Bcc"))
	require.Equal(t, "<p>1 234 567 12,3 MB 21/11/2026 &lt;b&gt;</p>", french.html)
	require.Contains(t, french.text, "your export is ready", "the English text where there is no other")
	require.Equal(t, "Neu", german.subject)
	require.Contains(t, german.text, "Ihr Export ist fertig")
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	client, err := mail.NewClient("mail.example")
	require.NoError(t, err)
	nobody := func(context.Context, notify.Message) ([]mailnotify.Recipient, error) { return nil, nil }
	bad := func(text string) map[string]mailnotify.Templates {
		return map[string]mailnotify.Templates{"en": {Text: texttemplate.Must(texttemplate.New("").Parse(text))}}
	}
	for _, tt := range []struct {
		name string
		from string
		opts mailnotify.Options
	}{
		{name: "no sender", from: ""},
		{name: "two senders", from: "a@host.example, b@host.example"},
		{name: "injected sender", from: "a@host.example\r\nBcc: eve@evil.example"},
		{name: "unknown language", from: sender, opts: mailnotify.Options{Language: "tlh"}},
		{name: "template with a mistake", from: sender, opts: mailnotify.Options{Languages: bad("{{.Nothing}}")}},
	} {
		_, err := mailnotify.New(client, tt.from, nobody, &tt.opts)
		require.Error(t, err, tt.name)
	}
	_, err = mailnotify.New(nil, sender, nobody, nil)
	require.Error(t, err)
	_, err = mailnotify.New(client, sender, nil, nil)
	require.Error(t, err)

	broken := errors.New("no directory")
	n, err := mailnotify.New(client, sender, func(context.Context, notify.Message) ([]mailnotify.Recipient, error) { return nil, broken }, nil)
	require.NoError(t, err)
	require.ErrorIs(t, n.Deliver(t.Context(), completed), broken)
}
