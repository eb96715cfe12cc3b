package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	unicodes "golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// utf8Name is the encoding of files unless another one is configured.
const utf8Name = "utf-8"

var encodings = []struct {
	name string
	encoding.Encoding
}{
	{utf8Name, encoding.Nop},
	{"utf-16", unicodes.UTF16(unicodes.LittleEndian, unicodes.UseBOM)},
	{"utf-16le", unicodes.UTF16(unicodes.LittleEndian, unicodes.IgnoreBOM)},
	{"utf-16be", unicodes.UTF16(unicodes.BigEndian, unicodes.IgnoreBOM)},
	{"windows-1250", charmap.Windows1250},
	{"windows-1251", charmap.Windows1251},
	{"windows-1252", charmap.Windows1252},
	{"windows-1253", charmap.Windows1253},
	{"windows-1254", charmap.Windows1254},
	{"windows-1255", charmap.Windows1255},
	{"windows-1256", charmap.Windows1256},
	{"windows-1257", charmap.Windows1257},
	{"windows-1258", charmap.Windows1258},
	{"iso-8859-1", charmap.ISO8859_1},
	{"iso-8859-2", charmap.ISO8859_2},
	{"iso-8859-5", charmap.ISO8859_5},
	{"iso-8859-7", charmap.ISO8859_7},
	{"iso-8859-9", charmap.ISO8859_9},
	{"iso-8859-15", charmap.ISO8859_15},
	{"macintosh", charmap.Macintosh},
	{"ibm437", charmap.CodePage437},
	{"ibm850", charmap.CodePage850},
	{"ibm852", charmap.CodePage852},
	{"ibm866", charmap.CodePage866},
	{"koi8-r", charmap.KOI8R},
	{"shift_jis", japanese.ShiftJIS},
	{"euc-jp", japanese.EUCJP},
	{"gbk", simplifiedchinese.GBK},
	{"gb18030", simplifiedchinese.GB18030},
	{"big5", traditionalchinese.Big5},
	{"euc-kr", korean.EUCKR},
}

// Encodings are the names of the encodings that text files may have.
func Encodings() []string {
	names := make([]string, len(encodings))
	for i, e := range encodings {
		names[i] = e.name
	}
	return names
}

// decodes reports whether text in a configured encoding is decoded. The name may be
// empty.
func decodes(encoding string) bool { return encoding != "" && encoding != utf8Name }

// decode makes what follows UTF-8. The encoding is one of [Encodings].
func (t *textReader) decode(name string) error {
	if !decodes(name) {
		return nil
	}
	head, err := t.Peek(readBufferSize / 2)
	if err != nil && !errors.Is(err, io.EOF) {
		return readFailure(t.name, err)
	}
	if err := contradicts(head, name, t.name); err != nil {
		return err
	}
	for _, e := range encodings {
		if e.name == name {
			t.readFrom(transform.NewReader(t.Reader, e.NewDecoder()))
			return nil
		}
	}
	return argumentError("encoding", fmt.Sprintf("There is no encoding %q.", name), "")
}

// contradicts returns an error if the beginning of a file is in another encoding
// than the configured one, which would read it as wrong characters.
func contradicts(head []byte, name, path string) error {
	wide := name == "utf-16" || name == "utf-16le" || name == "utf-16be"
	switch {
	case bytes.HasPrefix(head, utf8BOM), !wide && isMultibyteUTF8(head):
		return argumentError("encoding", fmt.Sprintf("The file %q is UTF-8, not %s.", path, name), "Leave encoding out.")
	case !wide && hasUTF16BOM(head):
		return argumentError("encoding", fmt.Sprintf("The file %q is UTF-16, not %s.", path, name), "Set encoding = \"utf-16\".")
	case wide && len(head) > 0 && bytes.IndexByte(head, 0) < 0: // even line ends have such a byte
		return argumentError("encoding", fmt.Sprintf("The file %q is not UTF-16.", path), "Leave encoding out, or set the encoding that the file has.")
	default:
		return nil
	}
}

var utf8BOM = []byte("\xef\xbb\xbf")

func hasUTF16BOM(head []byte) bool {
	return bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff"))
}

// isMultibyteUTF8 reports whether text is UTF-8 and more than ASCII. Its last
// character may be incomplete.
func isMultibyteUTF8(text []byte) bool {
	for cut := 0; cut < utf8.UTFMax && len(text) > 0 && !utf8.FullRune(text[lastRuneStart(text):]); cut++ {
		text = text[:lastRuneStart(text)]
	}
	return utf8.Valid(text) && bytes.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0
}

// notUTF8Error is the error of a row that is in another encoding.
func notUTF8Error(likely string) *segment.RowError {
	return &segment.RowError{
		Code:    segment.CodeUnreadableValue,
		Problem: fmt.Sprintf("is not UTF-8 text but probably %[1]s; if all of the file is, set encoding = \"%[1]s\"", likely),
	}
}

