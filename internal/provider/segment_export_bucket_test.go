package provider

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage/gcstest"
)

// exportFile exports a file of people.
func (w *env) exportFile(path string) configuration {
	w.t.Helper()
	return textProperties(w.export(threeCSV).with(exportBlock, "segment", fileSegment(path)))
}

// Files in a bucket drift like those on a disk, also where a pattern names them.
func TestAccBucket_s3(t *testing.T) { // not parallel: credentials come from the environment
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAOFTHETESTS")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_REGION", "us-east-1")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	backend := s3mem.New()
	if err := backend.CreateBucket("crm"); err != nil {
		t.Fatal(err)
	}
	store := httptest.NewServer(gofakes3.New(backend).Server())
	defer store.Close()
	put := func(people []person) {
		content := csvOf(people)
		if _, err := backend.PutObject("crm", "segments/vip-1.csv", map[string]string{}, strings.NewReader(content), int64(len(content)), nil); err != nil {
			t.Fatal(err)
		}
	}
	query := "?" + url.Values{"endpoint": {store.URL}, "use_path_style": {"true"}}.Encode()
	for name, path := range map[string]string{"object": "s3://crm/segments/vip-1.csv", "pattern": "s3://crm/segments/vip-*.csv"} { //nolint:paralleltest // the test sets the environment
		t.Run(name, func(t *testing.T) {
			w := newEnv(t)
			put(people[:3])
			w.drifts(w.exportFile(path+query), func() { put(people) }, textAnn, textJoe)
		})
	}
	w := newEnv(t)
	w.run(
		refused(w.exportFile("s3://crm/segments/none.csv"+query), "Segment Cannot Be Read", "there is no such object in the bucket"),
		refused(w.exportFile("s3://none/segments/vip.csv"+query), "Segment Cannot Be Read", `there is no bucket or container "none"`),
	)
	w.wantImports(0)
}

func TestAccBucket_gcs(t *testing.T) { // not parallel: the address comes from the environment
	server := gcstest.New(t, "crm")
	t.Setenv("STORAGE_EMULATOR_HOST", server.URL)
	put := func(people []person) { server.Put("crm", "vip.csv", csvOf(people)) }
	put(people[:3])
	w := newEnv(t)
	w.drifts(w.exportFile("gs://crm/vip.csv"), func() { put(people) }, textAnn, textJoe)
	w.run(
		refused(w.exportFile("gs://crm/none.csv"), "Segment Cannot Be Read", "there is no such object in the bucket"),
		refused(w.exportFile("gs://none/vip.csv"), "Segment Cannot Be Read", `there is no bucket or container "none"`),
	)
}
