package row

import (
	"slices"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/operator"
)

// Waits reports whether one of the parts waits for a worker.
func (r *Job) Waits() bool {
	return slices.ContainsFunc(r.Parts, func(p queue.Part) bool { return operator.Waits(r.Job, p) })
}

// Suspect reports whether one of the parts is next claimed alone.
func (r *Job) Suspect() bool {
	return slices.ContainsFunc(r.Parts, func(p queue.Part) bool { return p.State == queue.Ready && p.Suspect })
}
