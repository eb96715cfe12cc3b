package standin

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
)

// Fault is something that goes wrong with requests. One of Status, Hang, Lose
// and Cut says what.
type Fault struct {
	Method string // of the requests that it strikes; empty for any
	Path   string // text in their path or query; empty for any
	Text   string // text in their body; empty for any
	After  int    // so many of them pass before
	Times  int    // how many it strikes; 1 if it is 0, all if it is negative

	Status     int // is the answer, with the service's own body unless Body is set
	RetryAfter int // seconds; 0 for none
	Body       string
	Header     http.Header

	Hang bool // there is no answer until the client gives up
	Lose bool // the request is carried out, and the connection is lost before the answer

	// Cut ends the body of the answer after so many bytes. The connection is lost
	// then, unless Clean is set: then the answer looks complete to HTTP.
	Cut   int
	Clean bool
}

// Break adds faults. The first that fits a request happens.
func (s *Server) Break(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		if f.Times == 0 {
			f.Times = 1
		}
		s.faults = append(s.faults, &f)
	}
}

// Mend takes all faults away.
func (s *Server) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// strike returns the fault that happens to a request, or nil.
func (s *Server) strike(r *http.Request, body []byte) *Fault {
	for _, f := range s.faults {
		if f.Times == 0 || f.Method != "" && f.Method != r.Method ||
			!strings.Contains(r.URL.RequestURI(), f.Path) || !bytes.Contains(body, []byte(f.Text)) {
			continue
		}
		if f.After > 0 {
			f.After--
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		return f
	}
	return nil
}

// suffer answers a request as a fault demands.
func (s *Server) suffer(w http.ResponseWriter, r *http.Request, f *Fault, handler http.Handler) {
	switch {
	case f.Hang:
		<-r.Context().Done()
	case f.Lose:
		handler.ServeHTTP(&discarding{header: http.Header{}}, r)
		panic(http.ErrAbortHandler) // closes the connection
	case f.Cut > 0:
		cut := &cutting{ResponseWriter: w, left: f.Cut}
		handler.ServeHTTP(cut, r)
		if cut.left == 0 && !f.Clean {
			panic(http.ErrAbortHandler)
		}
	default:
		for name, values := range f.Header {
			w.Header()[name] = values
		}
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
		}
		if f.Body == "" {
			s.refuse(w, f.Status)
			return
		}
		w.WriteHeader(f.Status)
		_, _ = w.Write([]byte(f.Body)) // a failure shows in the client
	}
}

type discarding struct{ header http.Header }

func (d *discarding) Header() http.Header         { return d.header }
func (d *discarding) Write(b []byte) (int, error) { return len(b), nil }
func (d *discarding) WriteHeader(int)             {}

// cutting writes the beginning of a body and swallows the rest.
type cutting struct {
	http.ResponseWriter
	left int
}

func (c *cutting) Write(b []byte) (int, error) {
	part := b[:min(len(b), c.left)]
	c.left -= len(part)
	if _, err := c.ResponseWriter.Write(part); err != nil {
		return 0, err
	}
	if c.left == 0 {
		if flusher, is := c.ResponseWriter.(http.Flusher); is {
			flusher.Flush() // the client must see what was written before the end
		}
	}
	return len(b), nil
}
