// Package otelexport makes spans and metrics of OpenTelemetry from the events of engines
// and couriers. It uses OpenTelemetry's API only: which SDK there is, and where it sends
// things to, is the host's business.
//
// # What it does
//
// [New] returns an [observe.Observer] for export.Config and notify.Options. One observer
// may serve any number of engines and couriers of a process.
//
// # Metrics
//
// Durations are in seconds, as the semantic conventions have it. No metric carries a
// tenant, a job or a person: these are in spans.
//
//	name                          kind           unit        what
//	exportyard.export.requests    counter        {request}   requests for exports; error.type: why refused
//	exportyard.export.wait        histogram      s           request until a worker took its first part
//	exportyard.export.duration    histogram      s           request until its end; state, error.type
//	exportyard.export.expired     counter        {export}    exports whose files were removed
//	exportyard.export.downloads   counter        {download}  files handed out
//	exportyard.download.io        counter        By          bytes of these that were asked for
//	exportyard.part.active        up-down        {part}      parts in work in this process; part.kind
//	exportyard.part.duration      histogram      s           attempts at parts; part.kind, outcome, error.type
//	exportyard.part.rows          counter        {row}       rows written by them; outcome
//	exportyard.part.io            counter        By          bytes written by them; outcome
//	exportyard.lease.lost         counter        {lease}     parts taken back from workers that went silent
//	exportyard.sweep.duration     histogram      s           sweeps; error.type "incomplete" if something failed
//	exportyard.sweep.settled      counter        {item}      due things that sweeps did
//	exportyard.sweep.failed       counter        {item}      due things that have to be tried again
//	exportyard.sweep.last         gauge          s           Unix time of the last sweep without a failure
//	exportyard.lease.expired.age  gauge          s           how long the oldest expired lease has been over
//	exportyard.export.pending.age gauge          s           age of the oldest export that nobody has planned
//	exportyard.outbox.age         gauge          s           age of the oldest event that is not delivered
//	exportyard.store.exports      gauge          {export}    active exports in the store, up to 10,000
//	exportyard.store.parts.ready  gauge          {part}      parts that wait for a worker, or for their time, up to 10,000
//	exportyard.store.parts.leased gauge          {part}      parts in work, on any host, up to 10,000
//	exportyard.orphan.removed     counter        By          bytes that no manifest named, swept away
//	exportyard.orphan.stuck       gauge          By          bytes that no manifest names, and that the last sweep could not remove
//	exportyard.delivery.duration  histogram      s           attempts at messages; delivery.channel, outcome
//	exportyard.delivery.given_up  counter        {message}   messages that a channel will never have; delivery.channel
//
// The attributes are exportyard.export.state, exportyard.part.kind, exportyard.part.outcome,
// exportyard.delivery.channel, exportyard.delivery.outcome and error.type. The last holds an
// export.Code, and is missing where nothing went wrong.
//
// # What pages someone
//
// exportyard.sweep.last that stands still: nobody sweeps, and the ages below are old too.
// exportyard.lease.expired.age above a few sweeps: parts of dead workers stay where they
// are. exportyard.export.pending.age above what people wait: workers are missing, or cannot
// claim. exportyard.outbox.age: nobody delivers, or a receiver is down. exportyard.orphan.stuck
// above zero for hours: a destination refuses deletes, and costs grow. The ages are of the
// whole store, as each engine's last sweep saw them: alert on their maximum.
//
// # Spans
//
// "export plan", "export rows" and "export seal" are attempts at parts, "export sweep" a
// sweep, and "export deliver" a message to a channel. They are the parents of whatever the
// source, the sink, the store and the channel do meanwhile. A part that did not end well,
// and a message that nobody took, has the status Error with the code. What happens to an
// export (requested, started, completed and so on) is an event of the span in whose context
// it happens, which for requests and downloads is the host's own.
//
//	exportyard.tenant, exportyard.job.id, exportyard.export.kind
//	exportyard.part.number, exportyard.part.kind, exportyard.part.fence, exportyard.part.attempt
//	exportyard.part.rows, exportyard.part.bytes, exportyard.part.outcome
//	exportyard.delivery.event, exportyard.delivery.type, exportyard.delivery.channel, exportyard.delivery.attempt
//
// # Errors
//
// [New] fails when the meter refuses an instrument. After that nothing fails.
package otelexport
