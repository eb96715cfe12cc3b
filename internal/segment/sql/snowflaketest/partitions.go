package snowflaketest

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// write writes the body of a partition. The first has all of the statement, the others have nothing but rows.
func (st *statement) write(w io.Writer, partition int) error {
	if _, err := io.WriteString(w, "{"); err != nil {
		return err
	}
	if partition == 0 {
		head := st.describe("090001", "00000", "Statement executed successfully.")
		head["resultSetMetaData"] = st.metadata()
		text, err := json.Marshal(head)
		if err != nil {
			return err
		}
		if _, err := w.Write(append(text[1:len(text)-1], ',')); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(w, `"data":`); err != nil {
		return err
	}
	if err := st.WriteRows(w, st.Pages()[partition], st.encode); err != nil {
		return err
	}
	_, err := io.WriteString(w, "}")
	return err
}

func (st *statement) encode(row []any) any {
	if st.nulls {
		return row
	}
	words := make([]any, len(row))
	for i, value := range row {
		words[i] = value
		if value == nil {
			words[i] = "null"
		}
	}
	return words
}

// metadata is resultSetMetaData.
func (st *statement) metadata() map[string]any {
	var columns, partitions []any
	for _, c := range st.Columns {
		columns = append(columns, rowType(c))
	}
	for _, p := range st.Pages() {
		partitions = append(partitions, map[string]any{"rowCount": p.Rows, "uncompressedSize": 100 * p.Rows, "compressedSize": 30 * p.Rows})
	}
	return map[string]any{"format": "jsonv2", "numRows": st.Rows, "rowType": columns, "partitionInfo": partitions}
}

// rowType describes a column. What a type does not have is null.
func rowType(c Column) map[string]any {
	name, rest, _ := strings.Cut(strings.TrimSuffix(c.Type, ")"), "(")
	kind := map[string]any{
		"name": c.Name, "type": strings.ToLower(name), "database": "", "schema": "", "table": "", "nullable": true,
		"precision": nil, "scale": nil, "length": nil, "byteLength": nil, "collation": nil,
	}
	numbers := strings.Split(rest, ",")
	number := func(i, otherwise int) int {
		if i >= len(numbers) {
			return otherwise
		}
		if n, err := strconv.Atoi(strings.TrimSpace(numbers[i])); err == nil {
			return n
		}
		return otherwise
	}
	switch strings.ToLower(name) {
	case "fixed":
		kind["precision"], kind["scale"] = number(0, 38), number(1, 0)
	case "text", "binary":
		kind["length"] = number(0, 16777216)
		kind["byteLength"] = kind["length"]
	case "time", "timestamp_ltz", "timestamp_ntz", "timestamp_tz":
		kind["precision"], kind["scale"] = 0, number(0, 9)
	}
	return kind
}

// links is the header that leads from a partition to the others.
func (st *statement) links(partition int) string {
	last := len(st.Pages()) - 1
	link := func(n int, rel string) string {
		return fmt.Sprintf(`</api/v2/statements/%s?partition=%d>;rel="%s"`, st.handle, n, rel)
	}
	all := []string{link(0, "first")}
	if partition > 0 {
		all = append(all, link(partition-1, "prev"))
	}
	if partition < last {
		all = append(all, link(partition+1, "next"))
	}
	return strings.Join(append(all, link(last, "last")), ",")
}
