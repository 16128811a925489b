// Package cron says when a schedule runs: at which instants the clock on a wall
// somewhere shows a time that an expression of five fields asks for.
//
// The expression is walked over what the clock shows, and each reading is then
// looked up as an instant: one that does not exist, because the clock was set
// forward over it, stands for the first instant after it; one that comes twice
// stands for its first time. So nothing is left out and nothing is done twice,
// whatever a zone does to its clocks. Readings that come to stand for the same
// instant are one tick.
package cron

import (
	"errors"
	"fmt"
	"strings"
	"time"

	parser "github.com/netresearch/go-cron"
)

// The presets: times that go by a name.
const (
	Daily2    = "daily-02:00"
	Daily3    = "daily-03:00"
	HalfDaily = "every-12-hours" // at midnight and at noon
	Sunday2   = "sunday-02:00"
	Disabled  = "disabled" // never
)

var presets = map[string]string{
	Daily2:    "0 2 * * *",
	Daily3:    "0 3 * * *",
	HalfDaily: "0 0,12 * * *",
	Sunday2:   "0 2 * * 0",
}

// A Timetable is the set of a schedule's ticks. The zero value has none. Make it
// with [Parse].
type Timetable struct {
	minute, hour, day, month, weekday uint64 // a bit for each value
	// both says that a day must be right by its number and by its weekday; else
	// either will do.
	both bool
	zone *time.Location
}

// Parse reads a preset, or an expression of five fields: minute, hour, day of the
// month, month, day of the week. Fields know *, lists, ranges, steps, and the
// names of months and days in English. When both the day of the month and that of the
// week are restricted, a day that meets either is meant, as in crontab; a field that
// begins with * does not count as restricted. The zone is a name of the IANA's, empty
// for UTC; it has no place in the expression. An expression that no day ever meets is
// refused.
func Parse(expression, zone string) (Timetable, error) {
	loc, err := location(zone)
	if err != nil {
		return Timetable{}, err
	}
	if expression == Disabled {
		return Timetable{zone: loc}, nil
	}
	if preset, ok := presets[expression]; ok {
		expression = preset
	}
	t, err := parse(expression)
	if err != nil {
		return Timetable{}, fmt.Errorf("cron expression %q: %w", shortened(expression), err)
	}
	t.zone = loc
	return t, nil
}

// location loads a zone. Local is the zone of whatever host looks, so it is none.
func location(zone string) (*time.Location, error) {
	if strings.EqualFold(zone, "local") {
		return nil, errors.New("the zone of the host is not a time zone: name one, such as Europe/Berlin")
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("unknown time zone %q", shortened(zone))
	}
	return loc, nil
}

// shortened keeps texts from outside out of errors when they are absurdly long.
func shortened(text string) string {
	const most = 100
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}

func parse(expression string) (Timetable, error) {
	if strings.Contains(expression, "TZ=") {
		return Timetable{}, errors.New("the zone is a setting of its own, not a part of the expression")
	}
	fields := strings.Fields(expression)
	if len(fields) != 5 {
		return Timetable{}, fmt.Errorf("it has %d fields, want 5: minute, hour, day of the month, month, day of the week", len(fields))
	}
	for _, field := range fields {
		// What the parser would let pass: an empty item of a list, signs, and the
		// marks of other dialects.
		if strings.Trim(field, "0123456789*,-/ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") != "" {
			return Timetable{}, fmt.Errorf("field %q has a character that has no meaning here", field)
		}
		for item := range strings.SplitSeq(field, ",") {
			if item == "" {
				return Timetable{}, fmt.Errorf("field %q has an empty item", field)
			}
		}
	}
	five, err := parser.TryNewParser(parser.Minute | parser.Hour | parser.Dom | parser.Month | parser.Dow)
	if err != nil {
		return Timetable{}, err
	}
	parsed, err := five.Parse(strings.Join(fields, " "))
	if err != nil {
		return Timetable{}, err
	}
	spec, ok := parsed.(*parser.SpecSchedule)
	if !ok {
		return Timetable{}, errors.New("it is not an expression of five fields")
	}
	t := Timetable{
		minute: spec.Minute, hour: spec.Hour, day: spec.Dom, month: spec.Month, weekday: spec.Dow,
		both: strings.HasPrefix(fields[2], "*") || strings.HasPrefix(fields[4], "*"),
	}
	if _, ok := t.next(time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)); !ok {
		return Timetable{}, errors.New("no day of any year meets it")
	}
	return t, nil
}
