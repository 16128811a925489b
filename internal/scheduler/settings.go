// Package scheduler turns schedules into jobs: it plans their ticks, takes those that
// are due, records how their jobs have ended, and says what of the results is kept.
//
// It keeps nothing in memory. Every host may run one; the store decides who takes a tick.
package scheduler

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/exportyard/exportyard/internal/calendar"
	"github.com/exportyard/exportyard/internal/cron"
	"github.com/exportyard/exportyard/internal/retention"
	"github.com/exportyard/exportyard/queue"
)

// settingsVersion is the form of Settings as a payload.
const settingsVersion = 1

// Settings say when a schedule runs, what it asks for, and how long that is kept.
// What a schedule leaves empty, the one of the platform that it follows says.
type Settings struct {
	// Timing is one of the presets of package cron, or an expression. Default: cron.Disabled.
	Timing string `json:"timing,omitempty"`
	// Zone is the IANA zone of Timing, of Range and of retention. Default: UTC.
	Zone string `json:"zone,omitempty"`
	// Spread is the window after each tick over which tenants are spread. Default: 0,
	// none; negative: none, whatever the platform says.
	Spread time.Duration `json:"spread,omitempty"`
	// Range of a run's rows. Default: calendar.Everything.
	Range calendar.Relative `json:"range,omitempty"`
	// Retention of the results. Default: nil, they are kept as other exports are.
	Retention *Retention `json:"retention,omitempty"`
	// Request is what the engine is asked for, without a range.
	Request json.RawMessage `json:"request,omitempty"`
}

// Retention is what of a [retention.Policy] a schedule sets. Files is a clock that every
// file has from its end on, also the newest; counts never take the newest.
type Retention struct {
	Files   time.Duration `json:"files,omitempty"`
	Daily   int           `json:"daily,omitempty"`
	Weekly  int           `json:"weekly,omitempty"`
	Monthly int           `json:"monthly,omitempty"`
}

// Payload returns the settings as a store keeps them.
func (s Settings) Payload() (queue.Payload, error) {
	data, err := json.Marshal(s)
	if err != nil {
		return queue.Payload{}, fmt.Errorf("scheduler: write settings: %w", err)
	}
	return queue.Payload{Version: settingsVersion, Data: data}, nil
}

// Read returns the settings in a payload. Those that newer code wrote are refused.
func Read(p queue.Payload) (Settings, error) {
	var s Settings
	if len(p.Data) == 0 {
		return s, nil
	}
	if p.Version > settingsVersion {
		return s, fmt.Errorf("scheduler: settings of version %d, this code knows %d", p.Version, settingsVersion)
	}
	if err := json.Unmarshal(p.Data, &s); err != nil {
		return Settings{}, fmt.Errorf("scheduler: read settings: %w", err)
	}
	return s, nil
}

// Over returns the settings that result where others fill in what these leave empty.
func (s Settings) Over(others Settings) Settings {
	s.Timing = cmp.Or(s.Timing, others.Timing)
	s.Zone = cmp.Or(s.Zone, others.Zone)
	s.Spread = cmp.Or(s.Spread, others.Spread)
	s.Range = cmp.Or(s.Range, others.Range)
	if s.Retention == nil {
		s.Retention = others.Retention
	}
	if len(s.Request) == 0 {
		s.Request = others.Request
	}
	return s
}

// A Problem is what is wrong with one of the settings.
type Problem struct {
	Field   string // as in JSON
	Message string
}

// Problems returns all that is wrong with the settings.
func (s Settings) Problems() []Problem {
	var all []Problem
	add := func(field, message string) { all = append(all, Problem{Field: field, Message: message}) }
	if _, err := cron.Parse(cron.Disabled, s.Zone); err != nil {
		add("zone", err.Error())
	}
	if _, err := cron.Parse(cmp.Or(s.Timing, cron.Disabled), ""); err != nil {
		add("timing", err.Error())
	}
	if !s.Range.Valid() {
		add("range", fmt.Sprintf("%q is not a range", s.Range))
	}
	if s.Spread > 24*time.Hour {
		add("spread", "a window of more than 24 hours is no window")
	}
	if r := s.Retention; r != nil && (r.Files < 0 || r.Daily < 0 || r.Weekly < 0 || r.Monthly < 0) {
		add("retention", "has a negative time or count")
	}
	return all
}

// Check returns the problems as one error.
func (s Settings) Check() error {
	var errs []error
	for _, p := range s.Problems() {
		errs = append(errs, errors.New(p.Message))
	}
	return errors.Join(errs...)
}

func (s Settings) timetable() (cron.Timetable, error) {
	return cron.Parse(cmp.Or(s.Timing, cron.Disabled), s.Zone)
}

// RangeAt returns the range of the rows of a run with that nominal time; zero bounds
// for none.
func (s Settings) RangeAt(nominal time.Time) (from, to time.Time, err error) {
	table, err := s.timetable()
	if err != nil {
		return time.Time{}, time.Time{}, err
	}
	from, to = s.Range.Resolve(nominal, table.Location())
	return from, to, nil
}

// policy returns the rules by which results are kept; false when there are none.
func (s Settings) policy() (retention.Policy, bool) {
	if s.Retention == nil {
		return retention.Policy{}, false
	}
	zone := time.UTC
	if table, err := s.timetable(); err == nil {
		zone = table.Location()
	}
	r := *s.Retention
	return retention.Policy{Files: r.Files, ExpireNewest: true, Daily: r.Daily, Weekly: r.Weekly, Monthly: r.Monthly, Zone: zone}, true
}

// plan returns the first tick of a tenant's schedule after a moment, and when it is
// due; both zero when there is none.
func (s Settings) plan(tenant, id string, after time.Time) (tick, due time.Time, err error) {
	table, err := s.timetable()
	if err != nil {
		return time.Time{}, time.Time{}, err
	}
	tick, ok := table.Next(after)
	if !ok {
		return time.Time{}, time.Time{}, nil
	}
	return tick, table.Spread(tick, s.Spread, tenant, id), nil
}

// seekFrom returns the moment after which a schedule's next tick is looked for: now, or
// its last tick where a clock was set back.
func seekFrom(s queue.Schedule) time.Time {
	if past := s.PastTick(s.Now); past.After(s.Now) {
		return past
	}
	return s.Now
}
