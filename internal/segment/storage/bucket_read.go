package storage

import (
	"context"
	"fmt"
	"io"
	"time"
)

// bucketObject is an object in a bucket.
type bucketObject struct {
	retryPolicy
	client   bucketClient
	address  address
	revision revision
}

func (o bucketObject) Name() string { return o.address.String() }

func (o bucketObject) Path() string { return o.address.key }

func (o bucketObject) Version() string {
	version := fmt.Sprintf("%d bytes, %s", o.revision.size, o.revision.tag)
	if o.address.isMasked() { // several objects have the same name
		return version + ", " + o.address.key
	}
	return version
}

func (o bucketObject) Open(ctx context.Context) (Content, error) {
	r := &remoteContent{ctx: ctx, rangeOpener: o, retryPolicy: o.retryPolicy, remedy: networkRemedy, size: o.revision.size}
	if err := r.start(); err != nil {
		return nil, pathError(o.Name(), err)
	}
	return r, nil
}

// download is the answer of a store to a request for a range of an object.
type download struct {
	body         io.ReadCloser
	length       int64  // of the body
	contentRange string // header; empty: the body is the whole object
	tag          string // as in [newRevision]
	changed      time.Time
}

// openRange implements [rangeOpener]. The revision of what is sent is compared
// with the one that was found, so no change goes unseen.
func (o bucketObject) openRange(ctx context.Context, offset, length int64) (rangeBody, error) {
	body, err := o.openBody(ctx, func(ctx context.Context) (io.ReadCloser, error) {
		d, err := o.client.read(ctx, o.address.key, offset, length, o.revision)
		if err != nil {
			return nil, err
		}
		if err := o.check(d, offset); err != nil {
			_ = d.body.Close() // not wanted
			return nil, err
		}
		return d.body, nil
	})
	if err != nil {
		return rangeBody{}, o.address.explain(err)
	}
	return rangeBody{ReadCloser: body}, nil
}

// check verifies that a download is of the object that was found, and begins
// where it has to.
func (o bucketObject) check(d download, offset int64) error {
	start, size := int64(0), d.length
	if d.contentRange != "" {
		start, size = parseContentRange(d.contentRange)
	}
	switch {
	case newRevision(size, d.tag, d.changed) != o.revision:
		return errChanged
	case start != offset:
		return errWrongRange
	default:
		return nil
	}
}

var errChanged = &readError{
	problem: "it was changed while it was read",
	remedy:  "Run Terraform again once the file is complete. The program that writes it should write a new file and rename it when it is done.",
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
