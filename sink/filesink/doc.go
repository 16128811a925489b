// Package filesink keeps objects as plain files in a folder.
//
// # What it does
//
// The key "acme/2024/orders.csv" is the file orders.csv in the folder acme/2024
// below the sink's own. Folders are made as they are needed and removed with
// their last object. While an object is being written its bytes are in a file
// beside its place whose name begins with a dot and ends in ".exportyard",
// which no valid key can name.
//
// # Types and limits
//
// Content type and filename are not kept. A key cannot be both an object and
// the folder of another; whoever comes second gets [sink.ErrExists]. On a file
// system that folds case, keys that differ only in case are one file, and the
// second is refused the same way. Every access goes through [os.Root]: no key
// and no symbolic link leads out of the folder. Symbolic links and other
// special files are never objects. List needs memory for the names of one folder
// and of those above it, not of the whole tree.
//
// # Atomicity
//
// Commit writes the file back to the disk, then links it to its final name,
// which the system refuses if that name is taken, then writes back the folder
// and those above it. So an object is there whole or not at all, of several
// writers of one key one wins, in whatever processes they run, and what Commit
// has confirmed survives a loss of power. A killed process leaves temporary
// files and perhaps empty folders; [Sink.Clean] removes them. Where the system
// has file locks it never takes the file of a live writer, elsewhere it goes by
// age and by what this Sink knows of its own writers.
//
// On a file system without hard links a claim file, made exclusively, guards a
// check and a rename instead. A process that dies between the two leaves its
// claim: the key counts as taken until Clean has removed it. On Windows folders
// cannot be written back; there NTFS decides how soon a new name is durable.
//
// # Errors
//
// [sink.ErrNotFound], [sink.ErrExists] and [sink.ErrKey] as the contract says;
// [sink.ErrFull] when the disk or a quota is full; [sink.ErrDenied] when the
// system refuses access. The system's own error is wrapped beside them.
//
// # Options
//
// [Options] sets the permissions of files and folders. nil means that only the
// user who runs the program reads them.
package filesink
