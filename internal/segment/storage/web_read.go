package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// webFile is a file on a web server.
type webFile struct {
	web
	url, path, masked string
	bytes             int64 // negative: not known
	validator         string
}

func (f webFile) Name() string { return f.masked }

func (f webFile) Path() string { return f.path }

func (f webFile) Version() string {
	if f.validator == "" {
		return ""
	}
	return fmt.Sprintf("%d bytes, %s", f.bytes, f.validator)
}

// look returns the file with what the server tells of it.
func (f webFile) look(ctx context.Context) (webFile, error) {
	resp, err := f.get(ctx, "bytes=0-0", "")
	if err != nil {
		return f, err
	}
	defer func() { _ = resp.Body.Close() }() // one byte of it, or not wanted
	switch resp.StatusCode {
	case http.StatusOK:
		f.bytes = resp.ContentLength
	case http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable: // the latter where there is no first byte
		_, f.bytes = contentRange(resp)
		if resp.StatusCode == http.StatusRequestedRangeNotSatisfiable && f.bytes != 0 {
			return f, refusal(resp)
		}
	default:
		return f, refusal(resp)
	}
	f.validator = validator(resp)
	return f, nil
}

func (f webFile) Open(ctx context.Context) (Content, error) {
	r := &remote{ctx: ctx, ranges: f, patience: f.patience, bytes: f.bytes}
	if err := r.start(); err != nil {
		return nil, blameFault(f.masked, err)
	}
	return r, nil
}

// from implements [ranges].
func (f webFile) from(ctx context.Context, offset, length int64) (transfer, error) {
	part := ""
	switch {
	case length >= 0:
		part = fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)
	case offset > 0 && f.validator == "":
		return transfer{}, errNoValidator
	case offset > 0:
		part = fmt.Sprintf("bytes=%d-", offset)
	}
	var skip int64
	framed := false
	body, err := f.stream(ctx, func(ctx context.Context) (io.ReadCloser, error) {
		resp, err := f.get(ctx, part, f.validator)
		if err != nil {
			return nil, err
		}
		if skip, err = f.check(resp, part != "", offset, length); err != nil {
			_ = resp.Body.Close() // not wanted
			return nil, err
		}
		framed = isFramed(resp)
		return resp.Body, nil
	})
	if err != nil {
		return transfer{}, webFault(err)
	}
	return transfer{&skipping{body, skip}, framed}, nil
}

// isFramed reports whether an answer has an end of its own, rather than ending
// when the connection is closed, for whatever reason.
func isFramed(resp *http.Response) bool {
	return resp.ProtoMajor >= 2 || resp.ContentLength >= 0 || slices.Contains(resp.TransferEncoding, "chunked")
}

var (
	errNoValidator = &fault{
		problem: "the transfer broke off, and the server tells neither by a strong ETag nor by Last-Modified whether the rest is of the same file",
		remedy:  "Run Terraform again, or copy the file to a disk first.",
	}
	errNoParts = &fault{
		problem: "the server sends only whole files, and this format is read in parts",
		remedy:  "Use a server that supports range requests, or copy the file to a disk first.",
	}
)

// check makes sure that an answer is of the file that was found, and returns
// how much of it comes before what was asked for.
func (f webFile) check(resp *http.Response, part bool, offset, length int64) (skip int64, err error) {
	start, whole := int64(0), resp.ContentLength
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusPartialContent:
		start, whole = contentRange(resp)
	case http.StatusRequestedRangeNotSatisfiable:
		return 0, errChanged
	default:
		return 0, refusal(resp)
	}
	switch {
	case f.validator != "" && validator(resp) != f.validator, f.bytes >= 0 && whole >= 0 && whole != f.bytes:
		return 0, errChanged
	case part && length >= 0 && resp.StatusCode == http.StatusOK:
		return 0, errNoParts
	case start < 0 || start > offset:
		return 0, &fault{problem: "the server does not send the part that was asked for"}
	default:
		return offset - start, nil
	}
}

// skipping leaves out the beginning, for servers that always send all.
type skipping struct {
	io.ReadCloser
	rest int64
}

// Read implements [io.Reader].
func (s *skipping) Read(p []byte) (int, error) {
	for s.rest > 0 {
		n, err := s.ReadCloser.Read(p[:min(int64(len(p)), s.rest)])
		s.rest -= int64(n)
		if err != nil {
			return 0, err
		}
	}
	return s.ReadCloser.Read(p)
}

// get makes a request. The caller closes the body.
func (f webFile) get(ctx context.Context, bytes, unchanged string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url, http.NoBody)
	if err != nil {
		return nil, &fault{problem: "the URL is not valid"}
	}
	req.Header.Set("Accept-Encoding", "identity")
	if bytes != "" {
		req.Header.Set("Range", bytes)
	}
	if bytes != "" && unchanged != "" {
		req.Header.Set("If-Range", unchanged)
	}
	return f.client.Do(req)
}

// validator is what tells one content of the file from the next. A time tells
// that only once the second in which it was written is over.
func validator(resp *http.Response) string {
	if tag := resp.Header.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		return tag
	}
	changed, err := http.ParseTime(resp.Header.Get("Last-Modified"))
	if err != nil {
		return ""
	}
	if now, err := http.ParseTime(resp.Header.Get("Date")); err == nil && now.Sub(changed) < settledAfter {
		return ""
	}
	return changed.UTC().Format(http.TimeFormat)
}

// contentRange reads where an answer begins and how large the whole file is,
// -1 where that is not said.
func contentRange(resp *http.Response) (start, whole int64) {
	span, size, _ := strings.Cut(strings.TrimPrefix(resp.Header.Get("Content-Range"), "bytes "), "/")
	if _, err := fmt.Sscanf(size, "%d", &whole); err != nil {
		whole = -1
	}
	if _, err := fmt.Sscanf(span, "%d-", &start); err != nil {
		start = -1
	}
	return start, whole
}

// refusal explains an answer that holds no file.
func refusal(resp *http.Response) error {
	status := fmt.Sprint(resp.StatusCode, " ", http.StatusText(resp.StatusCode))
	signed := resp.Request.URL.RawQuery != ""
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusNotFound, code == http.StatusGone:
		remedy := "Check the URL, and whether it may be read without logging in."
		if signed {
			remedy = "A signed URL may have expired, or what it was signed for is gone: make a new one."
		}
		return &fault{problem: "the server answers " + status, remedy: remedy}
	default:
		return &fault{
			problem: "the server answers " + strings.TrimSpace(status),
			passes:  code >= http.StatusInternalServerError || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout,
		}
	}
}

// webFault makes a fault of an error of the HTTP client, which holds the URL.
func webFault(err error) error {
	var known *fault
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known
	case IsContextError(err):
		return err
	default:
		return unreachable(err)
	}
}
