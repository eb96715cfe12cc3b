package file

import "strings"

// cellBlock is the size in bytes of a block of cells: allocating a block costs
// nothing per row, and one that is kept by a single cell costs little.
const cellBlock = 16 << 10

// cellBuffer copies cells into blocks of memory that many rows share. What it
// returned stays valid; a block is freed once none of its cells is in use.
type cellBuffer struct{ block strings.Builder }

// add copies a text.
func (b *cellBuffer) add(text []byte) string {
	if b.block.Cap()-b.block.Len() < len(text) {
		b.block.Reset()
		b.block.Grow(max(cellBlock, len(text)))
	}
	start := b.block.Len()
	b.block.Write(text)
	return b.block.String()[start:]
}
