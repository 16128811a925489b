package queuetest

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// Reasons returns the sentence of each rule by its name.
func Reasons() map[string]string {
	reasons := map[string]string{}
	for _, r := range rules() {
		reasons[r.name] = r.reason
	}
	return reasons
}

// Check runs one rule and returns what it complains of.
func Check(t *testing.T, name string, h Harness) (complaints []string) {
	t.Helper()
	for _, r := range rules() {
		if r.name != name {
			continue
		}
		w := &witness{TB: t, ctx: t.Context()}
		done := make(chan struct{})
		go func() { // a rule ends by Goexit when it fails
			defer close(done)
			r.check(newSite(w, h))
		}()
		<-done
		return w.complaints
	}
	t.Fatalf("there is no rule %q", name)
	return nil
}

// A witness notes failures instead of failing.
type witness struct {
	testing.TB
	ctx context.Context

	mu         sync.Mutex
	complaints []string
}

func (w *witness) Context() context.Context { return w.ctx }

func (w *witness) Errorf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.complaints = append(w.complaints, fmt.Sprintf(format, args...))
}

func (w *witness) Fatalf(format string, args ...any) {
	w.Errorf(format, args...)
	runtime.Goexit()
}

func (w *witness) Skipf(string, ...any) { runtime.Goexit() }

// ScheduleRules returns the names of the rules for schedules.
func ScheduleRules() []string {
	var names []string
	for _, r := range scheduleRules() {
		names = append(names, r.name)
	}
	return names
}

// ChainRules returns the names of the rules for chains.
func ChainRules() []string {
	var names []string
	for _, r := range chainRules {
		names = append(names, r.name)
	}
	return names
}

// FeedRules returns the names of the rules for feeds.
func FeedRules() []string {
	var names []string
	for _, r := range feedRules {
		names = append(names, r.name)
	}
	return names
}
