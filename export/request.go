package export

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/internal/calendar"
	"github.com/exportyard/exportyard/internal/formats"
	"github.com/exportyard/exportyard/internal/plan"
	"github.com/exportyard/exportyard/source"
)

// payloadVersion is the version of everything that this package stores as an
// opaque payload. A worker leaves a part with a newer version to newer workers.
const payloadVersion = 1

// A Layout says what goes into one file.
type Layout string

// The layouts. The empty Layout means Document for formats that can hold
// several datasets in one file, Files for all others.
const (
	// Files makes one file for each dataset and period.
	Files Layout = plan.Files
	// Document makes one file for each period, with every dataset in it.
	Document Layout = plan.Document
)

// An Interval says how a range is cut into files.
type Interval string

// The intervals. The empty Interval means None.
const (
	None  Interval = "none"
	Hour  Interval = "hour"
	Day   Interval = "day"
	Week  Interval = "week" // ISO: Monday to Sunday
	Month Interval = "month"
)

// The codecs, here for the convenience of those who write requests.
const (
	NoCompression = format.None
	Gzip          = format.Gzip
	Zstd          = format.Zstd
)

// A Request asks for an export.
type Request struct {
	// Tenant is whose data it is. Required.
	Tenant string `json:"tenant"`
	// Actor is who asks; it stands in the audit log.
	Actor string `json:"actor,omitempty"`
	// Kind tells products apart, "snapshot" and "archive": each has an active
	// slot of its own. Default: "export".
	Kind string `json:"kind,omitempty"`
	// Slot is the name of the active slot that the export takes within its
	// tenant. Default: Kind.
	Slot string `json:"slot,omitempty"`
	// IdempotencyKey makes repeated calls return the same job.
	IdempotencyKey string `json:"-"`

	// All takes every dataset that is on for the tenant, Areas every one of
	// those areas, Datasets the named ones. Exactly one of the three is set.
	All      bool        `json:"all,omitempty"`
	Areas    []string    `json:"areas,omitempty"`
	Datasets []Selection `json:"datasets,omitempty"`

	// From and To bound the rows' time, half-open. A zero bound is none; with
	// an Interval the data's own first or last time takes its place.
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	// Zone is the IANA zone whose days and months the Interval means. Default: "UTC".
	Zone     string   `json:"zone,omitempty"`
	Interval Interval `json:"interval,omitempty"`
	// SkipEmpty leaves out files without rows.
	SkipEmpty bool `json:"skip_empty,omitempty"`

	// Format is the name of one of Config.Formats, Profile tells those of one
	// name apart; the first that matches is taken.
	Format      string             `json:"format"`
	Profile     string             `json:"profile,omitempty"`
	Compression format.Compression `json:"compression,omitempty"`
	Layout      Layout             `json:"layout,omitempty"`
	// Destination names where to, among those that Config.Destination knows.
	Destination string `json:"destination,omitempty"`

	retryOf string
}

// A Selection picks a dataset, and what of it.
type Selection struct {
	// Name of the dataset.
	Name string `json:"name"`
	// Columns in output order. Default: every field that is neither secret
	// nor off by default, in the schema's order.
	Columns []string `json:"columns,omitempty"`
	// Filters must all hold for a row.
	Filters []source.Filter `json:"filters,omitempty"`
}

// withDefaults returns the request with its defaults filled in, so that equal
// requests are stored and fingerprinted alike.
func (r Request) withDefaults() Request {
	if r.Kind == "" {
		r.Kind = "export"
	}
	if r.Slot == "" {
		r.Slot = r.Kind
	}
	if r.Zone == "" {
		r.Zone = "UTC"
	}
	if r.Interval == "" {
		r.Interval = None
	}
	if !r.From.IsZero() {
		r.From = r.From.UTC().Truncate(time.Microsecond)
	}
	if !r.To.IsZero() {
		r.To = r.To.UTC().Truncate(time.Microsecond)
	}
	return r
}

// fingerprint tells equal requests apart from others with the same key. Who
// asks is part of it.
func (r Request) fingerprint() (string, error) {
	data, err := json.Marshal(r)
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), err
}

// zone loads the time zone, which the empty name and "Local" do not name.
func (r Request) zone() (*time.Location, error) {
	if r.Zone == "" || r.Zone == "UTC" {
		return time.UTC, nil
	}
	if r.Zone == "Local" {
		return nil, fmt.Errorf("export: %q depends on the machine", r.Zone)
	}
	return time.LoadLocation(r.Zone)
}

func (r Request) unit() calendar.Unit { return calendar.Unit(r.Interval) }

// bounded reports whether rows are restricted by time.
func (r Request) bounded() bool {
	return !r.From.IsZero() || !r.To.IsZero() || r.unit().Cuts()
}

