package bigquerytest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql/standin"
)

// queryRequest is the body of jobs.query.
type queryRequest struct {
	querySettings
	Kind            string            `json:"kind"`
	DryRun          bool              `json:"dryRun"`
	MaxResults      json.Number       `json:"maxResults"`
	TimeoutMs       json.Number       `json:"timeoutMs"`
	JobTimeoutMs    json.Number       `json:"jobTimeoutMs"`
	Location        string            `json:"location"`
	RequestID       string            `json:"requestId"`
	Labels          map[string]string `json:"labels"`
	JobCreationMode string            `json:"jobCreationMode"`
	FormatOptions   struct {
		TimestampOutputFormat string `json:"timestampOutputFormat"`
		UseInt64Timestamp     bool   `json:"useInt64Timestamp"`
	} `json:"formatOptions"`
}

// query is jobs.query: it runs a query and answers with the first page, if it ended soon enough.
func (s *Server) query(w http.ResponseWriter, r *http.Request) {
	var body queryRequest
	if err := standin.Decode(r, &body); err != nil {
		refuse(w, http.StatusBadRequest, "badRequest", "Invalid JSON payload received. "+err.Error())
		return
	}
	s.mu.Lock()
	j := s.requests[body.RequestID]
	s.mu.Unlock()
	if j == nil || body.RequestID == "" { // a repeated request with the same id runs nothing
		var refused bool
		options := map[string]string{"jobTimeoutMs": body.JobTimeoutMs.String()}
		if j, refused = s.create(w, jobReference{Location: body.Location}, body.querySettings, body.DryRun, options); refused {
			return
		}
		s.mu.Lock()
		s.requests[body.RequestID] = j
		s.mu.Unlock()
	}
	if body.DryRun {
		standin.JSON(w, http.StatusOK, map[string]any{
			"kind": "bigquery#queryResponse", "jobComplete": true, "schema": map[string]any{"fields": fields(j.Columns)},
			"totalBytesProcessed": strconv.FormatInt(j.Bytes, 10), "jobReference": map[string]any{"projectId": j.project, "location": j.location},
		})
		return
	}
	query := url.Values{}
	if body.MaxResults != "" {
		query.Set("maxResults", body.MaxResults.String())
	}
	query.Set("formatOptions.timestampOutputFormat", body.FormatOptions.TimestampOutputFormat)
	query.Set("formatOptions.useInt64Timestamp", strconv.FormatBool(body.FormatOptions.UseInt64Timestamp))
	s.answer(w, r, j, query, "bigquery#queryResponse")
}

// results is jobs.getQueryResults.
func (s *Server) results(w http.ResponseWriter, r *http.Request) {
	if j := s.job(w, r); j != nil {
		s.answer(w, r, j, r.URL.Query(), "bigquery#getQueryResultsResponse")
	}
}

// page is the part of a result that a request asks for.
type page struct {
	standin.Page
	number int
	end    bool
	format string // of timestamps
}

// answer answers with a page of a job's result, or that the job still runs.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, j *job, query url.Values, kind string) {
	reference := map[string]any{"projectId": j.project, "jobId": j.id, "location": j.location}
	s.mu.Lock()
	fail, running := j.fail, j.fail == nil && (j.Endless || j.polls > 0)
	if j.polls > 0 {
		j.polls--
	}
	p, problem := j.page(query)
	s.mu.Unlock()
	if at := j.FailAt; fail == nil && !running && at != nil && p.number >= at.Page {
		fail = &at.Failure
	}
	switch {
	case fail != nil:
		s.Ended(j.id)
		refuse(w, status(fail), fail.Name, fail.Message)
		return
	case running:
		standin.JSON(w, http.StatusOK, map[string]any{"kind": kind, "jobReference": reference, "jobComplete": false})
		return
	case problem != "":
		refuse(w, http.StatusBadRequest, "invalid", problem)
		return
	}
	s.Ended(j.id)
	s.mu.Lock()
	j.served = p.number
	s.mu.Unlock()
	defer s.Fetch()()
	body := map[string]any{
		"kind": kind, "etag": "stand-in", "jobReference": reference, "jobComplete": true, "cacheHit": false, "schema": map[string]any{"fields": fields(j.Columns)},
		"totalRows": strconv.Itoa(j.Rows), "totalBytesProcessed": strconv.FormatInt(j.Bytes, 10),
	}
	if !p.end {
		body["pageToken"] = token(p.First+p.Rows, p.number+1)
	}
	write(w, r, func(out io.Writer) error { return j.write(out, body, p) })
}

