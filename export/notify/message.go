package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/exportyard/exportyard/queue"
)

// A Kind is what a message tells. It is the type of the outbox's event.
type Kind string

// The kinds that are told.
const (
	Completed      Kind = "export.completed" // the files can be downloaded
	Failed         Kind = "export.failed"    // Reason and Hint say why, and what to do
	ExpiringSoon   Kind = "export.expiring"  // the files will be gone at ExpiresAt
	SchedulePaused Kind = "schedule.paused"  // Schedule was paused, for Reason
)

// Kinds returns all kinds that are told.
func Kinds() []Kind { return []Kind{Completed, Failed, ExpiringSoon, SchedulePaused} }

// A Message is what a receiver is told. It holds no row data and no link to a file.
type Message struct {
	// ID is the event's: the same in every attempt, and no other event's.
	ID     string
	Kind   Kind
	Tenant string
	// Actor is who asked for the export or owns the schedule; what the text means is
	// the host's.
	Actor string
	// Job is empty when no export is concerned, Schedule when no schedule is.
	Job      string
	Schedule string
	// At is when it happened.
	At time.Time
	// Files, Rows and Bytes are those of a completed export; Bytes of its files as
	// they are stored.
	Files int
	Rows  int64
	Bytes int64
	// ExpiresAt is when the files will be gone; zero for never or unknown.
	ExpiresAt time.Time
	// Code and Reason say why it failed or was paused, Hint what to do about it.
	// Retryable says that the same request may succeed later.
	Code      string
	Reason    string
	Hint      string
	Retryable bool
	// URL is the address of the host's page about it; empty without Options.URL.
	URL string
	// Reached is what an earlier attempt of this channel gave in
	// [RetryError.Reached]. Such receivers are left out.
	Reached []string
}

// details are the fields of an event's payload that a message tells, in the JSON
// names under which the engine stores its results and errors.
type details struct {
	Code      string    `json:"code"`
	Message   string    `json:"message"`
	Hint      string    `json:"hint"`
	Retryable bool      `json:"retryable"`
	Files     int       `json:"files"`
	Rows      int64     `json:"rows"`
	Size      int64     `json:"size"`
	Schedule  string    `json:"schedule"`
	ExpiresAt time.Time `json:"expires_at"`
}

// payloadVersion is the newest version of events that this package reads.
const payloadVersion = 1

// messageOf returns what an entry alone tells.
func messageOf(e queue.Entry, page func(Message) string) (Message, error) {
	m := Message{ID: e.ID, Kind: Kind(e.Type), Tenant: e.Tenant, Actor: e.Actor, Job: e.Job, At: e.At}
	if e.Data.Version > payloadVersion {
		return m, fmt.Errorf("notify: event %s is of version %d, this code reads %d", e.ID, e.Data.Version, payloadVersion)
	}
	var d details
	if len(e.Data.Data) > 0 {
		if err := json.Unmarshal(e.Data.Data, &d); err != nil {
			return m, fmt.Errorf("notify: event %s cannot be read: %w", e.ID, err)
		}
	}
	m.Code, m.Reason, m.Hint, m.Retryable = d.Code, d.Message, d.Hint, d.Retryable
	m.Files, m.Rows, m.Bytes = d.Files, d.Rows, d.Size
	m.Schedule, m.ExpiresAt = d.Schedule, d.ExpiresAt
	if page == nil {
		return m, nil
	}
	m.URL = page(m)
	if u, err := url.Parse(m.URL); err != nil || m.URL != "" && (u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
		return m, fmt.Errorf("notify: the page of event %s has no http address", e.ID)
	}
	return m, nil
}

// complete adds what only the job knows. Not wanted means that there is nothing to tell
// any more.
func (c *Courier) complete(ctx context.Context, m *Message) (wanted bool, err error) {
	if m.Job == "" {
		return true, nil
	}
	j, err := c.store.Get(ctx, m.Tenant, m.Job)
	if errors.Is(err, queue.ErrNotFound) {
		return m.Kind != ExpiringSoon, nil // it was purged
	}
	if err != nil {
		return true, err
	}
	if m.Kind == Completed || m.Kind == ExpiringSoon {
		m.ExpiresAt = j.ExpiresAt
	}
	return m.Kind != ExpiringSoon || j.State == queue.Completed, nil
}

func (c *Courier) tells(kind Kind) bool { return slices.Contains(c.options.Kinds, kind) }
