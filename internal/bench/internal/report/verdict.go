package report

import (
	"fmt"

	"github.com/exportyard/exportyard/internal/bench/internal/contest"
)

// A Verdict is what came of one rule.
type Verdict struct {
	Output string `json:"output"`
	// Rule in words: "exportyard: at least 1.6x as fast as naive Go".
	Rule string `json:"rule"`
	// Figure is what was measured.
	Figure string `json:"figure"`
	// Must says whether the gate is met, Aim whether the aim is; nil for none.
	Must bool  `json:"must"`
	Aim  *bool `json:"aim,omitempty"`
	// AimRule is the aim in words, empty for none.
	AimRule string `json:"aim_rule,omitempty"`
}

// Verdicts holds every rule of the table against what was measured. What was not
// run is not judged.
func (t *Table) Verdicts() (all []Verdict) {
	o := t.Output
	for _, target := range o.Targets {
		if ratio, ok := t.Ratio(target.Ours, target.Peer); ok {
			v := t.verdict(fmt.Sprintf("%s: at least %s as fast as %s", target.Ours, times(target.Must), target.Peer), times(ratio), ratio >= target.Must)
			v.aim(times(target.Aim), target.Aim > 0, ratio >= target.Aim || t.faster(target))
			all = append(all, v)
		}
	}
	for _, size := range o.Sizes {
		a, okA := t.find(size.Ours)
		b, okB := t.find(size.Peer)
		if okA && okB && b.Bytes > 0 {
			ratio := a.Bytes / b.Bytes
			v := t.verdict(fmt.Sprintf("%s: at most %s the bytes of %s", size.Ours, times(size.Must), size.Peer), fmt.Sprintf("%.3fx", ratio), ratio <= size.Must)
			v.aim(times(size.Aim), size.Aim > 0, ratio <= size.Aim)
			all = append(all, v)
		}
	}
	for _, s := range t.Series {
		sum, ok := s.Summary()
		if !ok || s.Case.Group != contest.Ours {
			continue
		}
		if l := o.Memory; l.Must > 0 {
			v := t.verdict(fmt.Sprintf("%s: peak memory at most %g MB", s.Name, l.Must), fmt.Sprintf("%.1f MB", sum.Peak), sum.Peak <= l.Must)
			v.aim(fmt.Sprintf("%g MB", l.Aim), l.Aim > 0, sum.Peak <= l.Aim)
			all = append(all, v)
		}
		if l := o.Mallocs; l.Must > 0 && s.Case.FromServer() {
			v := t.verdict(fmt.Sprintf("%s: less than %g allocations a row", s.Name, l.Must), fmt.Sprintf("%.4f", sum.Mallocs), sum.Mallocs < l.Must)
			v.aim(fmt.Sprintf("%g", l.Aim), l.Aim > 0, sum.Mallocs < l.Aim)
			all = append(all, v)
		}
	}
	return all
}

// faster reports whether the same export over several connections reaches the aim,
// which the aims allow.
func (t *Table) faster(target contest.Target) bool {
	ratio, ok := t.Ratio(t.FirstInParallel(), target.Peer)
	return ok && target.Ours == t.First() && ratio >= target.Aim
}

func (t *Table) verdict(rule, figure string, must bool) Verdict {
	return Verdict{Output: t.Name, Rule: rule, Figure: figure, Must: must}
}

func (v *Verdict) aim(rule string, wanted, met bool) {
	if wanted {
		v.Aim, v.AimRule = &met, rule
	}
}

func times(x float64) string { return fmt.Sprintf("%.4gx", x) }

// Met is how a rule reads.
func Met(ok bool) string {
	if ok {
		return "met"
	}
	return "NOT MET"
}
