package segment

import (
	"math"
	"strconv"
)

// AppendFloat appends a number of 32 or 64 bits as JSON. Only very large and very
// small numbers have an exponent, as in JavaScript. NaN and infinity, which JSON
// does not have, append nothing.
func AppendFloat(buf []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return buf
	}
	layout := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		layout = 'e'
	}
	return strconv.AppendFloat(buf, f, layout, -1, bits)
}
