package chunk

import "io"

// BlockSize is the unit in bytes in which encoded pages are kept. It is small
// because each of hundreds of columns leaves half of one unused.
const BlockSize = 16 << 10

// A blockPool hands out blocks and takes them back, so that a writer uses the
// memory of one row group for all of them.
type blockPool struct {
	free [][]byte
	keep int // blocks kept at most
}

func (p *blockPool) get() []byte {
	if n := len(p.free); n > 0 {
		b := p.free[n-1]
		p.free = p.free[:n-1]
		return b
	}
	return make([]byte, 0, BlockSize)
}

func (p *blockPool) put(b []byte) {
	if len(p.free) < p.keep {
		p.free = append(p.free, b[:0])
	}
}

// A blockList is a byte string kept in blocks: it grows without copying.
type blockList struct {
	blocks [][]byte
	size   int
}

func (l *blockList) append(pool *blockPool, data []byte) {
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

// drain writes the string to w and gives the blocks back.
func (l *blockList) drain(pool *blockPool, w io.Writer) error {
	var err error
	for _, b := range l.blocks {
		if err == nil {
			_, err = w.Write(b)
		}
		pool.put(b)
	}
	clear(l.blocks)
	l.blocks, l.size = l.blocks[:0], 0
	return err
}
