// Package group lets callers who want the same kind of thing at the same time have it
// done in one go. While one go is under way, those who come wait; then one of them does
// the next, for all who came. Nobody waits for others to come.
package group

import (
	"context"
	"slices"
	"sync"
)

// A Group answers questions Q with answers A. It starts no goroutine.
type Group[Q, A any] struct {
	// Most is how many questions are answered in one go at most.
	Most int
	// Answer answers questions, each by itself: an error of one is in its answer. An
	// error that it returns is one of the go as a whole.
	Answer func(ctx context.Context, questions []Q) ([]A, error)
	// Final reports an error of a go after which no question may be asked again.
	Final func(error) bool

	mu      sync.Mutex
	going   bool
	waiting []*call[Q, A]
}

// A call is one caller's question.
type call[Q, A any] struct {
	question Q
	told     chan news[A] // with room for both that are ever sent: to lead, and the answer
}

// news is what a waiting caller is told: that it does the next go, the answer, or that
// the go failed and it is to ask alone.
type news[A any] struct {
	lead, alone bool
	answer      A
	err         error
}

// Do returns the answer to a question. When its context is over it does not wait for
// the end of a go that somebody else does.
func (g *Group[Q, A]) Do(ctx context.Context, question Q) (A, error) {
	var none A
	if err := ctx.Err(); err != nil {
		return none, err
	}
	c := &call[Q, A]{question: question, told: make(chan news[A], 2)}
	g.mu.Lock()
	g.waiting = append(g.waiting, c)
	if !g.going {
		g.going = true
		c.told <- news[A]{lead: true}
	}
	g.mu.Unlock()
	n, ok := g.wait(ctx, c)
	if ok && n.lead {
		g.lead(ctx, c)
		n = <-c.told
	}
	switch {
	case !ok:
		return none, ctx.Err()
	case n.alone:
		return g.alone(ctx, question)
	default:
		return n.answer, n.err
	}
}

// wait returns what a caller is told, or false when its context is over before.
func (g *Group[Q, A]) wait(ctx context.Context, c *call[Q, A]) (news[A], bool) {
	select {
	case n := <-c.told:
		return n, true
	case <-ctx.Done():
	}
	g.mu.Lock()
	g.waiting = slices.DeleteFunc(g.waiting, func(other *call[Q, A]) bool { return other == c })
	g.mu.Unlock()
	select {
	case n := <-c.told:
		if !n.lead {
			return n, true
		}
		g.next()
	default:
	}
	return news[A]{}, false
}

func (g *Group[Q, A]) alone(ctx context.Context, question Q) (A, error) {
	var none A
	if err := ctx.Err(); err != nil {
		return none, err
	}
	answers, err := g.Answer(ctx, []Q{question})
	if err != nil {
		return none, err
	}
	return answers[0], nil
}

// lead does a go for all who wait and tells them.
func (g *Group[Q, A]) lead(ctx context.Context, leader *call[Q, A]) {
	g.mu.Lock()
	others := slices.DeleteFunc(slices.Clone(g.waiting), func(c *call[Q, A]) bool { return c == leader })
	others = others[:min(len(others), g.Most-1)]
	calls := append([]*call[Q, A]{leader}, others...)
	g.waiting = slices.DeleteFunc(g.waiting, func(c *call[Q, A]) bool { return slices.Contains(calls, c) })
	g.mu.Unlock()

	tell := func(int) news[A] { return news[A]{alone: true} } // also when Answer panics
	defer func() {
		for i, c := range calls {
			c.told <- tell(i)
		}
		g.next()
	}()
	questions := make([]Q, len(calls))
	for i, c := range calls {
		questions[i] = c.question
	}
	answers, err := g.Answer(ctx, questions)
	switch {
	case err == nil:
		tell = func(i int) news[A] { return news[A]{answer: answers[i]} }
	case len(calls) == 1 || g.Final(err):
		tell = func(int) news[A] { return news[A]{err: err} }
	}
}

// next lets the longest waiting caller do the next go.
func (g *Group[Q, A]) next() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.going = len(g.waiting) > 0
	if g.going {
		g.waiting[0].told <- news[A]{lead: true}
	}
}
