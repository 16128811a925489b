package filesink

// Files and File are the seam at which tests make the disk fail.
type (
	Files = files
	File  = file
)

// ReplaceFiles puts what replace makes of the sink's disk in its place.
func ReplaceFiles(s *Sink, replace func(Files) Files) { s.files = replace(s.files) }
