package file

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

// FromEnv is a segment in a file whose path is in an environment variable. There, a
// signed URL reaches neither the configuration nor the state.
type FromEnv struct {
	Variable string
	File     Source // without its path
}

// Open implements [segment.Source].
func (f FromEnv) Open(ctx context.Context, columns []string) (segment.Rows, error) {
	file, err := f.resolve()
	if err != nil {
		return nil, err
	}
	rows, err := file.Open(ctx, columns)
	if err != nil {
		return nil, blameVariable(err)
	}
	return rowsFromEnv{rows}, nil
}

// Version implements [segment.Source].
func (f FromEnv) Version(ctx context.Context) (string, error) {
	file, err := f.resolve()
	if err != nil {
		return "", err
	}
	version, err := file.Version(ctx)
	return version, blameVariable(err)
}

// TellsChanges implements [segment.ChangeTeller].
func (f FromEnv) TellsChanges() bool {
	file, err := f.resolve()
	return err == nil && file.TellsChanges()
}

func (f FromEnv) resolve() (Source, error) {
	file := f.File
	if file.Path = os.Getenv(f.Variable); file.Path == "" {
		return file, &segment.Error{
			Argument: argumentPathEnv,
			Problem:  fmt.Sprintf("The path comes from the environment variable %s, which is empty or not set where Terraform runs.", f.Variable),
			Remedy:   "Set it, or change path_env.",
		}
	}
	return file, nil
}

type rowsFromEnv struct{ segment.Rows }

// Next implements [segment.Rows].
func (r rowsFromEnv) Next(dst []string) ([]string, error) {
	row, err := r.Rows.Next(dst)
	if err != nil {
		err = blameVariable(err)
	}
	return row, err
}

// Notices implements [segment.Noticer].
func (r rowsFromEnv) Notices() []string {
	if noticer, ok := r.Rows.(segment.Noticer); ok {
		return noticer.Notices()
	}
	return nil
}

// Position implements [segment.Locator].
func (r rowsFromEnv) Position() (file int, line int64) {
	if locator, ok := r.Rows.(segment.Locator); ok {
		return locator.Position()
	}
	return 0, 0
}

// File implements [segment.Locator].
func (r rowsFromEnv) File(n int) string {
	if locator, ok := r.Rows.(segment.Locator); ok {
		return locator.File(n)
	}
	return ""
}

var argumentPathEnv = []string{"file", "path_env"}

// blameVariable makes an error that blames path blame path_env.
func blameVariable(err error) error {
	var blamed *segment.Error
	if !errors.As(err, &blamed) || !slices.Equal(blamed.Argument, []string{"file", "path"}) {
		return err
	}
	copied := *blamed
	copied.Argument = argumentPathEnv
	return &copied
}
