package chunk

import (
	"io"
	"sync"
)

// BlockSize is the unit in bytes in which encoded pages are kept. It is small
// because each of hundreds of columns leaves half of one unused.
const BlockSize = 16 << 10

// A Pool hands out blocks and takes them back, so that a writer uses the memory
// of one row group for all of them. It is safe for concurrent use.
type Pool struct {
	mu   sync.Mutex
	free [][]byte
	keep int
}

// NewPool returns a pool that keeps at most that many bytes for later.
func NewPool(keep int) *Pool { return &Pool{keep: keep / BlockSize} }

func (p *Pool) get() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		b := p.free[n-1]
		p.free = p.free[:n-1]
		return b
	}
	return make([]byte, 0, BlockSize)
}

func (p *Pool) put(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) < p.keep {
		p.free = append(p.free, b[:0])
	}
}

// A blockList is a byte string kept in blocks: it grows without copying.
type blockList struct {
	blocks [][]byte
	size   int
}

func (l *blockList) append(pool *Pool, data []byte) {
	l.size += len(data)
	for len(data) > 0 {
		last := len(l.blocks) - 1
		if last < 0 || len(l.blocks[last]) == BlockSize {
			l.blocks = append(l.blocks, pool.get())
			last++
		}
		b := l.blocks[last]
		n := min(BlockSize-len(b), len(data))
		l.blocks[last] = append(b, data[:n]...)
		data = data[n:]
	}
}

// write writes the bytes from one place to another to w.
func (l *blockList) write(w io.Writer, from, to int) error {
	for from < to {
		b := l.blocks[from/BlockSize]
		start := from % BlockSize
		end := min(len(b), start+to-from)
		if _, err := w.Write(b[start:end]); err != nil {
			return err
		}
		from += end - start
	}
	return nil
}

// free gives the blocks back.
func (l *blockList) free(pool *Pool) {
	for _, b := range l.blocks {
		pool.put(b)
	}
	clear(l.blocks)
	l.blocks, l.size = l.blocks[:0], 0
}
