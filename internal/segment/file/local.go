package file

import (
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

// Reads implements [segment.LocalReader].
func (f Source) Reads(at segment.Location) bool {
	return storage.OnDisk(f.Path) && segment.Locate(f.Path).Same(at)
}

// Reads implements [segment.LocalReader].
func (f FromEnv) Reads(at segment.Location) bool {
	file, err := f.resolve()
	return err == nil && file.Reads(at)
}
