// Package memsink keeps objects in memory, for tests and for small exports that
// a program hands on at once.
//
// # What it does
//
// A [Sink] is a map from key to bytes. Beside the contract it can show what it
// holds ([Sink.Keys], [Sink.Bytes], [Sink.Unfinished]) and be damaged on purpose
// ([Sink.Put]), so that a test can prove that damage is found.
//
// # Types and limits
//
// Objects live as long as the Sink. [Options.Limit] bounds their bytes
// together with those of unfinished writers.
//
// # Atomicity
//
// A writer collects its bytes apart. Commit moves them into the map under one
// lock, so an object is there whole or not at all, and of several writers of
// one key exactly one wins. Nothing survives the process.
//
// # Errors
//
// [sink.ErrNotFound], [sink.ErrExists] and [sink.ErrKey] as the contract
// says, [sink.ErrFull] at the limit, and the context's own error once it is done.
//
// # Options
//
// [Options] sets the limit and the clock. nil means no limit and the system's.
package memsink
