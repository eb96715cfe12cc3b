package export

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugePage is the usual size of a huge page in bytes.
const hugePage = 2 << 20

// makeRoom returns so many free slots. Nearly every access to a large set is to
// another page than the one before, and the processor keeps account of few
// pages, so Linux is asked for huge ones; what it makes of that is its affair.
func makeRoom(slots int) []uint64 {
	const slot = int(unsafe.Sizeof(uint64(0)))
	if slots < hugePage/slot {
		return make([]uint64, slots)
	}
	// With a page more, so that the last one is whole; what is not touched takes no memory.
	room := make([]uint64, slots+hugePage/slot)
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(room))), len(room)*slot) //nolint:gosec // the same memory, as Madvise takes it
	_ = unix.Madvise(bytes, unix.MADV_HUGEPAGE)
	return room[:slots]
}
