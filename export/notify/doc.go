// Package notify tells people and programs what became of exports. A [Courier] takes
// the events of the store's outbox to channels: to a [Webhook], by e-mail (package
// mailnotify), or to any [Notifier] of the host. An [Inbox] shows the same events
// inside the host's application.
//
// # What it does
//
// The engine writes an event in the transaction of the change that it tells of, so no
// event is lost or told of something that did not happen. A courier claims it, makes a
// [Message] of it and hands that to every channel. Any number of couriers may run, on
// any host; each event is claimed by one of them at a time. Of the kinds of events
// [Kinds] are told; others are settled silently.
//
// A message never carries a link to a file. It carries the address of a page of the
// host's, which [Options.URL] builds: there the person is asked who they are, and a
// link is made at the click.
//
// # At least once
//
// An event is delivered at least once, with the same [Message.ID] each time. A courier
// that dies between sending and noting so leaves the event claimed; it is given out
// again when the claim ends, and the receiver can tell by the ID. A channel that took
// the message is not asked again when another one has to be.
//
// A channel that fails is tried again after a random delay of at most 5 seconds, which
// doubles with each attempt up to an hour, or later if the receiver asks for that. After
// [Options.MaxAge], 3 days, or when no channel is left that may still succeed, the event
// is given up, which the store records and [Options.GivenUp] is told. Events may arrive
// in another order than they happened; [Message.At] says when.
//
// # Webhooks
//
// A webhook is an HTTPS POST of a CloudEvents 1.0 event in JSON (structured mode), signed
// as Standard Webhooks has it:
//
//	webhook-id: msg_…            the same in every attempt
//	webhook-timestamp: …         seconds since 1970 of this attempt
//	webhook-signature: v1,… v1,… base64(HMAC-SHA256(secret, id.timestamp.body)), one for each secret
//
// The type is "exportyard." and the [Kind], the subject the job or the schedule. The data
// holds tenant, actor, job, schedule, files, rows, bytes, expires_at, url, and error with
// code, message, hint and retryable, each if there is one. Fields may be added later.
//
// While a secret is replaced the endpoint has two, and a receiver accepts either. Any
// answer of 2xx is success. 408, 429 and 5xx are tried again, not before the time of a
// Retry-After; so is a receiver that cannot be reached. 410 wraps [ErrGone], upon which
// the host should switch the endpoint off; it and all other answers, redirects too, wrap
// [ErrRefused] and are not tried again. Bodies of answers are not read.
//
// Addresses come from tenants, so a webhook cannot be made to talk to the host's own
// network: see [WebhookOptions.Allow].
//
// # Writing a notifier
//
// See [Notifier]. Deliver must be safe for concurrent use and must end with its context.
package notify
