package file

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// A folder of the Common Data Model has a file model.json, which says of each entity
// what its columns are, which CSV files its rows are in, and how they are written.
// https://learn.microsoft.com/en-us/common-data-model/model-json

type (
	cdmModel struct {
		Culture  string      `json:"culture"`
		Entities []cdmEntity `json:"entities"`

		name string
	}
	cdmEntity struct {
		Kind       string         `json:"$type"`
		Name       string         `json:"name"`
		Attributes []cdmAttribute `json:"attributes"`
		Partitions []cdmPartition `json:"partitions"`
	}
	cdmAttribute struct {
		Name     string `json:"name"`
		DataType string `json:"dataType"`
	}
	cdmPartition struct {
		Location string       `json:"location"`
		Settings *cdmSettings `json:"fileFormatSettings"`
	}
	cdmSettings struct {
		Kind          string  `json:"$type"`
		ColumnHeaders *bool   `json:"columnHeaders"`
		Delimiter     *string `json:"delimiter"`
		QuoteStyle    string  `json:"quoteStyle"`
		CSVStyle      string  `json:"csvStyle"`
		Encoding      string  `json:"encoding"`
	}
)

// Bounds of a model, which is read at once.
const (
	maxModelBytes = 64 << 20
	maxPartitions = 10_000
)

const correctModel = "Let the program that writes the model correct it, or name the parts with a pattern and format = \"csv\"."

// cdmSegment is an entity with its parts.
type cdmSegment struct {
	model  *cdmModel
	entity *cdmEntity
	file   storage.Object // the model
	parts  []storage.Object
	notice string // about the choice of the model; empty: none
}

func (f Source) openCDM(ctx context.Context, columns []string) (segment.Rows, error) {
	found, err := f.findCDM(ctx)
	if err != nil {
		return nil, err
	}
	opener, err := f.newCDMOpener(found, columns)
	if err != nil {
		return nil, err
	}
	rows := &concatRows{ctx: ctx, objects: found.parts, opener: opener, notice: found.notice}
	if err := rows.openNext(); err != nil {
		return nil, err
	}
	return rows, nil
}