// token is a page token. It says nothing to a client.
func token(row, number int) string { return fmt.Sprintf("BSTANDIN%dP%dAAAAQ==", row, number) }

// page finds the page that a request asks for. A page token is valid once, in
// the order in which they were given out; the newest that was used may be used
// again, since its answer may have been lost.
func (j *job) page(query url.Values) (page, string) {
	p := page{format: query.Get("formatOptions.timestampOutputFormat")}
	if query.Get("formatOptions.useInt64Timestamp") == "true" {
		if p.format != "" {
			return p, "Only one of timestampOutputFormat and useInt64Timestamp may be set."
		}
		p.format = "INT64"
	}
	switch p.format {
	case "", "TIMESTAMP_OUTPUT_FORMAT_UNSPECIFIED", "FLOAT64", "INT64", "ISO8601_STRING":
	default:
		return p, "Invalid value at 'format_options.timestamp_output_format': " + p.format
	}
	if text := query.Get("startIndex"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || query.Get("pageToken") != "" {
			return p, "Invalid value at 'start_index'."
		}
		p.First = min(n, j.Rows)
	} else if text := query.Get("pageToken"); text != "" {
		var row, number int
		if _, err := fmt.Sscanf(text, "BSTANDIN%dP%dAAAAQ==", &row, &number); err != nil || number != j.served && number != j.served+1 {
			return p, "Invalid page token: it is not the newest one."
		}
		p.First, p.number = row, number
	}
	size := j.Size()
	if text := query.Get("maxResults"); text != "" {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return p, "Invalid value at 'max_results' (TYPE_UINT32)"
		}
		size = min(size, int(n))
	}
	if j.IsEmpty(p.number) {
		size = 0
	}
	p.Rows = min(size, j.Rows-p.First)
	p.end = p.First+p.Rows == j.Rows && !j.IsEmpty(p.number+1)
	return p, ""
}

// write writes the body of a page. One without rows has no field rows.
func (j *job) write(w io.Writer, body map[string]any, p page) error {
	text, err := json.Marshal(body)
	if err != nil || p.Rows == 0 {
		_, _ = w.Write(text) // a failure shows in the client
		return err
	}
	if _, err := w.Write(append(bytes.TrimSuffix(text, []byte("}")), `,"rows":`...)); err != nil {
		return err
	}
	encode := func(row []any) any { return record(j.Columns, row, p.format) }
	if err := j.WriteRows(w, p.Page, encode); err != nil {
		return err
	}
	_, err = io.WriteString(w, "}")
	return err
}

// tableRow and tableCell are the API's TableRow and TableCell.
type (
	tableRow struct {
		F []tableCell `json:"f"`
	}
	tableCell struct {
		V any `json:"v"`
	}
)

// record is a row or the value of a RECORD.
func record(columns []Column, values []any, format string) tableRow {
	cells := make([]tableCell, len(columns))
	for i, c := range columns {
		cells[i].V = cell(c, values[i], format)
	}
	return tableRow{cells}
}

// cell is a value.
func cell(c Column, value any, format string) any {
	switch value := value.(type) {
	case []any:
		if !c.Repeated {
			return record(c.Fields, value, format)
		}
		element, list := c, make([]tableCell, len(value))
		element.Repeated = false
		for i, v := range value {
			list[i].V = cell(element, v, format)
		}
		return list
	case time.Time:
		return timestamp(value.UTC(), format)
	}
	if value == nil && c.Repeated { // a NULL array is an empty one
		return []tableCell{}
	}
	return value
}

func timestamp(t time.Time, format string) string {
	switch format {
	case "INT64":
		return strconv.FormatInt(t.UnixMicro(), 10)
	case "ISO8601_STRING":
		return t.Format("2006-01-02T15:04:05.000000") + "000000Z"
	default:
		return strconv.FormatFloat(float64(t.UnixMicro())/1e6, 'E', -1, 64)
	}
}

// write answers with a body, compressed if the client takes that.
func write(w http.ResponseWriter, r *http.Request, body func(io.Writer) error) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		_ = body(w) // a failure shows in the client
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	compressed := gzip.NewWriter(w)
	if body(compressed) == nil {
		_ = compressed.Close() // a failure shows in the client
	}
}
