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
	size              int64  // negative: not known
	validator         string // see [validatorOf]
}

func (f webFile) Name() string { return f.masked }

func (f webFile) Path() string { return f.path }

func (f webFile) Version() string {
	if f.validator == "" {
		return ""
	}
	return fmt.Sprintf("%d bytes, %s", f.size, f.validator)
}

// probe returns the file with what the server says about it.
func (f webFile) probe(ctx context.Context) (webFile, error) {
	resp, err := f.get(ctx, "bytes=0-0", "")
	if err != nil {
		return f, err
	}
	defer func() { _ = resp.Body.Close() }() // one byte of it, or not wanted
	switch resp.StatusCode {
	case http.StatusOK:
		f.size = resp.ContentLength
	case http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable: // the latter where there is no first byte
		_, f.size = parseContentRange(resp.Header.Get("Content-Range"))
		if resp.StatusCode == http.StatusRequestedRangeNotSatisfiable && f.size != 0 {
			return f, refusal(resp)
		}
	default:
		return f, refusal(resp)
	}
	f.validator = validatorOf(resp)
	return f, nil
}

func (f webFile) Open(ctx context.Context) (Content, error) {
	r := &remoteContent{ctx: ctx, rangeOpener: f, retryPolicy: f.retryPolicy, remedy: networkRemedy, size: f.size}
	if err := r.start(); err != nil {
		return nil, pathError(f.masked, err)
	}
	return r, nil
}

// openRange implements [rangeOpener].
func (f webFile) openRange(ctx context.Context, offset, length int64) (rangeBody, error) {
	header := rangeHeader(offset, length)
	if length < 0 && offset > 0 && f.validator == "" {
		return rangeBody{}, errNoValidator
	}
	var skip int64
	framed := false
	body, err := f.openBody(ctx, func(ctx context.Context) (io.ReadCloser, error) {
		resp, err := f.get(ctx, header, f.validator)
		if err != nil {
			return nil, err
		}
		if skip, err = f.check(resp, header != "", offset, length); err != nil {
			_ = resp.Body.Close() // not wanted
			return nil, err
		}
		framed = isFramed(resp)
		return resp.Body, nil
	})
	if err != nil {
		return rangeBody{}, explainWebError(err)
	}
	return rangeBody{&skippingBody{body, skip}, framed}, nil
}

// isFramed reports whether the protocol marks the end of an answer, so that a
// closed connection is not taken for it.
func isFramed(resp *http.Response) bool {
	return resp.ProtoMajor >= 2 || resp.ContentLength >= 0 || slices.Contains(resp.TransferEncoding, "chunked")
}

var (
	errNoValidator = &readError{
		problem: "the transfer broke off, and the server says neither by a strong ETag nor by Last-Modified whether the rest is of the same file",
		remedy:  "Run Terraform again, or copy the file to a disk first.",
	}
	errNoRanges = &readError{
		problem: "the server sends only whole files, and this format is read in parts",
		remedy:  "Use a server that supports range requests, or copy the file to a disk first.",
	}
)

// check verifies that an answer is of the file that was found, and returns how
// many bytes of it come before the offset.
func (f webFile) check(resp *http.Response, hasRange bool, offset, length int64) (skip int64, err error) {
	start, size := int64(0), resp.ContentLength
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusPartialContent:
		start, size = parseContentRange(resp.Header.Get("Content-Range"))
	case http.StatusRequestedRangeNotSatisfiable:
		return 0, errChanged
	default:
		return 0, refusal(resp)
	}
	switch {
	case f.validator != "" && validatorOf(resp) != f.validator, f.size >= 0 && size >= 0 && size != f.size:
		return 0, errChanged
	case hasRange && length >= 0 && resp.StatusCode == http.StatusOK:
		return 0, errNoRanges
	case start < 0 || start > offset:
		return 0, errWrongRange
	default:
		return offset - start, nil
	}
}

// skippingBody drops the beginning, for servers that always send the whole file.
type skippingBody struct {
	io.ReadCloser
	skip int64 // bytes that are still to be dropped
}

// Read implements [io.Reader].
func (b *skippingBody) Read(p []byte) (int, error) {
	for b.skip > 0 {
		n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.skip)])
		b.skip -= int64(n)
		if err != nil {
			return 0, err
		}
	}
	return b.ReadCloser.Read(p)
}

// get makes a request. The caller closes the body.
func (f webFile) get(ctx context.Context, byteRange, validator string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url, http.NoBody)
	if err != nil {
		return nil, &readError{problem: "the URL is not valid"}
	}
	req.Header.Set("Accept-Encoding", "identity")
	if byteRange != "" {
		req.Header.Set("Range", byteRange)
	}
	if byteRange != "" && validator != "" {
		req.Header.Set("If-Range", validator)
	}
	return f.client.Do(req)
}

// validatorOf returns a strong entity tag, or else the time of the last change; it
// differs where the content does. A recent time does not prove that, since the
// file may be written again within the same second.
func validatorOf(resp *http.Response) string {
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

// refusal explains an answer that contains no file.
func refusal(resp *http.Response) error {
	status := fmt.Sprint(resp.StatusCode, " ", http.StatusText(resp.StatusCode))
	signed := resp.Request.URL.RawQuery != ""
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusNotFound, code == http.StatusGone:
		remedy := "Check the URL, and whether it may be read without logging in."
		if signed {
			remedy = "A signed URL may have expired, or what it was signed for is gone: make a new one."
		}
		return &readError{problem: "the server answers " + status, remedy: remedy, missing: code == http.StatusNotFound || code == http.StatusGone}
	default:
		return &readError{
			problem:   "the server answers " + strings.TrimSpace(status),
			retryable: isRetryableStatus(code),
		}
	}
}

// explainWebError makes a *readError of an error of the HTTP client, which quotes
// the URL.
func explainWebError(err error) error {
	var known *readError
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
