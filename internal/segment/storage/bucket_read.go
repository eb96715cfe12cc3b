package storage

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"cloud.google.com/go/storage"
	azblob "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"gocloud.dev/blob"
)

// bucketFile is an object in a bucket.
type bucketFile struct {
	patience
	address  address
	revision revision
}

func (f bucketFile) Name() string { return f.address.String() }

func (f bucketFile) Path() string { return f.address.key }

func (f bucketFile) Version() string {
	if f.address.isMasked() { // so its name is not that of this object alone
		return f.revision.String() + ", " + f.address.key
	}
	return f.revision.String()
}

func (f bucketFile) Open(ctx context.Context) (Content, error) {
	opened, err := await(ctx, func() (*blob.Bucket, error) { return f.address.open(ctx) }, func(opened *blob.Bucket) { _ = opened.Close() })
	if err != nil {
		return nil, blameFault(f.Name(), err)
	}
	r := &remote{ctx: ctx, ranges: bucketRanges{f, opened}, patience: f.patience, bytes: f.revision.size, done: opened.Close}
	if err := r.start(); err != nil {
		return nil, blameFault(f.Name(), err)
	}
	return r, nil
}

type bucketRanges struct {
	bucketFile
	opened *blob.Bucket
}

// from implements [ranges]. What is sent is compared with what was found, so
// there is no moment in which the object could change unseen.
func (b bucketRanges) from(ctx context.Context, offset, length int64) (transfer, error) {
	body, err := b.stream(ctx, func(ctx context.Context) (io.ReadCloser, error) {
		reader, err := b.opened.NewRangeReader(ctx, b.address.key, offset, length, nil)
		if err != nil {
			return nil, err
		}
		if revisionOf(reader.As, reader.Size(), reader.ModTime()) != b.revision {
			_ = reader.Close() // not wanted
			return nil, errChanged
		}
		return reader, nil
	})
	if err != nil {
		return transfer{}, b.address.explain(err)
	}
	return transfer{ReadCloser: body}, nil // its size is known
}

var errChanged = &fault{
	problem: "it was changed while it was read",
	remedy:  "Run Terraform again once the file is complete. Whoever writes it should write a new file and put it into place when it is done.",
}

// revision identifies what is in an object.
type revision struct {
	size int64
	tag  string
}

func (r revision) String() string { return fmt.Sprintf("%d bytes, %s", r.size, r.tag) }

// revisionOf takes what the store itself tells revisions apart by. as gives
// out the types of its client; what they are depends on the request. An entity
// tag may come with quotes and without.
func revisionOf(as func(any) bool, size int64, changed time.Time) revision {
	if tag := generation(as); tag != "" {
		return revision{size, tag}
	}
	if tag := strings.Trim(entityTag(as), `"`); tag != "" {
		return revision{size, tag}
	}
	return revision{size, changed.UTC().Format(time.RFC3339)}
}

// generation is Google's.
func generation(as func(any) bool) string {
	var (
		attributes storage.ObjectAttrs
		reader     *storage.Reader
		number     int64
	)
	switch {
	case as(&attributes):
		number = attributes.Generation
	case as(&reader):
		number = reader.Attrs.Generation
	}
	if number == 0 {
		return ""
	}
	return fmt.Sprint("generation ", number)
}

// entityTag is Amazon's and Microsoft's.
func entityTag(as func(any) bool) string {
	var (
		s3Object s3types.Object
		s3Head   s3.HeadObjectOutput
		s3Get    s3.GetObjectOutput
		azItem   container.BlobItem
		azHead   azblob.GetPropertiesResponse
		azGet    azblob.DownloadStreamResponse
	)
	switch {
	case as(&s3Object):
		return deref(s3Object.ETag)
	case as(&s3Head):
		return deref(s3Head.ETag)
	case as(&s3Get):
		return deref(s3Get.ETag)
	case as(&azItem) && azItem.Properties != nil:
		return string(deref(azItem.Properties.ETag))
	case as(&azHead):
		return string(deref(azHead.ETag))
	case as(&azGet):
		return string(deref(azGet.ETag))
	default:
		return ""
	}
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
