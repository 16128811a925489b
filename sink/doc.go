// Package sink is the contract between the engine and the places where files
// land. It is also the guide for whoever writes a sink.
//
// # What must hold
//
// An object is visible whole or not at all. Between [Sink.Create] and a
// successful [Writer.Commit] nobody who lists or opens sees anything under its
// key; when a source fails, a context is canceled, a process is killed or a disk
// is full, nobody ever does. Commit returns nil only when the bytes would
// survive a crash of the machine, as far as the store can promise it.
//
// # What the engine guarantees
//
// Keys pass [ValidKey], carry the fence of the attempt that writes them, and
// are never written twice. Each writer is used by one goroutine and is always
// ended by Commit or Abort. Several writers, readers and listings run at once.
//
// # What a sink owes
//
// Errors wrap [ErrNotFound], [ErrExists], [ErrKey], [ErrDenied] and [ErrFull]
// where that is the cause; everything else counts as passing trouble, and the
// engine tries again. Text of errors has neither credentials nor content in it.
// Abort works with a fresh context of its own where the store needs one: the
// writer's may be the very one whose cancellation led there.
//
// # Testing
//
// sinktest.Run holds the rules of this page as tests. An adapter's own test
// calls it with a harness that makes an empty sink.
package sink
