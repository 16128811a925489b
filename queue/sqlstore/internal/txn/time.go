package txn

import (
	"database/sql"
	"fmt"
	"time"
)

// Micros is a time as it is stored: null for the zero time.
func Micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// ScanTime returns what scans into t what [Micros] made.
func ScanTime(t *time.Time) sql.Scanner { return moment{t} }

type moment struct{ to *time.Time }

func (m moment) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*m.to = time.Time{}
	case int64:
		*m.to = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("a time is stored as %T", v)
	}
	return nil
}
