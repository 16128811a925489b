package parquetfmt

import (
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/exportyard/exportyard/format/parquetfmt/internal/chunk"
	"github.com/exportyard/exportyard/source"
)

// minShare is the number of cells from which it pays to wake another goroutine
// for them.
const minShare = 4096

// A crew works on the columns of a writer, each encoder in a goroutine of its
// own. Its goroutines do not outlive a call.
type crew struct {
	encoders []*chunk.Encoder
	columns  []int // in the order in which they are begun
	errs     []error
}

// order tells the crew the columns. Those whose cells have lengths of their own
// take the longest and come first.
func (c *crew) order(schema source.Schema) {
	for _, variable := range []bool{true, false} {
		for i, f := range schema {
			if f.Kind.Variable() == variable {
				c.columns = append(c.columns, i)
			}
		}
	}
	c.errs = make([]error, len(schema))
}

// each calls do once for each column, of which there are that many cells in all,
// and returns when all calls have. It returns the error of the first column in
// the schema that has one; a panic in any goroutine is one of the caller.
func (c *crew) each(cells int, do func(e *chunk.Encoder, column int) error) error {
	var next atomic.Int32
	work := func(e *chunk.Encoder) {
		for at := next.Add(1) - 1; int(at) < len(c.columns); at = next.Add(1) - 1 {
			i := c.columns[at]
			c.errs[i] = do(e, i)
		}
	}
	var others sync.WaitGroup
	var lost atomic.Pointer[panicked]
	for _, e := range c.encoders[1:max(1, min(len(c.encoders), cells/minShare))] {
		others.Go(func() {
			defer func() {
				if v := recover(); v != nil {
					lost.Store(&panicked{v, debug.Stack()})
				}
			}()
			work(e)
		})
	}
	func() {
		defer others.Wait() // also when the caller's own share panics
		work(c.encoders[0])
	}()
	if p := lost.Load(); p != nil {
		panic(p)
	}
	for _, err := range c.errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// A panicked is the value of a panic in another goroutine than the caller's.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) String() string { return fmt.Sprintf("%v\n\n%s", p.value, p.stack) }
