package observe

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/exportyard/exportyard/queue"
)

// Log returns an observer that writes events to a logger: what people asked for at
// level Info, single parts and idle sweeps at Debug, what is to be tried again at Warn,
// and what is over with a failure at Error.
func Log(log *slog.Logger) Observer { return &logging{log} }

type logging struct{ log *slog.Logger }

func (l *logging) Begin(ctx context.Context, _ Operation) context.Context { return ctx }

func (l *logging) Observe(ctx context.Context, e Event) {
	level, message, attrs := line(e)
	if message == "" || !l.log.Enabled(ctx, level) {
		return
	}
	l.log.LogAttrs(ctx, level, message, attrs()...)
}

// line says how an event is written; without a message it is not. The attributes are
// made only when they are wanted.
func line(e Event) (slog.Level, string, func() []slog.Attr) {
	switch e := e.(type) {
	case JobRequested:
		return slog.LevelInfo, "export requested", func() []slog.Attr { return e.attrs(optional("retry_of", e.RetryOf)...) }
	case JobRefused:
		return slog.LevelInfo, "export refused", func() []slog.Attr { return e.attrs(slog.String("code", e.Code)) }
	case JobStarted:
		return slog.LevelInfo, "export started", func() []slog.Attr {
			return e.attrs(slog.Duration("waited", e.Waited), slog.Int("parts", e.Parts), slog.Int64("rows_planned", e.RowsPlanned))
		}
	case JobEnded:
		return e.level(), "export " + string(e.State), e.detail
	case JobExpired:
		return slog.LevelInfo, "export expired", func() []slog.Attr { return e.attrs() }
	case Downloaded:
		return slog.LevelInfo, "export downloaded", func() []slog.Attr {
			return e.attrs(slog.Int("file", e.File), slog.Int64("bytes", e.Bytes))
		}
	case PartEnded:
		return e.level(), "part " + string(e.Outcome), e.detail
	case LeaseLost:
		return slog.LevelWarn, "lease lost", func() []slog.Attr {
			return e.attrs(slog.Int("part", e.Number), slog.String("part_kind", string(e.PartKind)),
				slog.Int64("fence", e.Fence), slog.Duration("late", e.Late))
		}
	case SweepEnded:
		return e.level(), "sweep ended", e.detail
	case DeliveryEnded:
		return e.level(), "message " + string(e.Outcome), func() []slog.Attr {
			return e.attrs(slog.Duration("age", e.Age), slog.Duration("duration", e.Duration))
		}
	case MessageGivenUp:
		return slog.LevelError, "message given up", func() []slog.Attr { return e.attrs(slog.Duration("age", e.Age)) }
	default:
		return slog.LevelDebug, "", nil
	}
}

func (j Job) attrs(more ...slog.Attr) []slog.Attr {
	attrs := []slog.Attr{slog.String("tenant", j.Tenant)}
	attrs = append(attrs, optional("job", j.ID)...)
	attrs = append(attrs, slog.String("kind", j.Kind))
	return append(attrs, more...)
}

// optional is an attribute, or none for the empty string.
func optional(key, value string) []slog.Attr {
	if value == "" {
		return nil
	}
	return []slog.Attr{slog.String(key, value)}
}

func (e JobEnded) level() slog.Level {
	if e.State == queue.Failed {
		return slog.LevelError
	}
	return slog.LevelInfo
}

func (e JobEnded) detail() []slog.Attr {
	attrs := e.attrs(slog.Int64("rows", e.Rows), slog.Int64("bytes", e.Bytes), slog.Duration("duration", e.Duration))
	return append(attrs, optional("code", e.Code)...)
}

func (e PartEnded) level() slog.Level {
	switch e.Outcome {
	case Retried, Refused, Lost:
		return slog.LevelWarn
	case Crashed:
		return slog.LevelError
	default:
		return slog.LevelDebug
	}
}

func (e PartEnded) detail() []slog.Attr {
	attrs := e.attrs(
		slog.Int("part", e.Number), slog.String("part_kind", string(e.PartKind)), slog.Int64("fence", e.Fence), slog.Int("attempt", e.Attempt),
		slog.Int64("rows", e.Rows), slog.Int64("bytes", e.Bytes), slog.Duration("duration", e.Duration),
	)
	return append(append(attrs, optional("code", e.Code)...), cause(e.Err)...)
}

// cause is an attribute, or none for nil.
func cause(err error) []slog.Attr {
	if err == nil {
		return nil
	}
	return []slog.Attr{slog.Any("err", err)}
}

func (e SweepEnded) level() slog.Level {
	switch {
	case e.Failed > 0:
		return slog.LevelWarn
	case e.Settled > 0:
		return slog.LevelInfo
	default:
		return slog.LevelDebug
	}
}

func (e SweepEnded) detail() []slog.Attr {
	attrs := []slog.Attr{slog.Int("settled", e.Settled), slog.Int("failed", e.Failed), slog.Duration("duration", e.Duration)}
	if e.Removed.Objects > 0 {
		attrs = append(attrs, slog.Int64("removed_bytes", e.Removed.Bytes))
	}
	if e.Stuck.Objects > 0 {
		attrs = append(attrs, slog.Int64("stuck_bytes", e.Stuck.Bytes))
	}
	return append(attrs, cause(e.Err)...)
}

func (e DeliveryEnded) level() slog.Level {
	if e.Outcome == Taken {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

func (d Delivery) attrs(more ...slog.Attr) []slog.Attr {
	attrs := append([]slog.Attr{slog.String("tenant", d.Tenant)}, optional("job", d.Job)...)
	attrs = append(attrs,
		slog.String("event", d.Event), slog.String("type", d.Type), slog.String("channel", d.Channel), slog.Int64("attempt", d.Attempt))
	return append(attrs, more...)
}

// typeOf names the type of what was thrown.
func typeOf(v any) string { return fmt.Sprintf("%T", v) }
