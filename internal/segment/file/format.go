package file

import (
	"fmt"
	"path"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// Format is the format of a file.
type Format string

// The formats.
const (
	CSV     Format = "csv"
	TSV     Format = "tsv"
	NDJSON  Format = "ndjson"
	Parquet Format = "parquet"
)

// Formats are all formats.
var Formats = []Format{CSV, TSV, NDJSON, Parquet}

// String is the format in a message.
func (f Format) String() string {
	if f == Parquet {
		return "Parquet"
	}
	return strings.ToUpper(string(f))
}

func (f Format) opener(file Source, columns []string) opener {
	switch f {
	case NDJSON:
		return newJSONOpener(file, columns)
	case Parquet:
		return &parquetOpener{columns, jsonNullValues(file.NullValues), newNullValues(file.NullValues, f)}
	default:
		return &csvOpener{Source: file, format: f, columns: columns}
	}
}

// extensions are the formats by the extensions of file names.
var extensions = map[string]Format{
	".csv": CSV, ".tsv": TSV, ".tab": TSV, ".ndjson": NDJSON, ".jsonl": NDJSON, ".json": NDJSON, ".parquet": Parquet,
}

// formatOf returns the format of a file by its name: CSV unless the extension is
// that of another one.
func formatOf(name string) Format {
	name = strings.ToLower(name)
	for _, c := range compressions {
		name = strings.TrimSuffix(name, c.extension)
	}
	if format := extensions[path.Ext(name)]; format != "" {
		return format
	}
	return CSV
}

// format returns the format of all files of a segment.
func (f Source) format(objects []storage.Object) (Format, error) {
	format := f.Format
	if format == "" {
		format = formatOf(objects[0].Path())
		for _, o := range objects[1:] {
			if other := formatOf(o.Path()); other != format {
				return "", storage.PathErrorf("Let the path match files of one format, or set format.", nil,
					"The file %q is %s, but %q is %s.", objects[0].Name(), format, o.Name(), other)
			}
		}
	}
	if f.Delimiter != 0 && format != CSV {
		return "", &segment.Error{
			Argument: []string{"file", "delimiter"},
			Problem:  fmt.Sprintf("Only CSV has a delimiter to choose, and %q is %s.", objects[0].Name(), format),
			Remedy:   "Leave delimiter out, or set format = \"csv\".",
		}
	}
	for _, a := range []struct {
		name, reason string
		set          bool
	}{
		{"columns", "Only CSV and TSV can lack a header", f.Columns != nil},
		{"skip_lines", "Only CSV and TSV have lines before their rows", f.SkipLines != 0},
		{"comment", "Only CSV and TSV have lines that are comments", f.Comment != ""},
	} {
		if a.set && format != CSV && format != TSV {
			return "", argumentError(a.name, fmt.Sprintf("%s, and %q is %s.", a.reason, objects[0].Name(), format), "Leave "+a.name+" out.")
		}
	}
	if f.Encoding != "" && format == Parquet {
		return "", argumentError("encoding", fmt.Sprintf("Only text has an encoding, and %q is Parquet.", objects[0].Name()), "Leave encoding out.")
	}
	return format, nil
}
