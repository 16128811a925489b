// Package readback proves that the programs people have read our files back equal
// to the source. It holds the rows that are hard to keep, the engine that writes
// them, the readers (DuckDB, Python, LibreOffice, packages of Node.js), and the
// comparison cell by cell; the tests of every format put these together.
//
// Where a reader is not installed the test is skipped and says what to install;
// with CI=true in the environment it fails.
package readback
