package manifest

import "strings"

// An Error says which stored objects are not what was written.
type Error struct {
	// Problems has one entry for each bad object.
	Problems []Problem
	// Err is the sink's own word, such as [sink.ErrNotFound] for an object that
	// is missing; nil when the bytes themselves are wrong.
	Err error
}

// A Problem is what is wrong with one object or folder.
type Problem struct {
	Key     string
	Message string
}

// Error names every bad object.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("manifest: the stored files are not what was written")
	for i, p := range e.Problems {
		b.WriteString(map[bool]string{true: ": ", false: "; "}[i == 0])
		b.WriteString(p.Key + ": " + p.Message)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func corrupt(key, message string) *Error {
	return &Error{Problems: []Problem{{Key: key, Message: message}}}
}

func missing(key string, err error) *Error {
	e := corrupt(key, "is missing")
	e.Err = err
	return e
}