// isDecoded reports whether all of a text was in the configured encoding: decoders make
// U+FFFD of what was not.
func isDecoded(text, encoding string) bool {
	return !decodes(encoding) || !strings.ContainsRune(text, utf8.RuneError)
}

// notDecodedError is the error of a row that is not in the configured encoding.
func notDecodedError(encoding string) *segment.RowError {
	return &segment.RowError{Code: segment.CodeUnreadableValue, Problem: fmt.Sprintf("has bytes that are no %s text", encoding)}
}

func lastRuneStart(text []byte) int {
	i := len(text) - 1
	for i > 0 && len(text)-i < utf8.UTFMax && !utf8.RuneStart(text[i]) {
		i--
	}
	return i
}

// guesses are the encodings that files mostly have besides UTF-8, the most
// frequent first, with how well a character beyond ASCII fits: from 1, it is usual,
// to -2, it is wrong.
var guesses = []struct {
	name string
	encoding.Encoding
	fits func(r rune) float64
	high bool // it has hardly any bytes from 0x80 to 0xA0
}{
	{"windows-1252", charmap.Windows1252, letters("àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿßœšž’“”–€"), false},
	{"macintosh", charmap.Macintosh, letters("àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿßœ’“”–€"), false},
	{"ibm850", charmap.CodePage850, letters("àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿß"), false},
	{"windows-1250", charmap.Windows1250, letters("áâäąćčçďđéęëěíîľłńňóôöőřśšşťţúůüűýźžż„”–€"), false},
	{"windows-1251", charmap.Windows1251, script("аеинорстлвкм", unicode.Cyrillic), false},
	{"koi8-r", charmap.KOI8R, script("аеинорстлвкм", unicode.Cyrillic), false},
	{"ibm866", charmap.CodePage866, script("аеинорстлвкм", unicode.Cyrillic), false},
	{"windows-1253", charmap.Windows1253, script("αειοςτσνρκάίόώ", unicode.Greek), false},
	{"windows-1255", charmap.Windows1255, script("אבהוילמנרתש", unicode.Hebrew), false},
	{"windows-1256", charmap.Windows1256, script("ابتدرسعلمنوي", unicode.Arabic), false},
	{"shift_jis", japanese.ShiftJIS, script("", unicode.Hiragana, unicode.Katakana), false},
	{"euc-jp", japanese.EUCJP, script("", unicode.Hiragana, unicode.Katakana), true},
	{"euc-kr", korean.EUCKR, script("", unicode.Hangul), true},
	{"gbk", simplifiedchinese.GBK, script(""), true},
	{"big5", traditionalchinese.Big5, script(""), true},
}

// letters fit in lower case, and less well in upper case.
func letters(usual string) func(r rune) float64 {
	set := map[rune]bool{}
	for _, r := range usual {
		set[r] = true
	}
	return func(r rune) float64 {
		switch {
		case set[r]:
			return 1
		case set[unicode.ToLower(r)]:
			return 0.4
		default:
			return -2
		}
	}
}

// script fits letters of a script, best the common ones in lower case. Chinese
// characters fit less well, since most pairs of bytes stand for one.
func script(common string, tables ...*unicode.RangeTable) func(r rune) float64 {
	return func(r rune) float64 {
		switch {
		case 0xff61 <= r && r <= 0xff9f: // narrow Katakana: any byte of many
			return -1
		case unicode.IsLetter(r) && unicode.In(r, tables...):
			switch {
			case common == "" || strings.ContainsRune(common, r):
				return 1
			case unicode.IsUpper(r):
				return 0.3
			default:
				return 0.6
			}
		case unicode.Is(unicode.Han, r) && 0x4e00 <= r && r <= 0x9fa5:
			return 0.3
		case unicode.IsPunct(r):
			return 0
		default:
			return -2
		}
	}
}

// guessEncoding returns the likely encoding of text that is not UTF-8, of which
// there may be more.
func guessEncoding(text, more []byte) string {
	const enough = 16 << 10
	sample := append(bytes.Clone(text), more[:min(len(more), enough)]...)
	high, low := 0, 0
	for _, b := range sample {
		if b > 0xa0 {
			high++
		} else if b >= utf8.RuneSelf {
			low++
		}
	}
	best, highest := "", -1e9
	for _, guess := range guesses {
		if guess.high && low > high/4 {
			continue
		}
		decoded, _ := guess.NewDecoder().Bytes(sample) // wrong bytes become U+FFFD
		score, runes := 0.0, 0.0
		for _, r := range string(decoded) {
			if r >= utf8.RuneSelf {
				score += guess.fits(r)
				runes++
			}
		}
		if score /= max(runes, 1); score > highest {
			best, highest = guess.name, score
		}
	}
	return best
}
