package file

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// maxRecord is the maximum size of a record in bytes; it bounds memory.
const maxRecord = 16 << 20

const encodingRemedy = "Save the file as UTF-8."

// magics are the first bytes of files in formats that are exported by mistake.
var magics = []struct {
	magic, is string
	remedy    string // empty: export it in the expected format
}{
	{"\x1f\x8b", "gzip", "Compress it just once."},
	{"\x28\xb5\x2f\xfd", "zstd", "Compress it just once."},
	{"PK\x03\x04", "a zip archive or an Excel workbook", ""},
	{"PAR1", "Parquet", "Set format = \"parquet\"; Parquet compresses itself, so nothing may be around it."},
	{"%PDF", "PDF", ""},
}

// checkText looks at the beginning of a file, skips a UTF-8 byte order mark and
// refuses a file that is not text.
func checkText(in *bufio.Reader, name string, format Format) error {
	head, err := in.Peek(4096)
	if err != nil && !errors.Is(err, io.EOF) {
		return readFailure(name, err)
	}
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		_, err := in.Discard(3)
		return err
	}
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return storage.PathErrorf(encodingRemedy, nil, "The file %q is UTF-16.", name)
	}
	export := fmt.Sprintf("Export it as %s.", format)
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			remedy := m.remedy
			if remedy == "" {
				remedy = export
			}
			return storage.PathErrorf(remedy, nil, "The file %q is not %s but %s.", name, format, m.is)
		}
	}
	if bytes.IndexByte(head, 0) >= 0 {
		return storage.PathErrorf(export, nil, "The file %q is not text but binary data.", name)
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
	return storage.PathErrorf("", err, "The file %q cannot be read on: %s.", name, segment.Cause(err))
}
