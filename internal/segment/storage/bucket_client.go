package storage

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// maxStoreAnswer bounds an answer that is not the content of an object. A page of a
// thousand keys of 1 KiB, the longest that there are, takes a few MiB.
const maxStoreAnswer = 32 << 20

var errLongAnswer = &readError{
	problem: fmt.Sprintf("the store answers with more than %d MiB about at most %d objects", maxStoreAnswer>>20, objectsPerPage),
	remedy:  "Check that the server is one that the scheme of the path is for.",
}

// newStoreClient returns a client for the API of a store. isListing reports by its
// query whether a request is about objects rather than for the content of one.
//
// It follows no redirects, which would take tokens and signatures to another host.
func newStoreClient(transport http.RoundTripper, isListing func(url.Values) bool) *http.Client {
	return &http.Client{
		Transport:     boundedAnswers{transport, isListing},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// boundedAnswers ends answers that are too long: clients read those about objects, and
// errors, into memory.
type boundedAnswers struct {
	http.RoundTripper

	isListing func(url.Values) bool
}

// RoundTrip implements [http.RoundTripper].
func (t boundedAnswers) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	isSuccess := resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusPartialContent
	if !isSuccess || t.isListing(req.URL.Query()) {
		resp.Body = &boundedBody{resp.Body, maxStoreAnswer}
	}
	return resp, nil
}

// boundedBody fails after so many bytes.
type boundedBody struct {
	io.ReadCloser

	rest int
}

// NonRetriable tells the client of Azure that requesting it again does not help.
func (*readError) NonRetriable() {}

// Read implements [io.Reader].
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.rest <= 0 {
		return 0, errLongAnswer
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.rest)])
	b.rest -= n
	return n, err
}
