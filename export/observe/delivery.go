package observe

import "time"

// A Delivery asks one channel to take one message.
type Delivery struct {
	Tenant string
	// Job is the export that the message is about, empty if none is.
	Job string
	// Event is the ID of the outbox's event, and Type its type.
	Event, Type string
	// Channel is the host's name for it.
	Channel string
	// Attempt counts the claims of the event, from 1.
	Attempt int64
}

// A DeliveryOutcome is what became of a [Delivery].
type DeliveryOutcome string

// The outcomes.
const (
	// Taken: the receiver has it.
	Taken DeliveryOutcome = "taken"
	// Waiting: it is to be tried again.
	Waiting DeliveryOutcome = "waiting"
	// Rejected: the receiver will never take it.
	Rejected DeliveryOutcome = "rejected"
)

// DeliveryEnded ends a [Delivery].
type DeliveryEnded struct {
	Delivery
	Outcome  DeliveryOutcome
	Duration time.Duration
	// Age is the time since the event, by the store's clock, when the attempt began.
	Age time.Duration
}

// MessageGivenUp says that a channel will never have a message: it was rejected, or not
// taken before it was too old.
type MessageGivenUp struct {
	Delivery
	Age time.Duration
}

func (Delivery) operation()   {}
func (DeliveryEnded) event()  {}
func (MessageGivenUp) event() {}
