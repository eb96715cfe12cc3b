package databrickstest

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// answer is a StatementResponse.
func (s *Server) answer(w http.ResponseWriter, st *statement) {
	s.mu.Lock()
	state := map[string]any{"state": st.state}
	if st.ended() {
		s.Ended(st.id)
	}
	succeeded := st.state == "SUCCEEDED"
	if st.state == "FAILED" {
		state["error"] = map[string]any{"error_code": st.fail.Code, "message": st.fail.Message}
		if st.fail.State != "" {
			state["sql_state"] = st.fail.State
		}
	}
	s.mu.Unlock()
	body := map[string]any{"statement_id": st.id, "status": state}
	w.Header().Set("Content-Type", "application/json")
	if !succeeded {
		_, _ = w.Write(mustMarshal(body)) // a failure shows in the client
		return
	}
	body["manifest"] = st.manifest()
	text := mustMarshal(body)
	_, _ = w.Write(append(text[:len(text)-1], `,"result":`...))
	s.write(w, st, 0)
	_, _ = io.WriteString(w, "}")
}

func (s *Server) chunk(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	st := s.find(w, r)
	succeeded := st != nil && st.state == "SUCCEEDED"
	s.mu.Unlock()
	if st == nil {
		return
	}
	n, err := strconv.Atoi(r.PathValue("chunk"))
	switch {
	case !succeeded:
		refuse(w, http.StatusBadRequest, "BAD_REQUEST", "The statement has no result: it has not succeeded, or its result was closed.")
		return
	case err != nil || n < 0 || n >= len(st.chunks):
		refuse(w, http.StatusBadRequest, "INVALID_PARAMETER_VALUE", "The chunk index "+r.PathValue("chunk")+" is out of range.")
		return
	}
	if at := st.FailAt; at != nil && n >= at.Page {
		status := at.Status
		if status == 0 {
			status = http.StatusInternalServerError
		}
		refuse(w, status, at.Code, at.Message)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	s.write(w, st, n)
}

// write writes ResultData: a chunk or the link to it.
func (s *Server) write(w io.Writer, st *statement, n int) {
	if st.Rows == 0 && !st.inline {
		_, _ = io.WriteString(w, "{}") // there is nothing that a link could lead to
		return
	}
	chunk := st.chunks[n]
	info := map[string]any{"chunk_index": n, "row_offset": chunk.First, "row_count": chunk.Rows}
	if n+1 < len(st.chunks) {
		next := st.chunks[n+1].First
		info["next_chunk_index"] = n + 1
		info["next_chunk_internal_link"] = fmt.Sprintf("/api/2.0/sql/statements/%s/result/chunks/%d?row_offset=%d", st.id, n+1, next)
	}
	if !st.inline {
		s.mu.Lock()
		l := &link{st, n, time.Now().Add(s.LinkLifetime)}
		signature := fmt.Sprintf("standin%06d", len(s.links)+1)
		s.links[signature] = l
		s.mu.Unlock()
		info["byte_count"] = 100 * chunk.Rows
		info["external_link"] = s.StorageURL + l.path() + "?signature=" + signature
		info["expiration"] = l.expires.UTC().Format("2006-01-02T15:04:05.000Z")
		if s.LinkHeaders != nil {
			info["http_headers"] = s.LinkHeaders
		}
		_, _ = w.Write(mustMarshal(map[string]any{"external_links": []any{info}})) // a failure shows in the client
		return
	}
	defer s.Fetch()()
	text := mustMarshal(info)
	if chunk.Rows == 0 {
		_, _ = w.Write(text)
		return
	}
	_, _ = w.Write(append(text[:len(text)-1], `,"data_array":`...))
	if st.WriteRows(w, chunk, nil) == nil {
		_, _ = io.WriteString(w, "}")
	}
}

// manifest is ResultManifest.
func (st *statement) manifest() map[string]any {
	var columns, chunks []any
	for i, c := range st.Columns {
		columns = append(columns, columnInfo(i, c))
	}
	for i, p := range st.chunks {
		chunks = append(chunks, map[string]any{"chunk_index": i, "row_offset": p.First, "row_count": p.Rows})
	}
	manifest := map[string]any{
		"format": "JSON_ARRAY", "schema": map[string]any{"column_count": len(columns), "columns": columns},
		"total_row_count": st.Rows, "total_chunk_count": len(chunks), "chunks": chunks, "truncated": st.truncated,
	}
	if st.Rows == 0 && !st.inline {
		manifest["total_chunk_count"] = 0
		delete(manifest, "chunks")
	}
	return manifest
}

// typeNames are those that differ from the first word of type_text.
var typeNames = map[string]string{"BIGINT": "LONG", "SMALLINT": "SHORT", "TINYINT": "BYTE", "VARCHAR": "STRING", "VOID": "NULL"}

func columnInfo(position int, c Column) map[string]any {
	name := strings.ToUpper(regexp.MustCompile(`^\w+`).FindString(c.Type))
	info := map[string]any{"name": c.Name, "position": position, "type_name": name, "type_text": c.Type}
	if other := typeNames[name]; other != "" {
		info["type_name"] = other
	}
	if name == "DECIMAL" {
		info["type_precision"], info["type_scale"] = 10, 0
		var precision, scale int
		if n, _ := fmt.Sscanf(c.Type[len(name):], "(%d,%d)", &precision, &scale); n > 0 {
			info["type_precision"], info["type_scale"] = precision, scale
		}
	}
	return info
}
