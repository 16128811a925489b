package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/internal/pipeline"
	"github.com/exportyard/exportyard/internal/plan"
	"github.com/exportyard/exportyard/internal/redact"
	"github.com/exportyard/exportyard/internal/seal"
	"github.com/exportyard/exportyard/internal/segment"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/source"
)

// A Code says what went wrong, in a form that programs can rely on.
type Code string

// The codes of refused calls.
const (
	CodeUnprocessable         Code = "unprocessable"          // the request is wrong; Problems say where
	CodeConflict              Code = "conflict"               // an export is active in this slot; Job names it
	CodeIdempotencyMismatch   Code = "idempotency_mismatch"   // the key was used with another request
	CodeNotFound              Code = "not_found"              // unknown, or another tenant's
	CodeNotReady              Code = "not_ready"              // not completed yet
	CodeAlreadyFinished       Code = "already_finished"       // it has ended: nothing to cancel
	CodeExpired               Code = "expired"                // the files are gone
	CodeHeld                  Code = "held"                   // it is on hold: nothing of it may go
	CodeDestinationUnverified Code = "destination_unverified" // the destination failed its probe
	CodeUnavailable           Code = "unavailable"            // the job store or the source's catalog did not answer
	CodeStale                 Code = "stale"                  // somebody else changed it meanwhile
)

// The codes of failed jobs.
const (
	CodeSourceError            Code = "source_error"
	CodeSourceTimeout          Code = "source_timeout"
	CodeBadData                Code = "bad_data" // a row breaks a rule; the error names dataset and column
	CodeRangeTooLarge          Code = "range_too_large"
	CodeDestinationUnreachable Code = "destination_unreachable"
	CodeDestinationDenied      Code = "destination_denied"
	CodeDestinationFull        Code = "destination_full"
	CodeVerificationFailed     Code = "verification_failed"
	CodeLimitDuration          Code = "limit_duration"
	CodeWorkerLost             Code = "worker_lost"
	CodeCanceled               Code = "canceled"
	CodeStopped                Code = "stopped" // by an operator
	CodeInternal               Code = "internal"
)

// The codes of paused schedules.
const (
	CodeFailing Code = "failing" // too many of its exports failed in a row
	CodePaused  Code = "paused"  // somebody paused it
)

// The codes of [Problem]s, beside some of the above.
const (
	CodeRequired        Code = "required"
	CodeExclusive       Code = "exclusive"
	CodeUnknownDataset  Code = "unknown_dataset"
	CodeDatasetOff      Code = "dataset_off"
	CodeUnknownField    Code = "unknown_field"
	CodeDuplicateField  Code = "duplicate_field"
	CodeSecretField     Code = "secret_field"
	CodeUnknownFormat   Code = "unknown_format"
	CodeBadCompression  Code = "bad_compression"
	CodeUnknownZone     Code = "unknown_zone"
	CodeUnknownInterval Code = "unknown_interval"
	CodeBadLayout       Code = "bad_layout"
	CodeBadRange        Code = "bad_range"
	CodeEmptySelection  Code = "empty_selection"
	CodeNoTimeColumn    Code = "no_time_column"
	CodeBadFilter       Code = "bad_filter"
	CodeUnsupported     Code = "unsupported"
	CodeBadTiming       Code = "bad_timing"
)

// An Error is what every method of [Engine] returns, and what a failed job
// says. It holds no row data and no credentials.
type Error struct {
	Code Code `json:"code"`
	// Job is the job it is about; for CodeConflict, the active one.
	Job string `json:"job,omitempty"`
	// Schedule is the schedule it is about.
	Schedule string `json:"schedule,omitempty"`
	// Stage is where a job failed: plan, rows, seal.
	Stage string `json:"stage,omitempty"`
	// Message says what is wrong, Hint what to do about it.
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	// Retryable says that the same request may succeed later.
	Retryable bool `json:"retryable,omitempty"`
	// Problems lists everything that is wrong with a request.
	Problems []Problem `json:"problems,omitempty"`
	// Err is the cause, not stored with a job.
	Err error `json:"-"`
}

