package observe

import (
	"time"

	"github.com/exportyard/exportyard/queue"
)

// A Job is the export that an event is about. Its fields may stand in logs and spans;
// Tenant and ID are too many for labels of metrics.
type Job struct {
	Tenant string
	ID     string
	// Kind is the request's kind, of the host's own choice.
	Kind string
}

// JobRequested says that an export was taken.
type JobRequested struct {
	Job
	// RetryOf is the export that it runs again, if any.
	RetryOf string
}

// JobRefused says that a request was not taken. There is no job: the ID is empty.
type JobRefused struct {
	Job
	// Code is that of the error, an export.Code.
	Code string
}

// JobStarted says that an export has its plan, and rows are going to be read.
type JobStarted struct {
	Job
	// Waited is the time from the request until a worker took its first part.
	Waited time.Duration
	// Parts is how many there are, the plan and the seal included; RowsPlanned how
	// many rows are expected, -1 when that is unknown.
	Parts       int
	RowsPlanned int64
}

// JobEnded says that an export is completed, failed or canceled.
type JobEnded struct {
	Job
	State queue.State
	// Code says why it failed or was canceled, an export.Code; empty when completed.
	Code string
	// Rows and Bytes that sealed parts have written.
	Rows, Bytes int64
	// Duration is the time since the request.
	Duration time.Duration
}

// JobExpired says that the files of a completed export were removed.
type JobExpired struct{ Job }

// Downloaded says that a file was handed out.
type Downloaded struct {
	Job
	// File is its index in the manifest.
	File int
	// Bytes that were asked for: those of the file, or of the range.
	Bytes int64
}

func (JobRequested) event() {}
func (JobRefused) event()   {}
func (JobStarted) event()   {}
func (JobEnded) event()     {}
func (JobExpired) event()   {}
func (Downloaded) event()   {}
