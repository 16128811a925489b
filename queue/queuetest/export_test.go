package queuetest

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
