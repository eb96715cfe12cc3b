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
	Delta   Format = "delta" // a table: Parquet files and the log that says which
	CDM     Format = "cdm"   // an entity of a model.json of the Common Data Model
)

// Formats are all formats.
var Formats = []Format{CSV, TSV, NDJSON, Parquet, Delta, CDM}

// String is the format in a message.
func (f Format) String() string {
	switch f {
	case Parquet:
		return "Parquet"
	case Delta:
		return "a Delta table"
	case CDM:
		return "a model of the Common Data Model"
	default:
		return strings.ToUpper(string(f))
	}
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
	return format, f.checkArguments(format, objects[0].Name())
}

// checkArguments refuses arguments that are not of the format of the file.
func (f Source) checkArguments(format Format, name string) error {
	if f.Delimiter != 0 && format != CSV {
		return &segment.Error{
			Argument: []string{"file", "delimiter"},
			Problem:  fmt.Sprintf("Only CSV has a delimiter to choose, and %q is %s.", name, format),
			Remedy:   "Leave delimiter out, or set format = \"csv\".",
		}
	}
	for _, a := range []struct {
		argument, reason string
		set              bool
	}{
		{"columns", "Only CSV and TSV can lack a header", f.Columns != nil},
		{"skip_lines", "Only CSV and TSV have lines before their rows", f.SkipLines != 0},
		{"comment", "Only CSV and TSV have lines that are comments", f.Comment != ""},
	} {
		if a.set && format != CSV && format != TSV {
			return argumentError(a.argument, fmt.Sprintf("%s, and %q is %s.", a.reason, name, format), "Leave "+a.argument+" out.")
		}
	}
	if f.Entity != "" && format != CDM {
		return argumentError("entity", fmt.Sprintf("Only a model of the Common Data Model has entities, and %q is %s.", name, format), "Leave entity out, or set format = \"cdm\".")
	}
	if f.Encoding != "" && format != CSV && format != TSV && format != NDJSON {
		return argumentError("encoding", fmt.Sprintf("Only text has an encoding to choose, and %q is %s.", name, format), "Leave encoding out.")
	}
	if f.Newest != nil && *f.Newest && format == Delta {
		return argumentError("newest", fmt.Sprintf("Only a pattern has folders to choose from, and %q is %s.", name, format), "Leave newest out.")
	}
	return nil
}
