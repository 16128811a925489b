package sinktest

import "context"

// Violations checks every rule and returns the errors of those that are broken.
func Violations(ctx context.Context, newHarness func() Harness) map[string]error {
	broken := make(map[string]error)
	for _, r := range rules {
		if err := r.verify(ctx, newHarness()); err != nil {
			broken[r.name] = err
		}
	}
	return broken
}

// Violation checks one rule.
func Violation(ctx context.Context, name string, h Harness) error {
	for _, r := range rules {
		if r.name == name {
			return r.verify(ctx, h)
		}
	}
	panic("no rule " + name)
}

// RuleNames returns the names of all rules.
func RuleNames() []string {
	var names []string
	for _, r := range rules {
		names = append(names, r.name)
	}
	return names
}
