// Package observe tells a host what its engines and couriers do, as typed events.
//
// # What it does
//
// An [Observer] is told of two things: of an [Operation] that begins, and of an [Event]
// that has happened. Some events end an operation; they come with the context that
// [Observer.Begin] returned for it, which is also the context of all calls to the
// source, the sink and the store that the operation makes. So a tracer's span reaches
// whatever these calls reach.
//
//	Part, then PartEnded          a worker's attempt at one part
//	Sweep, then SweepEnded        a look at what is due
//	Delivery, then DeliveryEnded  one channel is asked to take one message
//
// Every operation that began ends with its event, also one that panics or is canceled,
// unless the process dies.
//
// [Log] writes events to package log/slog, [Join] tells several observers, and package
// otelexport, a module of its own, makes spans and metrics of OpenTelemetry.
//
// # What is promised
//
// Events come outside of transactions and locks, from the process that did what they tell
// of. Those of jobs and parts come after the change is in the store, and at most once: when
// a process dies between the change and the event, or the store's answer is lost, nobody is
// told. What must not be lost is in the audit log and in the outbox. Those of deliveries
// come when the channel has answered.
//
// No event holds row data, the name or address of a person, a credential or a link. Tenants
// and jobs are named by their IDs, and what went wrong by a code.
//
// # What an observer owes
//
// It is safe for concurrent use, does not call back into the engine, and returns at once:
// the work waits for it. A panic is caught and logged, and the work goes on.
//
// Events and operations may be added, and fields to them: an observer looks at those that
// it knows and ignores the rest.
package observe
