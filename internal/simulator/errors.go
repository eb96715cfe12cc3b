package simulator

import (
	"crypto/rand"
	"fmt"
	"net/http"
)

// problem is one entry of a JSON:API error document. Status goes over the wire
// as a number, as Klaviyo sends it.
type problem struct {
	ID     string         `json:"id"`
	Status int            `json:"status"`
	Code   string         `json:"code"`
	Title  string         `json:"title"`
	Detail string         `json:"detail"`
	Source problemSource  `json:"source"`
	Links  map[string]any `json:"links"`
	Meta   map[string]any `json:"meta"`
}

type problemSource struct {
	Pointer   string `json:"pointer,omitempty"`
	Parameter string `json:"parameter,omitempty"`
}

func newProblem(status int, code, title, detail string) problem {
	return problem{
		Status: status, Code: code, Title: title, Detail: detail,
		Source: problemSource{Pointer: "/data"},
		Links:  map[string]any{}, Meta: map[string]any{},
	}
}

// invalid is a fault in the request body, at a JSON pointer.
func invalid(pointer, detail string) problem {
	p := newProblem(http.StatusBadRequest, "invalid", "Invalid input.", detail)
	p.Source.Pointer = pointer
	return p
}

// invalidParameter is a fault in the query string.
func invalidParameter(name, detail string) problem {
	p := newProblem(http.StatusBadRequest, "invalid", "Invalid input.", detail)
	p.Source = problemSource{Parameter: name}
	return p
}

func notFound(resource, id string) problem {
	return newProblem(http.StatusNotFound, "not_found", "Not found.",
		fmt.Sprintf("A %s with id %s does not exist.", resource, id))
}

func tooLarge(detail string) problem {
	return newProblem(http.StatusRequestEntityTooLarge, "request_too_large", "Request entity too large.", detail)
}

// refuse answers with an error document; the first problem decides the status.
func refuse(problems ...problem) response {
	for i := range problems {
		problems[i].ID = newUUID()
	}
	answer := document(problems[0].Status, map[string]any{"errors": problems})
	answer.refused = true
	return answer
}

func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
