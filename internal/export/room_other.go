//go:build !linux

package export

// makeRoom returns so many free slots.
func makeRoom(slots int) []uint64 { return make([]uint64, slots) }
