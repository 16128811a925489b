//go:build !race

package parquetfmt_test

const raceDetector = false
