//go:build race

package queue_test

const machineRuns = "100"
