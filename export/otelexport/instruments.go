package otelexport

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/metric"
)

// instruments are described in the package's table.
type instruments struct {
	requests, expired, downloads, downloadIO metric.Int64Counter
	wait, duration                           metric.Float64Histogram

	partActive       metric.Int64UpDownCounter
	partDuration     metric.Float64Histogram
	partRows, partIO metric.Int64Counter

	leaseLost                           metric.Int64Counter
	sweepDuration                       metric.Float64Histogram
	sweepSettled, sweepFailed           metric.Int64Counter
	sweepLast                           metric.Float64Gauge
	expiredLease, pendingAge, outboxAge metric.Float64Gauge
	orphanRemoved                       metric.Int64Counter
	jobs, ready, leased, orphanStuck    metric.Int64Gauge
	deliveryDuration                    metric.Float64Histogram
	givenUp                             metric.Int64Counter
}

// The buckets of durations, in seconds: exports take from a second to two days, parts
// and sweeps from milliseconds to hours.
var (
	longBuckets  = []float64{1, 5, 15, 30, 60, 300, 900, 1800, 3600, 7200, 21600, 43200, 86400, 172800}
	shortBuckets = []float64{0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600}
)

func newInstruments(meter metric.Meter) (*instruments, error) {
	m := maker{meter: meter}
	made := &instruments{
		requests:   m.counter("exportyard.export.requests", "{request}", "Requests for exports"),
		wait:       m.histogram("exportyard.export.wait", longBuckets, "Time from the request until a worker took the first part"),
		duration:   m.histogram("exportyard.export.duration", longBuckets, "Time from the request until the export's end"),
		expired:    m.counter("exportyard.export.expired", "{export}", "Exports whose files were removed"),
		downloads:  m.counter("exportyard.export.downloads", "{download}", "Files handed out"),
		downloadIO: m.counter("exportyard.download.io", "By", "Bytes that downloads asked for"),

		partActive:   m.upDown("exportyard.part.active", "{part}", "Parts in work in this process"),
		partDuration: m.histogram("exportyard.part.duration", shortBuckets, "Time of an attempt at a part"),
		partRows:     m.counter("exportyard.part.rows", "{row}", "Rows written by attempts at parts"),
		partIO:       m.counter("exportyard.part.io", "By", "Bytes written by attempts at parts"),

		leaseLost:     m.counter("exportyard.lease.lost", "{lease}", "Parts taken back from workers that went silent"),
		sweepDuration: m.histogram("exportyard.sweep.duration", shortBuckets, "Time of a sweep"),
		sweepSettled:  m.counter("exportyard.sweep.settled", "{item}", "Due things that sweeps did"),
		sweepFailed:   m.counter("exportyard.sweep.failed", "{item}", "Due things that have to be tried again"),
		sweepLast:     m.seconds("exportyard.sweep.last", "Unix time of the last sweep without a failure"),
		expiredLease:  m.seconds("exportyard.lease.expired.age", "How long the oldest expired lease has been over"),
		pendingAge:    m.seconds("exportyard.export.pending.age", "Age of the oldest export that nobody has planned"),
		outboxAge:     m.seconds("exportyard.outbox.age", "Age of the oldest event that is not delivered"),
		jobs:          m.number("exportyard.store.exports", "{export}", "Active exports in the store"),
		ready:         m.number("exportyard.store.parts.ready", "{part}", "Parts in the store that wait"),
		leased:        m.number("exportyard.store.parts.leased", "{part}", "Parts in the store that are in work, on any host"),
		orphanRemoved: m.counter("exportyard.orphan.removed", "By", "Bytes that no manifest named, swept away"),
		orphanStuck:   m.number("exportyard.orphan.stuck", "By", "Bytes that no manifest names and that could not be removed"),

		deliveryDuration: m.histogram("exportyard.delivery.duration", shortBuckets, "Time in which a channel took a message or did not"),
		givenUp:          m.counter("exportyard.delivery.given_up", "{message}", "Messages that a channel will never have"),
	}
	if err := errors.Join(m.errs...); err != nil {
		return nil, fmt.Errorf("otelexport: make instruments: %w", err)
	}
	return made, nil
}

// A maker makes instruments and collects the errors.
type maker struct {
	meter metric.Meter
	errs  []error
}

func (m *maker) check(err error) {
	if err != nil {
		m.errs = append(m.errs, err)
	}
}

func (m *maker) counter(name, unit, what string) metric.Int64Counter {
	c, err := m.meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(what))
	m.check(err)
	return c
}

func (m *maker) upDown(name, unit, what string) metric.Int64UpDownCounter {
	c, err := m.meter.Int64UpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(what))
	m.check(err)
	return c
}

func (m *maker) histogram(name string, buckets []float64, what string) metric.Float64Histogram {
	h, err := m.meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(what), metric.WithExplicitBucketBoundaries(buckets...))
	m.check(err)
	return h
}

func (m *maker) seconds(name, what string) metric.Float64Gauge {
	g, err := m.meter.Float64Gauge(name, metric.WithUnit("s"), metric.WithDescription(what))
	m.check(err)
	return g
}

func (m *maker) number(name, unit, what string) metric.Int64Gauge {
	g, err := m.meter.Int64Gauge(name, metric.WithUnit(unit), metric.WithDescription(what))
	m.check(err)
	return g
}
