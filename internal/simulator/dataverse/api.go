package dataverse

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of Dataverse.
const (
	maxConcurrent = 52
	maxAddress    = 32 << 10
	maxPage       = 5000
)

func (s *Server) api(w http.ResponseWriter, r *http.Request) {
	if !s.enter(w, r) {
		return
	}
	defer s.leave()
	if s.fail(w, r) || !s.admit(w, r) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	resource := strings.TrimPrefix(r.URL.Path, "/api/data/v9.2/")
	switch {
	case resource == "EntityDefinitions(LogicalName='msdynci_customerprofile')/Attributes" && !s.NoTables:
		s.metadata(w, r)
	case resource == "RetrieveTotalRecordCount(EntityNames=['msdynci_customerprofile'])" && s.ProfileCount >= 0:
		count := s.ProfileCount
		if count == 0 {
			count = len(s.profiles)
		}
		write(w, http.StatusOK, map[string]any{"EntityRecordCountCollection": map[string]any{
			"Count": 1, "IsReadOnly": false, "Keys": []string{"msdynci_customerprofile"}, "Values": []int{count},
		}})
	case resource == "msdynci_customerprofiles" && !s.NoTables:
		s.records(w, r, s.profiles, s.profileColumns())
	case resource == "msdynci_segmentmemberships" && !s.NoTables:
		s.records(w, r, s.memberships, []string{"msdynci_customerid", "msdynci_segments"})
	default:
		refuse(w, http.StatusNotFound, "0x80060888", fmt.Sprintf("Resource not found for the segment '%s'.", resource))
	}
}

func (s *Server) enter(w http.ResponseWriter, r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, strings.TrimPrefix(r.URL.Path, "/api/data/v9.2/")+"?"+unescaped(r.URL.RawQuery))
	if s.running >= maxConcurrent {
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusTooManyRequests, "0x80072326", "Number of concurrent requests exceeded the limit of 52.")
		return false
	}
	s.running++
	s.maxRunning = max(s.maxRunning, s.running)
	return true
}

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
}

// fail answers with a fault if there is one for the request.
func (s *Server) fail(w http.ResponseWriter, r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.Times == 0 || !strings.Contains(unescaped(r.URL.String()), f.Match) {
			continue
		}
		f.Times--
		if f.RetryAfter != "" {
			w.Header().Set("Retry-After", f.RetryAfter)
		}
		switch f.Status {
		case http.StatusFound:
			w.Header().Set("Location", s.URL+"/signin")
		case http.StatusUnauthorized:
			challenge(w)
		}
		switch {
		case f.Truncate:
			w.Header().Set("Content-Length", "100000")
			fmt.Fprint(w, `{"value":[{"msdynci_customerid":"`)
		case f.HTML:
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(f.Status)
			fmt.Fprint(w, "<html>Sign in</html>")
		case f.Body != "":
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(f.Status)
			fmt.Fprint(w, f.Body)
		default:
			refuse(w, f.Status, "0x80072322", "Number of requests exceeded the limit of 6000 over time window of 300 seconds.")
		}
		return true
	}
	return false
}

// admit checks the request and its token.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	ends, known := s.tokens[token]
	switch {
	case r.Method != http.MethodGet:
		refuse(w, http.StatusMethodNotAllowed, "0x80060888", "Only reading is advised.")
	case len(r.URL.String()) > maxAddress:
		w.WriteHeader(http.StatusRequestURITooLong)
	case !known || time.Now().After(ends):
		challenge(w)
		w.WriteHeader(http.StatusUnauthorized)
	case s.NotMember:
		refuse(w, http.StatusForbidden, "0x80072560", "The user is not a member of the organization.")
	case s.MissingPrivilege != "" && strings.Contains(r.URL.Path, "msdynci_"):
		refuse(w, http.StatusForbidden, "0x80040220", "Principal user (Id=4f7d1f6e-0000-1111-2222-333344445555, type=8, roleCount=1) is missing "+s.MissingPrivilege+" privilege (Id=0) on OTC=10000.")
	default:
		return true
	}
	return false
}

