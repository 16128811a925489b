//go:build race

package parquetfmt_test

// raceDetector says that the build has the race detector, which is ten times
// slower and makes pools forget much of what they are given.
const raceDetector = true
