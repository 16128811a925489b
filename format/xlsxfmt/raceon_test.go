//go:build race

package xlsxfmt_test

// raceDetector says that the build has the race detector, which is many times
// slower.
const raceDetector = true
