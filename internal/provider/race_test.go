//go:build race

package provider

// raceDetector says that the tests run under the race detector, and so should
// the provider that they build.
const raceDetector = true
