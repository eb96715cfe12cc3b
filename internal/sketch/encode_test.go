package sketch

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"reflect"
	"testing"
)

// sealed returns bytes with the right check sum at their end, whatever they hold.
func sealed(b []byte) []byte {
	b = append([]byte(nil), b[:len(b)-crcSize]...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func TestEncodeAndDecode(t *testing.T) {
	t.Parallel()
	r := random(20)
	like := New(testSalt(20), 300)
	extremes := NewLike(like)
	extremes.count = math.MinInt64
	for i, n := range []int32{math.MinInt32, math.MaxInt32, -1, 1, 0} {
		extremes.cells[i] = cell{n, math.MaxUint32, math.MaxUint64, 1}
	}
	negative, err := like.Subtract(randomSet(r, 100).sketch(like))
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*Sketch{
		"empty":    like,
		"few":      randomSet(r, 10).sketch(like),
		"many":     randomSet(r, 20_000).sketch(like),
		"negative": negative,
		"extremes": extremes,
	} {
		got, err := Decode(s.Encode())
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !reflect.DeepEqual(got, s) {
			t.Errorf("%s: what was decoded is not what was encoded", name)
		}
	}
}

// The state holds these bytes, so they are few.
func TestEncodedSize(t *testing.T) {
	t.Parallel()
	r := random(21)
	for _, c := range []struct{ profiles, most int }{
		{0, 96 + headerSize + crcSize},
		{100, 96*21 + headerSize + crcSize},
		{10_000, 1000*22 + headerSize + crcSize},
		{1_000_000, 6144*22 + headerSize + crcSize},
	} {
		s := randomSet(r, c.profiles).sketch(New(testSalt(21), CellsFor(c.profiles)))
		if got := len(s.Encode()); got > c.most {
			t.Errorf("%d profiles take %d bytes, more than %d", c.profiles, got, c.most)
		}
	}
}

// No bit can be flipped, no byte be lost or added without notice.
func TestDecodeNoticesDamage(t *testing.T) {
	t.Parallel()
	good := randomSet(random(22), 200).sketch(New(testSalt(22), 96)).Encode()
	for i := range good {
		for bit := range 8 {
			bad := append([]byte(nil), good...)
			bad[i] ^= 1 << bit
			want := ErrDamaged
			if i == 0 {
				want = ErrVersion
			}
			if s, err := Decode(bad); s != nil || !errors.Is(err, want) {
				t.Fatalf("bit %d of byte %d flipped: %v", bit, i, err)
			}
		}
		if _, err := Decode(good[:i]); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut after %d bytes: %v", i, err)
		}
	}
	if _, err := Decode(append(good, 0)); !errors.Is(err, ErrDamaged) {
		t.Fatalf("a byte too many: %v", err)
	}
}

// Bytes with a right check sum that Encode would not have written are refused too.
func TestDecodeRefusesWhatEncodeNeverWrites(t *testing.T) {
	t.Parallel()
	full := randomSet(random(23), 200).sketch(New(testSalt(23), 96)).Encode()
	empty := New(testSalt(23), 96).Encode()
	cells := func(n uint16) []byte {
		b := append([]byte(nil), empty...)
		binary.LittleEndian.PutUint16(b[1:], n)
		return sealed(b)
	}
	// withCell returns an empty sketch with other bytes in place of its first cell.
	withCell := func(head []byte, sums int) []byte {
		b := append([]byte(nil), empty[:headerSize]...)
		b = append(b, head...)
		b = append(b, make([]byte, sums)...)
		return sealed(append(b, empty[headerSize+1:]...))
	}
	if _, err := Decode(withCell([]byte{5}, sumsSize)); err != nil {
		t.Fatal("a cell with an entry is refused:", err)
	}
	for name, b := range map[string][]byte{
		"no cells":             cells(0),
		"too few cells":        cells(95),
		"too many cells":       cells(6145),
		"most cells":           cells(math.MaxUint16),
		"fewer than announced": cells(99),
		"more than announced":  sealed(append([]byte(nil), append(full[:len(full)-crcSize], 0, 0, 0, 0, 0)...)),
		"cut within a cell":    sealed(full[:len(full)-1]),
		"header alone":         sealed(full[:headerSize+crcSize]),
		"header cut short":     sealed(full[:headerSize+crcSize-1]),
		"version alone":        sealed(full[:1+crcSize]),
		"count without sums":   withCell([]byte{4}, 0),
		"count of 33 bits":     withCell([]byte{0x81, 0x80, 0x80, 0x80, 0x20}, sumsSize),
		"endless count":        withCell([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, sumsSize),
	} {
		if s, err := Decode(b); s != nil || !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzDecode: whatever the bytes are, decoding ends with a sound sketch or a typed
// error, and peeling what was decoded ends.
func FuzzDecode(f *testing.F) {
	like := New(testSalt(24), 96)
	f.Add([]byte(nil), false)
	f.Add(like.Encode(), false)
	f.Add(randomSet(random(24), 60).sketch(like).Encode(), true)
	f.Add(randomSet(random(24), 5000).sketch(like).Encode(), true)
	f.Fuzz(func(t *testing.T, data []byte, seal bool) {
		if seal && len(data) > crcSize {
			data = sealed(data)
		}
		s, err := Decode(data)
		if err != nil {
			if s != nil || !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrVersion) {
				t.Fatal(err)
			}
			return
		}
		again, err := Decode(s.Encode())
		if err != nil || !reflect.DeepEqual(s, again) {
			t.Fatal("what was decoded cannot be encoded and decoded", err)
		}
		came, gone, ok := s.Peel()
		if !ok {
			return
		}
		sum := NewLike(s)
		for _, e := range came {
			sum.Add(e.Key, e.Value)
		}
		for _, e := range gone {
			sum.Remove(e.Key, e.Value)
		}
		if !reflect.DeepEqual(s, sum) {
			t.Fatal("what was peeled is not what the sketch holds")
		}
	})
}
