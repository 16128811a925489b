package task

import (
	"github.com/exportyard/exportyard/internal/bench/internal/encode"
)

// passes is how often an encoder writes its rows.
const passes = 5

// encode runs an encoder alone over rows in memory.
func (t Task) encode() (r Result, err error) {
	encoder := encode.Ours
	if t.Kind == NaiveEncoder {
		encoder = encode.Naive
	}
	write, err := encoder(t.Format, t.Rows, t.Seed)
	if err != nil {
		return r, err
	}
	var out encode.Counter
	from := t.here()
	for range passes {
		if err := write(&out); err != nil {
			return r, err
		}
	}
	r.fill(from, t.here())
	r.Rows, r.Bytes = int64(t.Rows)*passes, int64(out)
	return r, nil
}
