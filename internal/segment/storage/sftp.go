package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// sftpStore are SFTP servers.
type sftpStore struct{ retryPolicy }

func (s sftpStore) Find(ctx context.Context, path string) ([]Object, error) {
	a, err := parseSFTPAddress(path)
	if err != nil {
		return nil, err
	}
	server, err := interruptible(ctx, func() (*sftpServer, error) { return newSFTPServer(s.retryPolicy, a) }, nil)
	if err != nil {
		return nil, pathError(a.String(), err)
	}
	found, err := (&sftpFinder{sftpServer: server, restOfNames: maxSFTPNames}).find(ctx)
	return found, pathError(a.String(), err)
}

// sftpCall calls f with the connection. The call is repeated if the connection is
// lost, and given up if there is no answer in time.
func sftpCall[T any](ctx context.Context, s *sftpServer, f func(context.Context, *sftpConnection) (T, error)) (result T, err error) {
	err = s.retry(ctx, func() (err error) {
		result, err = withTimeout(ctx, s.retryPolicy, func(ctx context.Context) (T, error) { return sftpCallOnce(ctx, s, f) })
		return s.explain(err)
	})
	return result, err
}

func sftpCallOnce[T any](ctx context.Context, s *sftpServer, f func(context.Context, *sftpConnection) (T, error)) (result T, err error) {
	conn, err := s.acquire(ctx)
	if err != nil {
		return result, err
	}
	defer conn.release()
	defer context.AfterFunc(ctx, conn.kill)()
	return f(ctx, conn)
}

// sftpObject is a file on a server.
type sftpObject struct {
	server  *sftpServer
	address sftpAddress
	size    int64
	changed time.Time // to the second
}

func (o sftpObject) Name() string { return o.address.String() }

func (o sftpObject) Path() string { return o.address.path }

func (o sftpObject) Version() string {
	if time.Since(o.changed) < settledAfter {
		return ""
	}
	return fmt.Sprintf("%d bytes of %d, %s of %s", o.size, o.changed.Unix(), o.address.path, o.address.user)
}

func (o sftpObject) Open(ctx context.Context) (Content, error) {
	r := &remoteContent{ctx: ctx, rangeOpener: o, retryPolicy: o.server.retryPolicy, remedy: sftpNetworkRemedy, size: o.size}
	if err := r.start(); err != nil {
		return nil, pathError(o.Name(), err)
	}
	return r, nil
}

// check refuses a file that is not the one that was found.
func (o sftpObject) check(info fs.FileInfo, err error) error {
	switch {
	case err != nil:
		return err
	case info.Size() != o.size || !info.ModTime().Equal(o.changed):
		return errChanged
	default:
		return nil
	}
}

// explain makes a *readError of an error of the connection or of the server.
func (s *sftpServer) explain(err error) error {
	var known *readError
	switch {
	case err == nil || errors.As(err, &known) || errors.Is(err, errSFTPNotFound):
		return err
	case IsContextError(err):
		return err
	default:
		return explainSFTPError(s.address, err)
	}
}
