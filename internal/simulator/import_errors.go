package simulator

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// verdict is why a profile is refused or fails.
type verdict struct{ code, detail string }

// refusals are the profiles that were set up not to be taken. They are replaced
// as a whole when one is added, so that imports read them without a lock.
type refusals struct {
	emails, phones map[string]*verdict // at once
	prefixes       map[string]*verdict // at once, by how the phone number begins
	late           map[string]*verdict // by the job
}

// RefuseEmail makes every import that holds the address be refused, with this
// code and detail at the row.
func (s *Server) RefuseEmail(email, code, detail string) {
	s.refuseMore(func(r *refusals) { r.emails[strings.ToLower(email)] = &verdict{code, detail} })
}

// RefusePhone makes every import that holds the phone number be refused, with
// this code and detail at the row's phone_number.
func (s *Server) RefusePhone(phone, code, detail string) {
	s.refuseMore(func(r *refusals) { r.phones[phone] = &verdict{code, detail} })
}

// RefusePhones makes every import that holds a phone number with this beginning,
// such as "+34", be refused, as RefusePhone does for a single number.
func (s *Server) RefusePhones(prefix, code, detail string) {
	s.refuseMore(func(r *refusals) { r.prefixes[prefix] = &verdict{code, detail} })
}

// FailEmail lets imports with the address be accepted, and the row fail later:
// it is among the failed of the job and in its import errors.
func (s *Server) FailEmail(email, code, detail string) {
	s.refuseMore(func(r *refusals) { r.late[strings.ToLower(email)] = &verdict{code, detail} })
}

// TakeEmail ends what RefuseEmail and FailEmail have set up for an address.
func (s *Server) TakeEmail(email string) {
	s.refuseMore(func(r *refusals) {
		delete(r.emails, strings.ToLower(email))
		delete(r.late, strings.ToLower(email))
	})
}

func (s *Server) refuseMore(add func(*refusals)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	copied := &refusals{
		emails: map[string]*verdict{}, phones: map[string]*verdict{}, prefixes: map[string]*verdict{}, late: map[string]*verdict{},
	}
	maps.Copy(copied.emails, s.refusals.emails)
	maps.Copy(copied.phones, s.refusals.phones)
	maps.Copy(copied.prefixes, s.refusals.prefixes)
	maps.Copy(copied.late, s.refusals.late)
	add(copied)
	s.refusals = copied
}

// check returns the problems that were set up for a profile.
func (r *refusals) check(d *details, at string) (problems []problem) {
	if v := r.emails[strings.ToLower(d.email)]; v != nil && d.email != "" {
		problems = append(problems, v.problem(at+"/email"))
	}
	if v := r.phone(d.phone); v != nil {
		problems = append(problems, v.problem(at+"/phone_number"))
	}
	return problems
}

// phone returns why a phone number is refused, nil if it is not.
func (r *refusals) phone(number string) *verdict {
	if v := r.phones[number]; v != nil && number != "" {
		return v
	}
	for prefix, v := range r.prefixes {
		if strings.HasPrefix(number, prefix) {
			return v
		}
	}
	return nil
}

func (v *verdict) problem(pointer string) problem {
	p := invalid(pointer, v.detail)
	p.Code = v.code
	return p
}

// failure is an import error: a row that failed after the import was accepted.
type failure struct {
	verdict
	number  int
	pointer string
	payload json.RawMessage
}

func (j *job) fail(row importRow, why verdict) {
	pointer := rowsPointer + strconv.Itoa(row.index)
	if row.email != "" {
		pointer += "/attributes/email"
	}
	j.failures = append(j.failures, failure{why, len(j.failures), pointer, originalPayload(row.payload)})
}

// originalPayload is the profile as it was sent: its attributes, and its id
// beside them.
func originalPayload(row []byte) json.RawMessage {
	var payload []objectField
	for _, m := range objectFields(row) {
		switch m.key {
		case "id":
			payload = append(payload, m)
		case "attributes":
			payload = append(payload, objectFields(m.value)...)
		}
	}
	if payload == nil {
		return json.RawMessage("null")
	}
	return joinFields(payload)
}

func importErrorOperations() []*operation {
	fields := fieldsOf("import-error", []string{
		"code", "detail", "id", "original_payload", "source", "source.pointer", "title",
	})
	return []*operation{{
		method: "GET", path: "profile-bulk-import-jobs/{id}/import-errors", scopes: jobScopes[1:], limit: medium,
		parameters: append([]parameter{fields}, paged(20, 100)...), handle: getImportErrors,
	}}
}

func getImportErrors(x *exchange) response {
	return onJob(x, func(j *job) response {
		items, links := page(x, inOrder(j.failures, func(f failure) string { return fmt.Sprintf("%012d", f.number) }), false)
		return document(http.StatusOK, map[string]any{
			"data":  convert(items, func(f failure) object { return x.importErrorObject(j, f) }),
			"links": links,
		})
	})
}

func (x *exchange) importErrorObject(j *job, f failure) object {
	attributes := map[string]any{
		"code": f.code, "title": "Invalid input.", "detail": f.detail,
		"source": map[string]any{"pointer": f.pointer}, "original_payload": f.payload,
	}
	asked, given := x.query.fields("import-error")
	id := fmt.Sprintf("%s-%d", j.id, f.number)
	return object{
		Type: "import-error", ID: id, Attributes: sparse(attributes, asked, given),
	}
}