// challenge says where a token is to be had, as Dataverse does with each 401.
func challenge(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", "Bearer authorization_uri=https://login.microsoftonline.com/"+Tenant+"/oauth2/authorize, resource_id=https://contoso.crm.dynamics.com/")
}

func (s *Server) metadata(w http.ResponseWriter, _ *http.Request) {
	if s.NoMetadata {
		refuse(w, http.StatusForbidden, "0x80040220", "Principal user (Id=4f7d1f6e-0000-1111-2222-333344445555, type=8) is missing prvReadEntity privilege.")
		return
	}
	value := []map[string]any{}
	add := func(name, kind string, of any) {
		value = append(value, map[string]any{
			"@odata.type": "#Microsoft.Dynamics.CRM.AttributeMetadata", "LogicalName": name, "AttributeType": kind,
			"AttributeOf": of, "IsValidForRead": true, "MetadataId": "00000000-0000-0000-0000-000000000000",
		})
	}
	add("createdon", "DateTime", nil)
	add("msdynci_customerid", "String", nil)
	for _, c := range s.columns {
		add(c.name, c.kind, nil)
		if c.kind == "Picklist" || c.kind == "Lookup" {
			add(c.name+"name", "Virtual", c.name)
		}
	}
	write(w, http.StatusOK, map[string]any{"value": value})
}

// profileColumns returns the names that a query may select.
func (s *Server) profileColumns() []string {
	names := []string{"createdon", "msdynci_customerid"}
	for _, c := range s.columns {
		if c.kind == "Lookup" {
			names = append(names, "_"+c.name+"_value")
		} else {
			names = append(names, c.name)
		}
	}
	return names
}

// records answers a query of a table.
func (s *Server) records(w http.ResponseWriter, r *http.Request, table []stored, columns []string) {
	q, problem := parseQuery(r.URL.RawQuery)
	if problem != "" {
		refuse(w, http.StatusBadRequest, "0x80060888", problem)
		return
	}
	for _, name := range q.selected {
		if !slices.Contains(columns, name) {
			refuse(w, http.StatusBadRequest, "0x80060888", fmt.Sprintf("Could not find a property named '%s' on type 'Microsoft.Dynamics.CRM.msdynci_customerprofile'.", name))
			return
		}
	}
	matching := slices.DeleteFunc(slices.Clone(table), func(record stored) bool { return !q.matches(record.values) })
	slices.SortFunc(matching, func(a, b stored) int { return strings.Compare(a.id, b.id) })
	size := s.pageSize(r)
	if q.top > 0 {
		size = min(size, q.top)
	}
	page := matching[min(q.skip, len(matching)):min(q.skip+size, len(matching))]
	value := make([]map[string]any, len(page))
	for i, record := range page {
		value[i] = map[string]any{"@odata.etag": `W/"1"`, "msdynci_recordid": record.id}
		for _, name := range q.selected {
			value[i][name] = record.values[name]
		}
	}
	answer := map[string]any{"@odata.context": s.URL + "/api/data/v9.2/$metadata#set", "value": value}
	if q.skip+size < len(matching) && q.top == 0 {
		answer["@odata.nextLink"] = s.URL + r.URL.Path + "?" + q.without + "&$skiptoken=" + cookie(q.skip+size)
	}
	write(w, http.StatusOK, answer)
}

// pageSize returns the size that the header asks for, within the limits.
func (s *Server) pageSize(r *http.Request) int {
	size := maxPage
	if wanted, ok := strings.CutPrefix(r.Header.Get("Prefer"), "odata.maxpagesize="); ok {
		if n, err := strconv.Atoi(wanted); err == nil && n > 0 {
			size = min(n, size)
		}
	}
	if s.MaxPage > 0 {
		size = min(size, s.MaxPage)
	}
	return size
}

func write(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json; odata.metadata=minimal")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(document) // the client may be gone
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	write(w, status, map[string]any{"error": map[string]any{"code": code, "message": message}})
}
