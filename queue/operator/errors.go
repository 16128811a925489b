package operator

import "errors"

// ErrUnfit is wrapped when the tables of a store are of another version than the code
// needs: older code is to be replaced, older tables are to be migrated.
var ErrUnfit = errors.New("tables and code do not fit")
