// Package server starts databases and an object store for tests: private ones, on a Unix
// socket in a folder of their own, with nothing kept. A test binary starts at
// most one of each kind, on first use, and [Main] ends them with it; they also
// end when the test binary is killed.
//
//	func TestMain(m *testing.M) { os.Exit(server.Main(m)) }
//
//	func TestSomething(t *testing.T) {
//		db := server.StartPostgres(t) // a new, empty database, dropped after the test
//	}
//
// Where a server is not installed the test is skipped and says what to install;
// with CI=true in the environment it fails.
package server
