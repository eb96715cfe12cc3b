package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// magics are the first bytes of files in formats that are exported by mistake.
var magics = []struct {
	magic, is string
	remedy    string // empty: export it in the expected format
}{
	{"\x1f\x8b", "gzip", "Compress it just once."},
	{"\x28\xb5\x2f\xfd", "zstd", "Compress it just once."},
	{"PK", "a zip archive", "Unpack it, or compress the file with gzip instead; an Excel workbook is saved as CSV UTF-8."},
	{"BZh", "compressed with bzip2", "Compress it with gzip or zstd instead."},
	{"\xfd7zXZ", "compressed with xz", "Compress it with gzip or zstd instead."},
	{"\x04\x22\x4d\x18", "compressed with LZ4", "Compress it with gzip or zstd instead."},
	{"7z\xbc\xaf", "a 7z archive", "Unpack it, or compress the file with gzip instead."},
	{"Rar!", "a RAR archive", "Unpack it, or compress the file with gzip instead."},
	{"PAR1", "Parquet", "Set format = \"parquet\"; Parquet compresses itself, so nothing may be around it."},
	{"\xd0\xcf\x11\xe0", "an Excel workbook (.xls)", "Save it as CSV UTF-8."},
	{"ORC", "ORC", "Export it as Parquet."},
	{"Obj\x01", "Avro", "Export it as Parquet."},
	{"SQLite format 3\x00", "an SQLite database", ""},
	{"{\\rtf", "RTF", ""},
	{"%PDF", "PDF", ""},
}

// pages are the beginnings of documents that a server or a program gave in place of the
// data, white space skipped.
var pages = []struct {
	begin      *regexp.Regexp
	is, remedy string
}{
	{
		regexp.MustCompile(`(?i)^\s*(<!--[^>]*-->\s*)*<(!doctype\s+html|html|head|body|script|meta|title|style|table|div|pre)\b`), "an HTML page",
		"It is likely a page for signing in, an error page, or a table that a program names .xls: look at it in a browser, and name the address or the file of the data itself.",
	},
	{
		regexp.MustCompile(`^\s*<(\?xml|Error>|Workbook\b)`), "XML",
		"If a server sent it, it is likely the reason why the file cannot be had: open it. If Excel wrote it, save it as CSV UTF-8.",
	},
	{regexp.MustCompile(`^\s*(\{\s*"|\[\s*[{\]])`), "JSON", "Set format = \"ndjson\" if each line is a JSON object. A file that is one list is converted with jq -c '.[]'."},
}

// checkText looks at the beginning of a file, which must be text, and makes it UTF-8
// without a byte order mark.
func (t *textReader) checkText(format Format, encoding string) error {
	head, err := t.Peek(4096)
	if err != nil && !errors.Is(err, io.EOF) {
		return readFailure(t.name, err)
	}
	if err := checkMagic(head, t.name, format); err != nil {
		return err
	}
	if encoding == "" {
		if guess := wideEncoding(head); guess != "" {
			return argumentError("encoding", fmt.Sprintf("The file %q is UTF-16.", t.name), fmt.Sprintf("Set encoding = %q, or save the file as UTF-8.", guess))
		}
	}
	if err := t.decode(encoding); err != nil {
		return err
	}
	if head, err = t.Peek(4096); err != nil && !errors.Is(err, io.EOF) {
		return readFailure(t.name, err)
	}
	if bytes.HasPrefix(head, utf8BOM) {
		_, _ = t.Discard(len(utf8BOM)) // cannot fail, since the bytes are buffered
		head = head[len(utf8BOM):]
	}
	return checkWords(head, t.name, format)
}

// checkMagic refuses the binary formats.
func checkMagic(head []byte, name string, format Format) error {
	for _, m := range magics {
		if !bytes.HasPrefix(head, []byte(m.magic)) || m.magic == "PK" && !isZip(head) || m.magic == "ORC" && bytes.ContainsAny(head[:min(len(head), 100)], ",;|\t\n") {
			continue
		}
		is, remedy := m.is, m.remedy
		if m.magic == "PK" && isWorkbook(head) {
			is, remedy = "an Excel workbook (.xlsx)", "Save it as CSV UTF-8; a workbook may have several sheets."
		}
		if format == Parquet && is == m.is && strings.HasPrefix(remedy, "Unpack it") {
			remedy = "Unpack it; Parquet compresses its columns itself."
		}
		if remedy == "" {
			remedy = fmt.Sprintf("Export it as %s.", format)
		}
		return storage.PathErrorf(remedy, nil, "The file %q is not %s but %s.", name, format, is)
	}
	return nil
}

func isZip(head []byte) bool {
	for _, signature := range []string{"PK\x03\x04", "PK\x05\x06", "PK\x07\x08"} {
		if bytes.HasPrefix(head, []byte(signature)) {
			return true
		}
	}
	return false
}

func isWorkbook(head []byte) bool {
	return bytes.Contains(head, []byte("[Content_Types].xml")) || bytes.Contains(head, []byte("xl/")) || bytes.Contains(head, []byte("_rels/.rels"))
}

// wideEncoding returns the encoding of UTF-16, with a byte order mark or without.
func wideEncoding(head []byte) string {
	if hasUTF16BOM(head) {
		return "utf-16"
	}
	var zeros [2]int
	for i, b := range head {
		if b == 0 {
			zeros[i%2]++
		}
	}
	const most = 3 // of four characters are ASCII
	switch half := len(head) / 2; {
	case half < 2:
		return ""
	case zeros[1]*4 >= half*most && zeros[0]*4 < half:
		return "utf-16le"
	case zeros[0]*4 >= half*most && zeros[1]*4 < half:
		return "utf-16be"
	default:
		return ""
	}
}

// checkWords refuses documents, and binary data: a header with a NUL byte. In a row,
// that is a mistake of its own.
func checkWords(head []byte, name string, format Format) error {
	for _, p := range pages {
		if p.begin.Match(head) && !(format == NDJSON && p.is == "JSON") {
			return storage.PathErrorf(p.remedy, nil, "The file %q is not %s but %s.", name, format, p.is)
		}
	}
	first, _, _ := bytes.Cut(head, []byte("\n"))
	if format != NDJSON && bytes.IndexByte(first, 0) >= 0 {
		return storage.PathErrorf(fmt.Sprintf("Export it as %s.", format), nil, "The file %q is not text but binary data.", name)
	}
	return nil
}

// readFailure explains an error of reading, unless it is explained already or that
// of a context that has ended.
func readFailure(name string, err error) error {
	var explained *segment.Error
	switch {
	case errors.As(err, &explained):
		return explained
	case storage.IsContextError(err):
		return err
	}
	return storage.PathErrorf("", err, "The file %q cannot be read to its end: %s.", name, segment.Cause(err))
}