// A Problem is one thing that is wrong with a request, or one bad file.
type Problem struct {
	Code Code `json:"code"`
	// Field is the path into the request, "datasets[0].columns[2]", or the
	// file's key.
	Field   string `json:"field"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Error gives message, problems and hint in one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("export: ")
	if e.Stage != "" {
		b.WriteString(e.Stage + ": ")
	}
	b.WriteString(e.Message)
	for i, p := range e.Problems {
		b.WriteString(map[bool]string{true: ": ", false: "; "}[i == 0])
		fmt.Fprintf(&b, "%s: %s", p.Field, p.Message)
		if p.Hint != "" {
			b.WriteString(" (" + p.Hint + ")")
		}
	}
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Has reports whether the error, or one of its problems, has the code.
func (e *Error) Has(code Code) bool {
	for _, p := range e.Problems {
		if p.Code == code {
			return true
		}
	}
	return e.Code == code
}

func (e *Error) payload() queue.Payload {
	data, err := json.Marshal(e)
	if err != nil {
		data = []byte(`{"code":"internal","message":"the error could not be written"}`)
	}
	return queue.Payload{Version: payloadVersion, Data: data}
}

func errorFrom(p queue.Payload) *Error {
	if len(p.Data) == 0 {
		return nil
	}
	e := new(Error)
	if err := json.Unmarshal(p.Data, e); err != nil {
		return &Error{Code: CodeInternal, Message: "the stored reason cannot be read", Err: err}
	}
	return e
}

// storeError maps an error of the job store to what the caller is told.
func storeError(job string, err error) error {
	var conflict *queue.ConflictError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &conflict):
		return &Error{
			Code: CodeConflict, Job: conflict.Active.ID, Err: err,
			Message: "export " + conflict.Active.ID + " is still active", Hint: "wait until it ends, or cancel it",
		}
	case errors.Is(err, queue.ErrIdempotencyMismatch):
		return &Error{
			Code: CodeIdempotencyMismatch, Err: err,
			Message: "this idempotency key was used with another request", Hint: "use a new key for a new request",
		}
	case errors.Is(err, queue.ErrNotFound):
		return &Error{Code: CodeNotFound, Job: job, Message: "no such export", Err: err}
	case errors.Is(err, queue.ErrBadTransition):
		return &Error{Code: CodeAlreadyFinished, Job: job, Message: "the export is not in a state that allows this", Err: err}
	default:
		return &Error{
			Code: CodeUnavailable, Job: job, Message: "the job store did not answer", Retryable: true,
			Hint: "try again in a moment", Err: err,
		}
	}
}

// scheduleError maps an error about a schedule to what the caller is told.
func scheduleError(id string, err error) error {
	var known *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known
	case errors.Is(err, queue.ErrNotFound):
		return &Error{Code: CodeNotFound, Schedule: id, Message: "no such schedule", Err: err}
	case errors.Is(err, queue.ErrStale):
		return &Error{Code: CodeStale, Schedule: id, Message: "somebody else changed the schedule meanwhile", Hint: "look at it again", Err: err}
	case errors.Is(err, queue.ErrBadTransition):
		return &Error{Code: CodeAlreadyFinished, Schedule: id, Message: "the schedule is not in a state that allows this", Err: err}
	default:
		return storeError("", err)
	}
}

// failure says what an error in the work on a part means for the job.
func failure(stage string, err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		out := *known
		out.Stage = stage
		return &out
	}
	if e := lacking(err); e != nil {
		e.Stage, e.Err = stage, err
		return e
	}
	e := &Error{Stage: stage, Err: err, Message: redact.Text(err.Error())}
	var (
		data     *source.DataError
		writing  *pipeline.WriteError
		reading  *pipeline.ReadError
		panicked *pipeline.PanicError
	)
	switch {
	case errors.As(err, &data):
		e.Code, e.Hint = CodeBadData, "correct the data or the dataset's declaration, then run the export again"
	case errors.As(err, &writing):
		return e.destination(writing.Err)
	case errors.As(err, &panicked):
		e.Code, e.Retryable = CodeInternal, true
		e.Message = "a panic in the source or the format"
		e.Hint = "see the log of the worker"
	case errors.Is(err, source.ErrUnknownDataset), errors.Is(err, source.ErrUnsupported):
		e.Code, e.Hint = CodeSourceError, "the catalog has changed since the export was planned; ask again"
	case errors.As(err, &reading) && errors.Is(err, context.DeadlineExceeded):
		e.Code, e.Retryable, e.Hint = CodeSourceTimeout, true, "try again, or choose a narrower range"
	case errors.As(err, &reading):
		e.Code, e.Retryable, e.Hint = CodeSourceError, true, "try again; if it stays, look at the source"
	default:
		e.Code, e.Retryable = CodeInternal, true
	}
	return e
}

// lacking says what it means that data are missing, damaged or too many, or
// returns nil.
func lacking(err error) *Error {
	var (
		damaged *manifest.Error
		short   *segment.CountError
		large   *plan.TooLargeError
		sums    *seal.TotalError
	)
	switch {
	case errors.As(err, &damaged):
		e := &Error{
			Code: CodeVerificationFailed, Message: "the stored files are not what was written",
			Hint: "run the export again; if it stays, look at the destination",
		}
		for _, p := range damaged.Problems {
			e.Problems = append(e.Problems, Problem{Code: e.Code, Field: p.Key, Message: p.Message})
		}
		return e
	case errors.As(err, &short):
		return &Error{
			Code: CodeVerificationFailed, Retryable: true, Message: short.Error(),
			Hint: "the source or its driver stops early; run it again, and look there if it stays",
		}
	case errors.As(err, &sums):
		return &Error{Code: CodeVerificationFailed, Message: sums.Message, Hint: sums.Hint}
	case errors.As(err, &large):
		e := &Error{Code: CodeRangeTooLarge, Message: large.Message, Hint: "choose fewer datasets, a longer interval or a shorter range"}
		if !large.Fits.IsZero() {
			e.Hint = fitHint(large.From, large.Fits)
		}
		return e
	}
	return nil
}

// destination fills in what an error of the sink means.
func (e *Error) destination(err error) *Error {
	e.Err, e.Message = err, redact.Text(err.Error())
	switch {
	case errors.Is(err, sink.ErrDenied):
		e.Code, e.Hint = CodeDestinationDenied, "give the credentials write, read, list and delete permission, then run it again"
	case errors.Is(err, sink.ErrFull):
		e.Code, e.Retryable, e.Hint = CodeDestinationFull, true, "make room at the destination, then run it again"
	case errors.Is(err, sink.ErrKey):
		e.Code, e.Hint = CodeInternal, "look at the key template"
	default:
		e.Code, e.Retryable, e.Hint = CodeDestinationUnreachable, true, "try again; if it stays, look at the destination"
	}
	return e
}
