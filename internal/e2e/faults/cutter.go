package faults

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
)

// A Cutter hands connections on to a Unix socket, and cuts them when it is told to.
type Cutter struct {
	listener net.Listener
	target   string
	ended    sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
}

// NewCutter listens on the Unix socket path for the one at target.
func NewCutter(path, target string) (*Cutter, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	c := &Cutter{listener: l, target: target, conns: make(map[net.Conn]bool)}
	c.ended.Go(c.accept)
	return c, nil
}

func (c *Cutter) accept() {
	for {
		near, err := c.listener.Accept()
		if err != nil {
			return // closed
		}
		far, err := new(net.Dialer).DialContext(context.Background(), "unix", c.target)
		if err != nil {
			_ = near.Close()
			continue
		}
		c.mu.Lock()
		c.conns[near], c.conns[far] = true, true
		c.mu.Unlock()
		c.ended.Go(func() { c.carry(near, far) })
		c.ended.Go(func() { c.carry(far, near) })
	}
}

// carry copies one direction, and ends both with it.
func (c *Cutter) carry(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_, _ = to.Close(), from.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.conns, to)
	delete(c.conns, from)
}

// Cut ends every connection that there is, in the middle of whatever it carries.
func (c *Cutter) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		_ = conn.Close()
	}
}

// Close ends all, and waits for it.
func (c *Cutter) Close() error {
	err := c.listener.Close()
	c.Cut()
	c.ended.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
