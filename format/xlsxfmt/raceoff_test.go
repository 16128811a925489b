//go:build !race

package xlsxfmt_test

const raceDetector = false