// Summary says in one line what was asked for.
func (r Request) Summary() string {
	var parts []string
	switch {
	case r.All:
		parts = append(parts, "everything")
	case len(r.Areas) > 0:
		parts = append(parts, strings.Join(r.Areas, ", "))
	default:
		var names []string
		for _, s := range r.Datasets {
			names = append(names, s.Name)
		}
		parts = append(parts, strings.Join(names, ", "))
	}
	if r.bounded() {
		parts = append(parts, r.rangeSummary())
	}
	if r.unit().Cuts() {
		parts = append(parts, "one file per "+string(r.Interval))
	}
	name := r.Format
	if r.Profile != "" {
		name += " (" + r.Profile + ")"
	}
	if r.Compression != "" && r.Compression != format.None {
		name += ", " + string(r.Compression)
	}
	return strings.Join(append(parts, name), " · ")
}

func (r Request) rangeSummary() string {
	loc, err := r.zone()
	if err != nil {
		loc = time.UTC
	}
	return calendar.Text(r.From, r.To, loc) + " " + r.Zone
}

// problems collects everything that is wrong with a request.
type problems []Problem

func (p *problems) add(code Code, field, hint, message string, args ...any) {
	*p = append(*p, Problem{Code: code, Field: field, Message: fmt.Sprintf(message, args...), Hint: hint})
}

func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return &Error{Code: CodeUnprocessable, Message: "the request cannot be taken", Problems: p}
}

// check reports what is wrong with the request by itself, apart from the catalog.
func (r Request) check(e *Engine, p *problems) {
	if r.Tenant == "" {
		p.add(CodeRequired, "tenant", "say whose data to export", "is missing")
	}
	if _, err := r.zone(); err != nil {
		p.add(CodeUnknownZone, "zone", "use an IANA name such as Europe/Berlin, or UTC", "%q is not a time zone", r.Zone)
	}
	if !r.unit().Valid() {
		p.add(CodeUnknownInterval, "interval", "use none, hour, day, week or month", "%q is not an interval", r.Interval)
	}
	if !r.From.IsZero() && !r.To.IsZero() && !r.From.Before(r.To) {
		p.add(CodeBadRange, "to", "choose an end after the start", "is not after from")
	}
	for _, bound := range []struct {
		field string
		t     time.Time
	}{{"from", r.From}, {"to", r.To}} {
		if y := bound.t.Year(); y < 1 || y > 9999 {
			p.add(CodeBadRange, bound.field, "choose a year from 1 to 9999", "is out of range")
		}
	}
	if len(*p) == 0 {
		r.checkLength(e, p)
	}
	chosen := 0
	for _, set := range []bool{r.All, len(r.Areas) > 0, len(r.Datasets) > 0} {
		if set {
			chosen++
		}
	}
	switch {
	case chosen == 0:
		p.add(CodeEmptySelection, "datasets", "set all, or list areas or datasets", "nothing is selected")
	case chosen > 1:
		p.add(CodeExclusive, "datasets", "set only one of all, areas and datasets", "all, areas and datasets exclude each other")
	}
	r.checkFormat(e, p)
}

// checkLength refuses a range with more periods than an export may have parts.
func (r Request) checkLength(e *Engine, p *problems) {
	if !r.unit().Cuts() || r.From.IsZero() || r.To.IsZero() {
		return // the plan looks at the data's own bounds
	}
	loc, _ := r.zone() // was checked
	if _, ends, err := calendar.Cut(r.From, r.To, r.unit(), loc, e.config.MaxParts); err != nil {
		p.add(CodeRangeTooLarge, "to", fitHint(r.From.In(loc), ends.In(loc)), "%v", err)
	}
}

// fitHint says which range would fit.
func fitHint(from, to time.Time) string {
	return fmt.Sprintf("the range from %s until %s fits; or choose a longer interval", from.Format(time.RFC3339), to.Format(time.RFC3339))
}

func (r Request) checkFormat(e *Engine, p *problems) {
	f := formats.Set(e.config.Formats).Find(r.Format, r.Profile)
	if f == nil {
		p.add(CodeUnknownFormat, "format", "use one of "+strings.Join(formats.Set(e.config.Formats).Names(), ", "), "%q is not a format here", strings.TrimSuffix(r.Format+"/"+r.Profile, "/"))
	} else if _, _, err := formats.Encoding(f, r.Compression); err != nil {
		p.add(CodeBadCompression, "compression", "use none, gzip or zstd where the format allows it", "%v", err)
	}
	switch r.Layout {
	case "", Files:
	case Document:
		if f != nil && !format.HoldsDatasets(f) {
			p.add(CodeBadLayout, "layout", "use files, or a format such as json", "%s cannot hold several datasets in one file", r.Format)
		}
	default:
		p.add(CodeBadLayout, "layout", "use files or document", "%q is not a layout", r.Layout)
	}
}

// layout resolves the empty Layout.
func (r Request) layout(f format.Formatter) Layout {
	if r.Layout != "" {
		return r.Layout
	}
	if format.HoldsDatasets(f) {
		return Document
	}
	return Files
}
