// Package mailnotify sends the messages of package notify by e-mail, through go-mail.
//
// # What it does
//
// A [Mail] is a [notify.Notifier]. It asks the host's function who wants a message and
// in which language, and sends each of them a mail of their own, with text and HTML:
// nobody sees who else got one. A mail leads to the host's page, if notify.Options.URL
// gives one, and never to a file.
//
// # Types and limits
//
// English ("en") and German ("de") are built in; [Options.Languages] adds others and
// replaces templates. Dates are in the recipient's zone, numbers and sizes in the style
// of the language. All mails of a message go over one connection, one after the other;
// the client's own timeout, 15 seconds by default, bounds each step and should be
// shorter than the courier's. A connection whose greeting or login failed is closed by
// the garbage collector, since go-mail does not hand it out. A display name or a subject
// is one line, whatever the templates and the host put into it, and an address is taken
// only if it is nothing but an address: no header can be smuggled in.
//
// # Atomicity
//
// A server that has taken a mail has it, also when it fails right after. When some of
// several recipients could not be reached, only they get another attempt. A courier that
// dies after sending sends again; the Message-ID is then the same, so that mailboxes can
// tell.
//
// # Errors
//
// An answer of 5xx to a sender, a recipient or a mail wraps [notify.ErrRefused], so does
// an address that is none. Answers of 4xx, broken connections, a failed login and errors
// of the host's function are passing. Errors name codes, and no recipients.
//
// # Options
//
// [Options] sets the default language, the product's name and templates. nil means the
// defaults.
package mailnotify
