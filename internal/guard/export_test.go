package guard

// ValidJSON is for tests against another reader.
var ValidJSON = validJSON
