package main

import (
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

// source serves the segment over HTTP, and may go wrong while it is read.
type source struct {
	server *httptest.Server

	mu      sync.Mutex
	content []byte
	number  int // of the content
	reads   int // since the fault was armed
	from    int // the first of them that goes wrong
	wholes  int // reads of more than the first byte, which tells the version
	fault   func(wholes int, content []byte) answer
}

// answer is how a source answers a request.
type answer struct {
	content []byte
	tag     string // what tells this content from others; empty for that of the segment
	cut     bool   // the connection ends before the last rows
}

func newSource() *source {
	s := &source{}
	s.server = httptest.NewServer(s)
	return s
}

func (s *source) url() string { return s.server.URL + "/vip.csv" }

// set replaces the content.
func (s *source) set(content []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.content, s.number = content, s.number+1
}

// arm sets how reads are answered, from so many on from now; nil for as they should.
func (s *source) arm(from int, fault func(wholes int, content []byte) answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from, s.fault, s.reads, s.wholes = from, fault, 0, 0
}

// struck reports whether a read has gone wrong.
func (s *source) struck() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads >= s.from
}

// ServeHTTP implements http.Handler.
func (s *source) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := s.answer(r.Header.Get("Range") != "bytes=0-0")
	w.Header().Set("ETag", `"`+a.tag+`"`)
	if a.cut {
		w.Header().Set("Content-Length", fmt.Sprint(len(a.content)))
		_, _ = w.Write(a.content[:len(a.content)/20*19]) // the client may have hung up
		panic(http.ErrAbortHandler)
	}
	http.ServeContent(w, r, "vip.csv", time.Time{}, bytes.NewReader(a.content))
}

func (s *source) answer(whole bool) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if whole {
		s.wholes++
	}
	a := answer{content: s.content}
	if s.fault != nil && s.reads >= s.from {
		a = s.fault(s.wholes, s.content)
	}
	a.tag = cmp.Or(a.tag, fmt.Sprint(s.number))
	return a
}
