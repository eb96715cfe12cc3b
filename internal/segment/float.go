package segment

import (
	"math"
	"strconv"
)

// AppendFloat appends a number of so many bits as JSON, which has neither NaN
// nor infinity, and without exponent unless it is very large or very small, as
// JavaScript does.
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
