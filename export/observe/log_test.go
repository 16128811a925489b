package observe_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export/observe"
	"github.com/exportyard/exportyard/queue"
)

var errGone = errors.New("gone")

func TestLog(t *testing.T) {
	t.Parallel()
	job := observe.Job{Tenant: "acme", ID: "j1", Kind: "export"}
	part := observe.Part{Job: job, Number: 3, PartKind: queue.RowsPart, Fence: 2, Attempt: 1}
	ended := func(o observe.Outcome, code string) observe.PartEnded {
		return observe.PartEnded{Part: part, Outcome: o, Code: code, Rows: 5, Bytes: 60, Duration: time.Second}
	}
	const partText = " tenant=acme job=j1 kind=export part=3 part_kind=rows fence=2 attempt=1 rows=5 bytes=60 duration=1s"
	delivery := observe.Delivery{Tenant: "acme", Job: "j1", Event: "e1", Type: "export.completed", Channel: "mail", Attempt: 2}
	tests := []struct {
		name  string
		event observe.Event
		want  string
	}{
		{"requested", observe.JobRequested{Job: job}, `level=INFO msg="export requested" tenant=acme job=j1 kind=export`},
		{"rerun", observe.JobRequested{Job: job, RetryOf: "j0"}, `level=INFO msg="export requested" tenant=acme job=j1 kind=export retry_of=j0`},
		{"refused", observe.JobRefused{Job: observe.Job{Tenant: "acme", Kind: "export"}, Code: "conflict"}, `level=INFO msg="export refused" tenant=acme kind=export code=conflict`},
		{"started", observe.JobStarted{Job: job, Waited: time.Second, Parts: 4, RowsPlanned: -1}, `level=INFO msg="export started" tenant=acme job=j1 kind=export waited=1s parts=4 rows_planned=-1`},
		{"completed", observe.JobEnded{Job: job, State: queue.Completed, Rows: 5, Bytes: 60, Duration: time.Minute}, `level=INFO msg="export completed" tenant=acme job=j1 kind=export rows=5 bytes=60 duration=1m0s`},
		{"failed", observe.JobEnded{Job: job, State: queue.Failed, Code: "bad_data"}, `level=ERROR msg="export failed" tenant=acme job=j1 kind=export rows=0 bytes=0 duration=0s code=bad_data`},
		{"canceled", observe.JobEnded{Job: job, State: queue.Canceled, Code: "canceled"}, `level=INFO msg="export canceled" tenant=acme job=j1 kind=export rows=0 bytes=0 duration=0s code=canceled`},
		{"expired", observe.JobExpired{Job: job}, `level=INFO msg="export expired" tenant=acme job=j1 kind=export`},
		{"downloaded", observe.Downloaded{Job: job, File: 1, Bytes: 9}, `level=INFO msg="export downloaded" tenant=acme job=j1 kind=export file=1 bytes=9`},
		{"sealed", ended(observe.Sealed, ""), `level=DEBUG msg="part sealed"` + partText},
		{"released", ended(observe.Released, ""), `level=DEBUG msg="part released"` + partText},
		{"dropped", ended(observe.Dropped, ""), `level=DEBUG msg="part dropped"` + partText},
		{"retried", ended(observe.Retried, "source_error"), `level=WARN msg="part retried"` + partText + " code=source_error"},
		{"refused part", ended(observe.Refused, "bad_data"), `level=WARN msg="part refused"` + partText + " code=bad_data"},
		{"lost", ended(observe.Lost, ""), `level=WARN msg="part lost"` + partText},
		{"with its cause", observe.PartEnded{Part: part, Outcome: observe.Lost, Rows: 5, Bytes: 60, Duration: time.Second, Err: errGone}, `level=WARN msg="part lost"` + partText + ` err=gone`},
		{"crashed", ended(observe.Crashed, ""), `level=ERROR msg="part crashed"` + partText},
		{"lease", observe.LeaseLost{Job: job, Number: 3, PartKind: queue.RowsPart, Fence: 2, Late: time.Second}, `level=WARN msg="lease lost" tenant=acme job=j1 kind=export part=3 part_kind=rows fence=2 late=1s`},
		{"idle sweep", observe.SweepEnded{Duration: time.Second}, `level=DEBUG msg="sweep ended" settled=0 failed=0 duration=1s`},
		{"sweep", observe.SweepEnded{Settled: 2, Removed: observe.Orphans{Objects: 1, Bytes: 7}}, `level=INFO msg="sweep ended" settled=2 failed=0 duration=0s removed_bytes=7`},
		{"failed sweep", observe.SweepEnded{Failed: 1, Err: errGone, Stuck: observe.Orphans{Objects: 1, Bytes: 8}}, `level=WARN msg="sweep ended" settled=0 failed=1 duration=0s stuck_bytes=8 err=gone`},
		{"taken", observe.DeliveryEnded{Delivery: delivery, Outcome: observe.Taken, Age: time.Minute}, `level=DEBUG msg="message taken" tenant=acme job=j1 event=e1 type=export.completed channel=mail attempt=2 age=1m0s duration=0s`},
		{"waiting", observe.DeliveryEnded{Delivery: delivery, Outcome: observe.Waiting}, `level=WARN msg="message waiting" tenant=acme job=j1 event=e1 type=export.completed channel=mail attempt=2 age=0s duration=0s`},
		{"rejected", observe.DeliveryEnded{Delivery: delivery, Outcome: observe.Rejected}, `level=WARN msg="message rejected" tenant=acme job=j1 event=e1 type=export.completed channel=mail attempt=2 age=0s duration=0s`},
		{"given up", observe.MessageGivenUp{Delivery: delivery, Age: time.Hour}, `level=ERROR msg="message given up" tenant=acme job=j1 event=e1 type=export.completed channel=mail attempt=2 age=1h0m0s`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want+"\n", logged(slog.LevelDebug, tt.event))
		})
	}
}

// What a logger does not want is not made.
func TestLogLevel(t *testing.T) {
	t.Parallel()
	require.Empty(t, logged(slog.LevelInfo, observe.SweepEnded{}))
	require.NotEmpty(t, logged(slog.LevelInfo, observe.JobExpired{}))
}

func logged(level slog.Level, e observe.Event) string {
	var out bytes.Buffer
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}
	observe.Log(slog.New(slog.NewTextHandler(&out, options))).Observe(context.Background(), e)
	return out.String()
}
