package foreign

import (
	"fmt"
	"html"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
)

// cell is a cell of a sheet: its type, its value and, in the style of the sheet, how
// it is shown.
type cell struct{ kind, value string }

func text(value string) cell { return cell{"string", value} }

// sheet is a document of Calc with German formats, as flat XML.
func sheet(rows ...[]cell) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>
<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
 xmlns:number="urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0" xmlns:of="urn:oasis:names:tc:opendocument:xmlns:of:1.2"
 office:version="1.3" office:mimetype="application/vnd.oasis.opendocument.spreadsheet">
<office:automatic-styles>
<number:number-style style:name="N1" number:language="de" number:country="DE"><number:number number:decimal-places="2" number:min-decimal-places="2" number:min-integer-digits="1" number:grouping="true"/></number:number-style>
<number:date-style style:name="N2" number:language="de" number:country="DE"><number:day number:style="long"/><number:text>.</number:text><number:month number:style="long"/><number:text>.</number:text><number:year number:style="long"/></number:date-style>
<number:boolean-style style:name="N3" number:language="de" number:country="DE"><number:boolean/></number:boolean-style>
<number:number-style style:name="N4" number:language="de" number:country="DE"><number:number number:decimal-places="0" number:min-integer-digits="5"/></number:number-style>
<number:date-style style:name="N5"><number:year number:style="long"/><number:text>-</number:text><number:month number:style="long"/><number:text>-</number:text><number:day number:style="long"/><number:text> </number:text><number:hours number:style="long"/><number:text>:</number:text><number:minutes number:style="long"/></number:date-style>
<style:style style:name="float" style:family="table-cell" style:data-style-name="N1"/>
<style:style style:name="date" style:family="table-cell" style:data-style-name="N2"/>
<style:style style:name="boolean" style:family="table-cell" style:data-style-name="N3"/>
<style:style style:name="postcode" style:family="table-cell" style:data-style-name="N4"/>
<style:style style:name="moment" style:family="table-cell" style:data-style-name="N5"/>
</office:automatic-styles><office:body><office:spreadsheet><table:table table:name="People">`)
	for _, row := range rows {
		b.WriteString("<table:table-row>")
		for _, c := range row {
			b.WriteString(c.xml())
		}
		b.WriteString("</table:table-row>")
	}
	b.WriteString("</table:table></office:spreadsheet></office:body></office:document>")
	return b.String()
}

func (c cell) xml() string {
	value := html.EscapeString(c.value)
	switch c.kind {
	case "string":
		return `<table:table-cell office:value-type="string"><text:p>` + strings.ReplaceAll(value, "\n", "</text:p><text:p>") + "</text:p></table:table-cell>"
	case "formula":
		return fmt.Sprintf(`<table:table-cell table:formula="of:=%s"/>`, value)
	case "date":
		return fmt.Sprintf(`<table:table-cell table:style-name="date" office:value-type="date" office:date-value=%q/>`, value)
	case "moment":
		return fmt.Sprintf(`<table:table-cell table:style-name="moment" office:value-type="date" office:date-value=%q/>`, value)
	case "boolean":
		return fmt.Sprintf(`<table:table-cell table:style-name="boolean" office:value-type="boolean" office:boolean-value=%q/>`, value)
	case "":
		return "<table:table-cell/>"
	default:
		return fmt.Sprintf(`<table:table-cell table:style-name=%q office:value-type="float" office:value=%q/>`, c.kind, value)
	}
}

// Character sets of LibreOffice's filter for CSV.
const (
	asUTF8   = "76"
	asWin    = "1"
	asUTF16  = "65535"
	asMac    = "2"
	asLatin9 = "22"
)

// convert lets LibreOffice write a sheet as CSV.
func convert(t *testing.T, document string, separator rune, charset string, quoteTexts bool) (path string) {
	t.Helper()
	needs(t, "soffice")
	dir := t.TempDir()
	source := filepath.Join(dir, "people.fods")
	if err := os.WriteFile(source, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	filter := fmt.Sprintf("csv:Text - txt - csv (StarCalc):%d,34,%s,1,,1031,%t,true", separator, charset, quoteTexts)
	run(t, "", nil, "soffice", "-env:UserInstallation=file://"+filepath.ToSlash(dir)+"/profile", "--headless", "--convert-to", filter, "--outdir", dir, source)
	return filepath.Join(dir, "people.csv")
}

var libreColumns = []string{"EMail", "Name", "Spent", "Born", "Seen", "VIP", "Postcode", "Code", "Sum", "Note"}

// libreSheet has a title, an empty line, a header, and people with what spreadsheets
// hold.
func libreSheet() string {
	var header []cell
	for _, name := range libreColumns {
		header = append(header, text(name))
	}
	return sheet(
		[]cell{text("Kunden, Stand heute")},
		nil,
		header,
		[]cell{
			text("ann@example.com"), text("Änne Müller-Groß"),
			{"float", "1234.5"},
			{"date", "1990-02-28"},
			{"moment", "2026-11-27T06:30:00"},
			{"boolean", "true"},
			{"postcode", "1067"},
			text("00417"),
			{"formula", `CONCATENATE("a";"b")`},
			text("two\nlines, \"quoted\"; tab\tend"),
		},
		[]cell{text("bob@example.com"), text(`Robert "Bob"`), {"float", "-0.5"}, {"date", "2000-12-31"}, {}, {"boolean", "false"}},
		nil,
		[]cell{text("eve@example.com"), {}, {"float", "1000000"}},
	)
}

// What LibreOffice writes is read with every separator and encoding.
func TestLibreOffice(t *testing.T) {
	t.Parallel()
	want := [][]string{
		{"ann@example.com", "Änne Müller-Groß", "1.234,50", "28.02.1990", "2026-11-27 06:30", "WAHR", "01067", "00417", "ab", "two\nlines, \"quoted\"; tab\tend"},
		{"bob@example.com", `Robert "Bob"`, "-0,50", "31.12.2000", "", "FALSCH", "", "", "", ""},
		{"eve@example.com", "", "1.000.000,00", "", "", "", "", "", "", ""},
	}
	for name, tc := range map[string]struct {
		separator         rune
		charset, encoding string
		quoteTexts        bool
	}{
		"comma":             {',', asUTF8, "", false},
		"semicolon, quotes": {';', asUTF8, "utf-8", true},
		"tab":               {'\t', asUTF8, "", false},
		"windows-1252":      {';', asWin, "windows-1252", false},
		"utf-16":            {'\t', asUTF16, "utf-16", true},
		"macintosh":         {',', asMac, "macintosh", false},
		"iso-8859-15":       {';', asLatin9, "iso-8859-15", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := convert(t, libreSheet(), tc.separator, tc.charset, tc.quoteTexts)
			rows, _ := read(t, file.Source{Path: path, Delimiter: tc.separator, Encoding: tc.encoding, SkipLines: 2}, libreColumns...)
			if got := fmt.Sprintf("%q", rows); got != fmt.Sprintf("%q", want) {
				content, _ := os.ReadFile(path)
				t.Errorf("rows %s, want %q; the file is %q", got, want, content)
			}
		})
	}
}
