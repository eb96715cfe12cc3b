//go:build race

package race

// Enabled is whether the race detector is part of this program.
const Enabled = true
