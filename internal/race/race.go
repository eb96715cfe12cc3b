// Package race says whether a program is built with the race detector. Only tests
// import it.
package race

// Seeds returns how many of n random trials a test makes: a quarter under the race
// detector, which makes each of them about ten times slower and finds races in few.
func Seeds(n uint64) uint64 {
	if Enabled {
		return (n + 3) / 4
	}
	return n
}
