package dataverse

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

var errNoValue = errors.New("there is no value")

// readPage decodes a page of an OData collection. A record holds the JSON of each
// column, empty for null. next is the address of the next page, if any.
func readPage(body []byte, columns []string) (records [][]string, next string, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	if err := expect(d, '{'); err != nil {
		return nil, "", err
	}
	found := false
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, "", err
		}
		switch key {
		case "value":
			found = true
			records, err = readRecords(d, columns)
		case "@odata.nextLink":
			err = d.Decode(&next)
		default:
			err = d.Decode(new(json.RawMessage))
		}
		if err != nil {
			return nil, "", err
		}
	}
	if err := expect(d, '}'); err != nil {
		return nil, "", err
	}
	if !found {
		return nil, "", errNoValue
	}
	return records, next, nil
}

func readRecords(d *json.Decoder, columns []string) (records [][]string, err error) {
	at := make(map[string]int, len(columns))
	for i, name := range columns {
		at[name] = i
	}
	if err := expect(d, '['); err != nil {
		return nil, err
	}
	for d.More() {
		record, err := readRecord(d, at)
		if err != nil {
			return nil, err
		}
		records = append(records, record)
	}
	return records, expect(d, ']')
}

func readRecord(d *json.Decoder, at map[string]int) ([]string, error) {
	record := make([]string, len(at))
	if err := expect(d, '{'); err != nil {
		return nil, err
	}
	var value json.RawMessage
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		name, _ := key.(string)
		if i, wanted := at[name]; wanted && string(value) != "null" {
			record[i] = string(value)
		}
	}
	return record, expect(d, '}')
}

func expect(d *json.Decoder, want json.Delim) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	if token != want {
		return fmt.Errorf("%s expected", want)
	}
	return nil
}

// textOf decodes a JSON string. It returns "" for any other value.
func textOf(value string) string {
	var text string
	if json.Unmarshal([]byte(value), &text) != nil {
		return ""
	}
	return text
}
