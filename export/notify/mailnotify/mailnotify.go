package mailnotify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	netmail "net/mail"
	"slices"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/exportyard/exportyard/export/notify"
)

var _ notify.Notifier = (*Mail)(nil)

// A Recipient is a person who gets a mail.
type Recipient struct {
	// Address is nothing but the address: "ann@acme.example".
	Address string
	// Name is shown beside it. Default: none.
	Name string
	// Language picks the templates: "de", "de-AT". Default: Options.Language.
	Language string
	// Zone is where dates are shown. Default: nil, UTC.
	Zone *time.Location
}

// Options adjust a Mail.
type Options struct {
	// Language is that of recipients without one, and of those whose language has no
	// templates. Default: "en".
	Language string
	// Product is the name of the host's product, which subjects begin with. Default:
	// none.
	Product string
	// Languages adds templates, or replaces the built-in ones of "en" and "de".
	// Default: nil.
	Languages map[string]Templates
}

// A Mail sends messages by e-mail.
type Mail struct {
	client     *mail.Client
	from       *netmail.Address
	recipients func(context.Context, notify.Message) ([]Recipient, error)
	options    Options
	languages  map[string]Templates
}

// New returns a notifier that sends through the client, from an address such as
// "Exports <exports@host.example>". The function says who wants a message; none is a good
// answer, for those who have turned mail off.
func New(client *mail.Client, from string, recipients func(context.Context, notify.Message) ([]Recipient, error), opts *Options) (*Mail, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if client == nil || recipients == nil {
		return nil, errors.New("mailnotify: no client or no recipients")
	}
	sender, err := netmail.ParseAddress(from)
	if err != nil {
		return nil, fmt.Errorf("mailnotify: the sender's address: %w", err)
	}
	if o.Language == "" {
		o.Language = "en"
	}
	n := &Mail{client: client, from: sender, recipients: recipients, options: o}
	if n.languages, err = languages(o.Languages); err != nil {
		return nil, err
	}
	if _, ok := n.languages[o.Language]; !ok {
		return nil, fmt.Errorf("mailnotify: there are no templates for the language %q", o.Language)
	}
	for language, t := range n.languages {
		if err := n.try(language, t); err != nil {
			return nil, fmt.Errorf("mailnotify: the templates of %q: %w", language, err)
		}
	}
	return n, nil
}

// Deliver sends a mail to each recipient that has none yet.
func (n *Mail) Deliver(ctx context.Context, m notify.Message) error {
	recipients, err := n.recipients(ctx, m)
	if err != nil {
		return fmt.Errorf("mailnotify: recipients of tenant %s: %w", m.Tenant, err)
	}
	var mails []letter
	var failed []error
	seen := slices.Clone(m.Reached)
	for _, r := range recipients {
		id := letterID(m, r)
		if slices.Contains(seen, id) {
			continue
		}
		seen = append(seen, id)
		msg, err := n.write(m, r, id)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		mails = append(mails, letter{id, msg})
	}
	if len(mails) == 0 {
		return errors.Join(failed...)
	}
	ended, again := n.send(ctx, mails, &failed)
	if !again {
		return errors.Join(failed...)
	}
	// Another attempt is worth it, for those who are not in ended.
	passing := fmt.Errorf("mailnotify: %d of %d mails are not sent: %s", len(mails)-len(ended), len(mails), errorTexts(failed))
	return &notify.RetryError{Reached: ended, Err: passing}
}

// errorTexts joins errors into one text that wraps none of them, since one recipient
// who is refused must not end the attempts for the others.
func errorTexts(errs []error) string {
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

// A letter is a mail to one recipient.
type letter struct {
	id  string
	msg *mail.Msg
}

// letterID is the same in every attempt, and says nothing about the address.
func letterID(m notify.Message, r Recipient) string {
	sum := sha256.Sum256([]byte(m.ID + "\x00" + strings.ToLower(r.Address)))
	return hex.EncodeToString(sum[:16])
}

// send sends mails over one connection. It returns those that have ended, because they
// were taken or refused, and whether others are to be tried again.
func (n *Mail) send(ctx context.Context, mails []letter, failed *[]error) (ended []string, again bool) {
	conn, err := n.client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		*failed = append(*failed, fmt.Errorf("connect to the mail server: %w", err))
		return nil, true
	}
	// What it says at the end changes nothing: each mail was answered.
	defer func() {
		_ = n.client.CloseWithSMTPClient(conn)
		_ = conn.Close()
	}()
	for _, l := range mails {
		if err := ctx.Err(); err != nil {
			*failed = append(*failed, err)
			return ended, true
		}
		err := n.sendOne(conn, l.msg)
		switch {
		case err == nil:
			ended = append(ended, l.id)
		case errors.Is(err, notify.ErrRefused):
			ended = append(ended, l.id)
			*failed = append(*failed, err)
		default:
			again = true
			*failed = append(*failed, err)
		}
	}
	return ended, again
}

func (n *Mail) sendOne(conn *smtp.Client, msg *mail.Msg) error {
	err := n.client.SendWithSMTPClient(conn, msg)
	if err == nil || msg.IsDelivered() {
		return nil
	}
	var told *mail.SendError
	if !errors.As(err, &told) {
		return errors.New("mailnotify: the mail was not sent")
	}
	// Its own text names addresses, and the server's words may too.
	text := fmt.Errorf("mailnotify: %s: the mail server answered %d", told.Reason, told.ErrorCode())
	if told.ErrorCode() == 0 {
		return fmt.Errorf("mailnotify: %s: the connection broke", told.Reason)
	}
	if told.ErrorCode() >= 500 {
		return fmt.Errorf("%w: %w", text, notify.ErrRefused)
	}
	return text
}

// write makes the mail of one recipient.
func (n *Mail) write(m notify.Message, r Recipient, id string) (*mail.Msg, error) {
	to, err := netmail.ParseAddress("<" + r.Address + ">")
	if err != nil || to.Address != r.Address || oneLine(r.Address) != r.Address {
		return nil, fmt.Errorf("mailnotify: a recipient's address is not valid: %w", notify.ErrRefused)
	}
	to.Name = oneLine(r.Name)
	t := n.templates(r.Language)
	page, err := t.render(newView(m, r, t, n.options.Product))
	if err != nil {
		return nil, fmt.Errorf("mailnotify: %w", err)
	}
	msg := mail.NewMsg()
	msg.FromMailAddress(n.from)
	msg.AddToMailAddress(to)
	msg.Subject(page.subject)
	_, domain, _ := strings.Cut(n.from.Address, "@")
	msg.SetMessageIDWithValue(id + "@" + domain)
	msg.SetDate()
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // no out-of-office replies
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	msg.SetBodyString(mail.TypeTextPlain, page.text)
	msg.AddAlternativeString(mail.TypeTextHTML, page.html)
	return msg, nil
}