// findCDM reads the model, and finds all parts of the entity.
func (f Source) findCDM(ctx context.Context) (*cdmSegment, error) {
	objects, notice, err := f.find(ctx)
	if err != nil {
		return nil, err
	}
	if err := f.checkArguments(CDM, objects[0].Name()); err != nil {
		return nil, err
	}
	if len(objects) > 1 {
		return nil, storage.PathErrorf("Name one of them, or set newest = true to read that of the last folder.", nil,
			"The path matches %d models: %q and %q are two of them.", len(objects), objects[0].Name(), objects[1].Name())
	}
	s := &cdmSegment{file: objects[0], notice: notice}
	if s.model, err = readModel(ctx, s.file); err != nil {
		return nil, err
	}
	if s.entity, err = s.model.entity(f.Entity); err != nil {
		return nil, err
	}
	if err := s.findParts(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

func readModel(ctx context.Context, o storage.Object) (*cdmModel, error) {
	content, err := o.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = content.Close() }() // only read from
	text, err := io.ReadAll(io.LimitReader(content, maxModelBytes+1))
	switch {
	case err != nil:
		return nil, readFailure(o.Name(), err)
	case len(text) > maxModelBytes:
		return nil, storage.PathErrorf("Name a model.json of the Common Data Model.", nil, "The file %q is larger than %d MiB.", o.Name(), maxModelBytes>>20)
	}
	m := cdmModel{name: o.Name()}
	if err := json.Unmarshal(bytes.TrimPrefix(text, utf8BOM), &m); err != nil { // the error may quote values
		return nil, storage.PathErrorf("Name a model.json of the Common Data Model. If it is still being written, run Terraform again.", errDamagedModel, "The file %q is no model: it is not valid JSON of that kind.", o.Name())
	}
	if len(m.Entities) == 0 {
		return nil, storage.PathErrorf("Name a model.json of the Common Data Model; a manifest (.manifest.cdm.json) is not read.", errDamagedModel, "The file %q is no model: it has no entities.", o.Name())
	}
	return &m, nil
}

var errDamagedModel = errors.New("damaged model")

// errorf is an error about the model. The problem follows its name.
func (m *cdmModel) errorf(format string, args ...any) *segment.Error {
	return storage.PathErrorf(correctModel, errDamagedModel, "The model %q %s.", m.name, fmt.Sprintf(format, args...))
}

// entity finds an entity that can be read.
func (m *cdmModel) entity(name string) (*cdmEntity, error) {
	at := slices.IndexFunc(m.Entities, func(e cdmEntity) bool { return e.Name == name })
	if at < 0 {
		names := make([]string, len(m.Entities))
		for i, e := range m.Entities {
			names[i] = e.Name
		}
		return nil, argumentError("entity", fmt.Sprintf("The model %q has no entity %q.", m.name, name), fmt.Sprintf("Its entities are %s; case matters.", segment.Quoted(names)))
	}
	e := &m.Entities[at]
	switch {
	case strings.EqualFold(e.Kind, "ReferenceEntity"):
		return nil, argumentError("entity", fmt.Sprintf("The entity %q is in another model, which %q refers to.", name, m.name), "Name the path of that model.")
	case len(e.Attributes) == 0:
		return nil, m.errorf("has no attributes of the entity %q", name)
	case len(e.Partitions) == 0:
		return nil, m.errorf("has no parts of the entity %q", name)
	case len(e.Partitions) > maxPartitions:
		return nil, m.errorf("has more than %d parts of the entity %q", maxPartitions, name)
	}
	seen := map[string]bool{}
	for _, a := range e.Attributes {
		if a.Name == "" || seen[a.Name] {
			return nil, m.errorf("has the attribute %q of the entity %q twice, or one without a name", a.Name, name)
		}
		seen[a.Name] = true
	}
	return e, nil
}

// findParts finds all files of the entity. One that is missing is an error: the
// rest of them must not pass for the segment.
func (s *cdmSegment) findParts(ctx context.Context) error {
	model, ok := s.file.(storage.Referrer)
	if !ok {
		return storage.PathErrorf("Copy the folder to a disk or a bucket.", nil, "The parts of the model %q cannot be read from a store of this kind.", s.file.Name())
	}
	for i, p := range s.entity.Partitions {
		shown, _, _ := strings.Cut(redact.URL(p.Location), "?")
		if p.Location == "" {
			return s.model.errorf("has a part of the entity %q without a location", s.entity.Name)
		}
		part, err := model.Refer(ctx, p.Location)
		switch {
		case errors.Is(err, storage.ErrElsewhere):
			return storage.PathErrorf("Only files below the folder of the model, or in the same container or bucket, are read. Copy the folder as it is, or name the model where it was written.", err,
				"The model %q names the part %q of the entity %q, which is elsewhere.", s.model.name, shown, s.entity.Name)
		case errors.Is(err, fs.ErrNotExist):
			return storage.PathErrorf("If an export is being written, run Terraform again once it is complete. Else restore the file, or export again.", err,
				"The model %q names the part %q of the entity %q, but there is no such file.", s.model.name, shown, s.entity.Name)
		case err != nil:
			return err
		}
		s.parts = append(s.parts, cdmPart{part, i})
	}
	return nil
}

// cdmPart is a file of an entity.
type cdmPart struct {
	storage.Object

	number int
}

// place implements [placed]: the model has the columns, and what the names of folders
// look like does not matter.
func (p cdmPart) place() place { return place{name: p.Name(), path: p.Path(), part: p.number} }

// cdmOpener opens the parts of an entity.
type cdmOpener struct {
	entity  *cdmEntity
	csv     []*csvOpener // of each part
	columns []int        // the mapped attributes
	types   []cdmType    // of them
}

func (f Source) newCDMOpener(s *cdmSegment, columns []string) (*cdmOpener, error) {
	names := s.entity.names()
	at, err := segment.FindColumns(columns, names)
	if err != nil {
		return nil, err
	}
	opener := &cdmOpener{entity: s.entity, columns: at}
	for _, i := range at {
		a := s.entity.Attributes[i]
		kind, err := cdmTypeOf(a.DataType, s.model.Culture)
		if err != nil {
			return nil, s.model.errorf("has the attribute %q of the type %q, a type that is not known", a.Name, a.DataType)
		}
		opener.types = append(opener.types, kind)
	}
	for _, p := range s.entity.Partitions {
		csv, err := p.opener(names)
		if err != nil {
			return nil, s.model.errorf("has a part of the entity %q that cannot be read: %s", s.entity.Name, err)
		}
		csv.columns, csv.NullValues = columns, f.NullValues
		opener.csv = append(opener.csv, csv)
	}
	return opener, nil
}

func (e *cdmEntity) names() []string {
	names := make([]string, len(e.Attributes))
	for i, a := range e.Attributes {
		names[i] = a.Name
	}
	return names
}

// opener returns the reader of a part, by the settings that the model has for it. With
// either csvStyle, a quote counts at the beginning of a field: programs that write
// files put a field with any quote in it into quotes.
func (p cdmPartition) opener(names []string) (*csvOpener, error) {
	s := p.Settings
	if s == nil {
		s = &cdmSettings{}
	}
	o := &csvOpener{format: CSV}
	if s.ColumnHeaders == nil || !*s.ColumnHeaders {
		o.Columns, o.mayHaveHeader = names, s.ColumnHeaders == nil
	}
	if s.Kind != "" && !strings.EqualFold(s.Kind, "CsvFormatSettings") {
		return nil, fmt.Errorf("its format is %q, and only CSV is read", s.Kind)
	}
	o.Delimiter = ','
	if s.Delimiter != nil {
		delimiter, size := utf8.DecodeRuneInString(*s.Delimiter)
		if size == 0 || size != len(*s.Delimiter) || delimiter == '"' || delimiter == '\n' || delimiter == '\r' {
			return nil, fmt.Errorf("its delimiter %q is not one character", *s.Delimiter)
		}
		o.Delimiter = delimiter
	}
	switch strings.ToLower(strings.TrimPrefix(s.QuoteStyle, "QuoteStyle.")) {
	case "", "csv":
	case "none":
		o.unquoted = true
	default:
		return nil, fmt.Errorf("its quoteStyle %q is not known", s.QuoteStyle)
	}
	switch strings.ToLower(strings.TrimPrefix(s.CSVStyle, "CsvStyle.")) {
	case "", "quotealways", "quoteafterdelimiter":
	default:
		return nil, fmt.Errorf("its csvStyle %q is not known", s.CSVStyle)
	}
	switch encoding := strings.ToLower(s.Encoding); {
	case encoding == "" || encoding == "utf-8" || encoding == "utf8":
	case slices.Contains(Encodings(), encoding):
		o.Encoding = encoding
	default:
		return nil, fmt.Errorf("its encoding %q is not known", s.Encoding)
	}
	return o, nil
}

func (*cdmOpener) end() error { return io.EOF }

func (*cdmOpener) notices() []string { return nil }

func (o *cdmOpener) open(ctx context.Context, content storage.Content, at place) (fileRows, error) {
	csv := o.csv[at.part]
	rows, err := csv.open(ctx, content, at)
	if err != nil {
		return nil, o.blameModel(at, err)
	}
	if csv.Columns == nil {
		if err := o.lacks(at, rows.names()); err != nil {
			_ = rows.Close() // nothing is read
			return nil, err
		}
	}
	return &cdmRows{rows, o}, nil
}

// lacks refuses a part whose header lacks attributes.
func (o *cdmOpener) lacks(at place, header []string) error {
	missing := difference(o.entity.names(), header)
	if len(missing) == 0 {
		return nil
	}
	return storage.PathErrorf(correctModel, errDamagedModel, "The part %q of the entity %q lacks the columns %s, which the model has.", at.name, o.entity.Name, segment.Quoted(missing))
}

// blameModel explains errors about arguments, which the model has in place of the
// configuration.
func (o *cdmOpener) blameModel(at place, err error) error {
	var known *segment.Error
	var missing *segment.MissingColumnsError
	switch {
	case errors.As(err, &missing):
		return o.lacks(at, missing.Available)
	case errors.As(err, &known) && (errors.Is(err, errNoHeader) || !slices.Equal(known.Argument, []string{"file", "path"})):
		return storage.PathErrorf("The model says how its parts are written (fileFormatSettings), and it does not fit. "+correctModel, err, "The part %q of the entity %q is not as the model says: %s", at.name, o.entity.Name, known.Problem)
	default:
		return err
	}
}

// cdmRows are the rows of a part, with the types that the model has.
type cdmRows struct {
	fileRows

	opener *cdmOpener
}

func (r *cdmRows) names() []string { return r.opener.entity.names() }

// JSON implements [segment.Rows].
func (r *cdmRows) JSON() []bool {
	json := make([]bool, len(r.opener.types))
	for i, kind := range r.opener.types {
		json[i] = kind.isJSON
	}
	return json
}

// Next implements [segment.Rows].
func (r *cdmRows) Next(dst []string) ([]string, error) {
	first := len(dst)
	row, err := r.fileRows.Next(dst)
	if err != nil {
		return row, err
	}
	var bad *segment.RowError
	for i, kind := range r.opener.types {
		cell := &row[first+i]
		if kind.read == nil {
			continue
		}
		if *cell = strings.TrimSpace(*cell); *cell == "" {
			continue
		}
		value, ok := kind.read(*cell)
		if *cell = value; ok {
			continue
		}
		if *cell = ""; bad == nil {
			a := r.opener.entity.Attributes[r.opener.columns[i]]
			bad = &segment.RowError{Code: segment.CodeUnreadableValue, Problem: fmt.Sprintf("has a value in the column %q that is no %s", a.Name, a.DataType)}
		}
	}
	if bad != nil {
		return row[:first], bad.With(row[first:])
	}
	return row, nil
}
