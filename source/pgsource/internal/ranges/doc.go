// Package ranges reads the ranges of a table over several connections at once and
// hands out their rows in the order of the ranges, as one connection would.
package ranges
