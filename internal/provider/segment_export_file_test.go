package provider

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
)

// person is a row of a file in any format.
type person struct {
	EMail     string   `json:"EMail" parquet:"EMail"`
	FirstName string   `json:"FirstName" parquet:"FirstName"`
	Score     int64    `json:"Score" parquet:"Score"`
	VIP       bool     `json:"VIP" parquet:"VIP"`
	Tags      []string `json:"Tags" parquet:"Tags,list"`
	Address   address  `json:"address" parquet:"address"`
}

type address struct {
	City string `json:"city" parquet:"city"`
}

var people = []person{
	{"ann@example.com", "Ann", 10, true, []string{"a", "b"}, address{"Oslo"}},
	{"bob@example.com", "Bob", 20, false, nil, address{"Bern"}},
	{"eve@example.com", "Eve", 30, true, []string{"c"}, address{"Rome"}},
	{"joe@example.com", "Joe", 40, true, []string{"007"}, address{"Graz"}},
}

func delimited(delimiter string, people []person) string {
	var b strings.Builder
	for _, fields := range append([][]string{{"EMail", "FirstName", "Score"}}, fieldsOf(people)...) {
		b.WriteString(strings.Join(fields, delimiter) + "\n")
	}
	return b.String()
}

func fieldsOf(people []person) (rows [][]string) {
	for _, p := range people {
		rows = append(rows, []string{p.EMail, p.FirstName, fmt.Sprint(p.Score)})
	}
	return rows
}

func csvOf(people []person) string { return delimited(",", people) }

func tsvOf(people []person) string { return delimited("\t", people) }

func ndjsonOf(people []person) string {
	var b strings.Builder
	for _, p := range people {
		line, err := json.Marshal(p)
		if err != nil {
			panic(err)
		}
		b.Write(append(line, '\n'))
	}
	return b.String()
}

func parquetOf[T any](rows []T) string {
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, parquet.Compression(&parquet.Uncompressed))
	if _, err := w.Write(rows); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

func gzipOf(content string) string {
	var b bytes.Buffer
	return packed(&b, gzip.NewWriter(&b), content)
}

func zstdOf(content string) string {
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b)
	if err != nil {
		panic(err)
	}
	return packed(&b, w, content)
}

func packed(b *bytes.Buffer, w io.WriteCloser, content string) string {
	if _, err := io.WriteString(w, content); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

// The properties of the formats that have types, and of those that do not.
func typedProperties(c configuration) configuration {
	return c.with(exportBlock, "properties", `{ score = "Score", vip = "VIP", tags = "Tags", city = "address.city" }`)
}

func textProperties(c configuration) configuration {
	return c.with(exportBlock, "properties", `{ text = "Score" }`).with(exportBlock, "property", typedProperty("score", "Score", "number"))
}

// Properties of people[0] and people[3] as JSON.
var (
	typedAnn = map[string]string{"score": `10`, "vip": `true`, "tags": `["a","b"]`, "city": `"Oslo"`}
	typedJoe = map[string]string{"score": `40`, "vip": `true`, "tags": `["007"]`, "city": `"Graz"`}
	textAnn  = map[string]string{"score": `10`, "text": `"10"`}
	textJoe  = map[string]string{"score": `40`, "text": `"40"`}
)

func (w *env) wantProperties(email string, want map[string]string) {
	w.t.Helper()
	for name, value := range want {
		w.wantProperty(email, name, value)
	}
}

// drifts creates an export of three people, lets its source get a fourth, and
// applies again. The framework checks that each apply has an empty plan.
func (w *env) drifts(config configuration, change func(), ann, joe map[string]string) {
	w.t.Helper()
	created := applied(config, inState(exportAddress, values{"profile_count": 3, "rejected_count": 0, "last_run.reason": "first run", "last_run.status": "succeeded"}))
	drifted := applied(config, inState(exportAddress, values{"profile_count": 4, "last_run.reason": changedSegment, "last_run.profiles_submitted": 1}))
	drifted.PreConfig = func() {
		w.wantImports(1)
		w.wantMembers(three...)
		w.wantProperties("ann@example.com", ann)
		change()
	}
	drifted.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{"profile_count": 4, "last_run.reason": changedSegment})
	w.run(created, drifted)
	w.wantImports(2)
	w.wantMembers("ann@example.com", "bob@example.com", "eve@example.com", "joe@example.com")
	w.wantProperties("joe@example.com", joe)
}

// Files of each format, packed or not, one or several, are read alike.
func TestAccFile_formats(t *testing.T) {
	t.Parallel()
	one := func(name string, content func([]person) string) func([]person) map[string]string {
		return func(people []person) map[string]string { return map[string]string{name: content(people)} }
	}
	for name, tc := range map[string]struct {
		path       string
		files      func([]person) map[string]string
		properties func(configuration) configuration
		ann, joe   map[string]string
	}{
		"TSV":     {"vip.tsv", one("vip.tsv", tsvOf), textProperties, textAnn, textJoe},
		"NDJSON":  {"vip.ndjson", one("vip.ndjson", ndjsonOf), typedProperties, typedAnn, typedJoe},
		"Parquet": {"vip.parquet", one("vip.parquet", parquetOf[person]), typedProperties, typedAnn, typedJoe},
		"gzip": {
			"vip.csv.gz", one("vip.csv.gz", func(p []person) string { return gzipOf(csvOf(p)) }), textProperties, textAnn, textJoe,
		},
		"zstd": {
			"vip.ndjson.zst", one("vip.ndjson.zst", func(p []person) string { return zstdOf(ndjsonOf(p)) }), typedProperties, typedAnn, typedJoe,
		},
		"pattern": {"vip-*.csv", func(p []person) map[string]string {
			return map[string]string{"vip-1.csv": csvOf(p[:2]), "vip-2.csv": csvOf(p[2:]), "old-vip-3.csv": "EMail\nold@example.com\n"}
		}, textProperties, textAnn, textJoe},
		"pattern, a new file": {"vip-*.csv", func(p []person) map[string]string {
			files := map[string]string{}
			for i := range p {
				files[fmt.Sprintf("vip-%d.csv", i)] = csvOf(p[i : i+1])
			}
			return files
		}, textProperties, textAnn, textJoe},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			writeAll := func(people []person) {
				for name, content := range tc.files(people) {
					w.write(name, content)
				}
			}
			writeAll(people[:3])
			config := tc.properties(w.export(threeCSV).with(exportBlock, "segment", fileSegment(filepath.Join(w.dir, tc.path))))
			w.drifts(config, func() { writeAll(people) }, tc.ann, tc.joe)
		})
	}
}

// format says what is in a file whose name does not.
func TestAccFile_formatSet(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	path := w.write("vip.data", parquetOf(people[:3]))
	config := typedProperties(w.export(threeCSV))
	as := func(more ...string) configuration {
		return config.with(exportBlock, "segment", fileSegment(path, more...))
	}
	w.run(
		refused(as(), "Segment Cannot Be Read", "is not CSV but Parquet", `Set format = "parquet"`),
		applied(as(`format = "parquet"`), inState(exportAddress, values{"profile_count": 3})),
	)
	w.wantProperties("ann@example.com", typedAnn)
}

// damagedParquet has its first page damaged.
func damagedParquet(people []person) string {
	content := []byte(parquetOf(people))
	copy(content[4:], bytes.Repeat([]byte{0xff}, 40))
	return string(content)
}

// What is wrong with files, or with how they are described, is an error of the
// plan.
func TestAccFile_refused(t *testing.T) {
	t.Parallel()
	type unmappable struct {
		EMail     string   `parquet:"EMail"`
		FirstName [12]byte `parquet:"FirstName"`
	}
	packed, whole := gzipOf(csvOf(people)), parquetOf(people)
	lines := strings.Repeat(`{"EMail":"ann@example.com","FirstName":"Ann"}`+"\n", 16)
	const unreadable = "Segment Cannot Be Read"
	var plans refusals
	for name, tc := range map[string]struct {
		path  string
		files map[string]string
		more  []string // further arguments
		words []string
	}{
		"gzip that is cut off":    {"vip.csv.gz", map[string]string{"vip.csv.gz": packed[:len(packed)-12]}, nil, []string{unreadable, "vip.csv.gz", "ends in the middle of its gzip data", "copy or export it again"}},
		"JSON":                    {"vip.ndjson", map[string]string{"vip.ndjson": lines + `{"EMail":"bob@example.com",FirstName:1}` + "\n"}, nil, []string{unreadable, "JSON line 17 of", "vip.ndjson", "is invalid"}},
		"JSON in a later file":    {"vip-*.ndjson", map[string]string{"vip-1.ndjson": lines, "vip-2.ndjson": lines + "nonsense\n"}, nil, []string{unreadable, "JSON line 17 of", "vip-2.ndjson", "is invalid"}},
		"Parquet that is cut off": {"vip.parquet", map[string]string{"vip.parquet": whole[:len(whole)-9]}, nil, []string{unreadable, "vip.parquet", "is cut off"}},
		"damaged Parquet":         {"vip.parquet", map[string]string{"vip.parquet": damagedParquet(people)}, nil, []string{unreadable, "vip.parquet", "is damaged"}},
		"a type that cannot be mapped": {
			"vip.parquet",
			map[string]string{"vip.parquet": parquetOf([]unmappable{{EMail: "ann@example.com"}})},
			nil,
			[]string{unreadable, `column "FirstName"`, "a type that cannot be mapped"},
		},
		"other columns": {
			"vip-*.csv",
			map[string]string{"vip-1.csv": threeCSV, "vip-2.csv": "EMail,Given\njoe@example.com,Joe\n"},
			nil,
			[]string{unreadable, "The columns of", "vip-2.csv", "differ from those of", "vip-1.csv", `it lacks "FirstName" and adds "Given"`},
		},
		"columns too many": {
			"vip-*.csv",
			map[string]string{"vip-1.csv": threeCSV, "vip-2.csv": "EMail,FirstName,Age\njoe@example.com,Joe,1\n"},
			nil,
			[]string{unreadable, "vip-2.csv", "vip-1.csv", `it adds "Age"`},
		},
		"several formats": {
			"vip-*",
			map[string]string{"vip-1.csv": threeCSV, "vip-2.ndjson": lines},
			nil,
			[]string{unreadable, "vip-1.csv", "is CSV, but", "vip-2.ndjson", "is NDJSON", "or set format"},
		},
		"a line that does not end": {
			"vip.csv",
			map[string]string{"vip.csv": threeCSV + strings.Repeat("joe@example.com,Joe,", 1<<20)},
			nil,
			[]string{unreadable, "vip.csv", "the row that begins in line 5 is longer than 16 MiB", "Each row must end with a line end"},
		},
		"no match":              {"vip-*.csv", nil, nil, []string{unreadable, "No file matches", "vip-*.csv"}},
		"CSV without rows":      {"vip.csv", map[string]string{"vip.csv": "EMail,FirstName\n"}, nil, []string{"Segment Is Empty", `Segment "vip" has no rows`}},
		"an empty file":         {"vip.csv", map[string]string{"vip.csv": ""}, nil, []string{unreadable, "vip.csv", "is empty"}},
		"NDJSON without rows":   {"vip.ndjson", map[string]string{"vip.ndjson": "\n"}, nil, []string{"Segment Is Empty", `Segment "vip" has no rows`}},
		"Parquet without rows":  {"vip.parquet", map[string]string{"vip.parquet": parquetOf(people[:0])}, nil, []string{"Segment Is Empty", `Segment "vip" has no rows`}},
		"no such key":           {"vip.ndjson", map[string]string{"vip.ndjson": `{"EMail":"ann@example.com","Given":"Ann"}`}, nil, []string{"Column Not In Segment", `"FirstName"`, `"Given"`}},
		"delimiter and Parquet": {"vip.parquet", map[string]string{"vip.parquet": whole}, []string{`format = "parquet"`, `delimiter = ";"`}, []string{unreadable, "Only CSV has a delimiter", "is Parquet", "Leave delimiter out"}},
		"delimiter by name":     {"vip.tsv", map[string]string{"vip.tsv": tsvOf(people)}, []string{`delimiter = ";"`}, []string{unreadable, "Only CSV has a delimiter", "is TSV"}},
		"unknown format":        {"vip.csv", map[string]string{"vip.csv": threeCSV}, []string{`format = "xlsx"`}, []string{"Invalid Attribute Value Match", `"csv" "tsv" "ndjson" "parquet"`, `got: "xlsx"`}},
		"path and path_env":     {"vip.csv", map[string]string{"vip.csv": threeCSV}, []string{`path_env = "SEGMENT_URL"`}, []string{"One Argument Needed In Block", "It has path and path_env.", "Write exactly one"}},
	} {
		w := newEnv(t)
		config := w.export(threeCSV)
		if err := os.Remove(filepath.Join(w.dir, "vip.csv")); err != nil { // or patterns would match it
			t.Fatal(err)
		}
		for name, content := range tc.files {
			w.write(name, content)
		}
		plans.add(name, w, config.with(exportBlock, "segment", fileSegment(filepath.Join(w.dir, tc.path), tc.more...)), tc.words, w.wantNoImport)
	}
	plans.run(t)
}

// Errors name the place in a file and never quote what is there.
func TestAccSecrets_fileErrors(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	someone := people[:3]
	config := w.export(threeCSV).
		without(providerBlock, "api_key").
		with(exportBlock, "segment", fileSegment(w.write("vip", ndjsonOf(someone)), `format = "ndjson"`))
	c := newCLI(t, config, envAPIKey+"="+mainKey, "TF_LOG=TRACE")
	c.run("first run", "plan", "-no-color", "-input=false", "-out=plan.bin")
	c.run("Apply complete", "apply", "-no-color", "-input=false", "plan.bin")
	w.write("vip", ndjsonOf(people))
	c.run("Apply complete", "apply", "-no-color", "-input=false", "-auto-approve")

	for _, broken := range []string{
		`{"EMail":"euphemia.tattersmythe@example.com",Snodgrass}`, `{"EMail":"euphemia.tattersmythe@example.com","FirstName":"Snodgrass`,
		`euphemia.tattersmythe@example.com,Snodgrass`, `{"EMail":"euphemia.tattersmythe@example.com"} Snodgrass`,
	} {
		w.write("vip", strings.Repeat(ndjsonOf(someone[:1]), 16)+broken+"\n")
		c.fail("JSON line 17 of", "plan", "-no-color", "-input=false")
	}
	c.write("main.tf", strings.Replace(c.read("main.tf"), `format = "ndjson"`, `format = "parquet"`, 1))
	secret := person{EMail: "euphemia.tattersmythe@example.com", FirstName: "Snodgrass"}
	w.write("vip", damagedParquet([]person{secret, secret, secret}))
	c.fail("is damaged", "plan", "-no-color", "-input=false")
	c.wantNoSecrets([]string{"euphemia", "tattersmythe", "Snodgrass", "ann@example.com", "joe@example.com", strings.TrimPrefix(mainKey, "pk_")})
}

// webServer serves one file, to those who have the signature if there is one.
type webServer struct {
	*httptest.Server
	signature string

	mu      sync.Mutex
	content string
	version int
}

func newWebServer(t *testing.T, content, signature string) *webServer {
	t.Helper()
	s := &webServer{content: content, signature: signature}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *webServer) change(content string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.content = content
	s.version++
}

// sign changes the signature that is good.
func (s *webServer) sign(signature string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signature = signature
}

// ServeHTTP implements [http.Handler].
func (s *webServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	content, signature, tag := s.content, s.signature, fmt.Sprintf(`"v%d"`, s.version)
	s.mu.Unlock()
	if r.URL.Query().Get("X-Amz-Signature") != signature {
		http.Error(w, "The signature "+r.URL.RawQuery+" does not match.", http.StatusForbidden)
		return
	}
	w.Header().Set("ETag", tag)
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
}

// A file on a web server drifts like any other.
func TestAccFile_web(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		content    func([]person) string
		properties func(configuration) configuration
		ann, joe   map[string]string
	}{
		"vip.csv":     {csvOf, textProperties, textAnn, textJoe},
		"vip.parquet": {parquetOf[person], typedProperties, typedAnn, typedJoe}, // which is read in parts
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, s := newEnv(t), newWebServer(t, tc.content(people[:3]), "")
			config := tc.properties(w.export(threeCSV).with(exportBlock, "segment", fileSegment(s.URL+"/"+name)))
			w.drifts(config, func() { s.change(tc.content(people)) }, tc.ann, tc.joe)
		})
	}
}

func TestAccFile_webRefused(t *testing.T) {
	t.Parallel()
	w, s := newEnv(t), newWebServer(t, threeCSV, "good")
	config := w.export(threeCSV)
	of := func(file string) configuration {
		return config.with(exportBlock, "segment", vipSegment("file", file))
	}
	w.run(
		refused(of(fmt.Sprintf("path = %q", s.URL+"/vip.csv")), "Segment Cannot Be Read", "403 Forbidden", "without logging in"),
		refused(of(`path = "http://example.com/vip.csv"`), "Segment Cannot Be Read", "plain http", "Use https"),
		refused(of(`path = "http:/user:hunter2@example.com/vip.csv"`), "Segment Cannot Be Read", "neither that of a file nor a URL", "It is not shown", "Write a URL as in"),
		refused(of(fmt.Sprintf("path = %q", withoutEnd(t, threeCSV)+"/vip.csv")), "Segment Cannot Be Read", "neither how long the file is nor where it ends", "Content-Length", "gzip or zstd"),
		refused(of(`path_env = "https://example.com/vip.csv"`), "Not An Environment Variable"),
		refused(of(`path_env = "SEGMENT_URL_THAT_IS_NOT_SET"`), "Segment Cannot Be Read", "SEGMENT_URL_THAT_IS_NOT_SET", "not set"),
		refused(of(`format = "csv"`), "One Argument Needed In Block", "file needs exactly one of the arguments path and path_env"),
	)
	w.wantImports(0)
}

// With path_env a signature reaches nothing. With path it is in the state, of
// which a warning tells.
func TestAccSecrets_signedURL(t *testing.T) {
	t.Parallel()
	const signature, expired = "Wolpertinger77", "Elwetritsch88"
	w, s := newEnv(t), newWebServer(t, csvOf(people[:3]), signature)
	url := s.URL + "/vip.csv?X-Amz-Signature=" + signature
	config := w.export(threeCSV).with(exportBlock, "segment", vipSegment("file", `path_env = "SEGMENT_URL"`))
	c := newCLI(t, config, "TF_LOG=TRACE", "SEGMENT_URL="+url)
	c.run("first run", "plan", "-no-color", "-input=false", "-out=plan.bin")
	c.run("Apply complete", "apply", "-no-color", "-input=false", "plan.bin")
	c.run("No changes", "plan", "-no-color", "-input=false")
	s.change(csvOf(people))
	c.run("segment changed: +1 ~0 -0", "plan", "-no-color", "-input=false", "-out=plan.bin")
	c.run("first run", "show", "-no-color", "-json", "plan.bin")
	c.run("Apply complete", "apply", "-no-color", "-input=false", "plan.bin")
	w.wantMembers("ann@example.com", "bob@example.com", "eve@example.com", "joe@example.com")

	s.sign(expired)
	c.fail("403 Forbidden. A signed URL may have expired", "plan", "-no-color", "-input=false")
	s.sign(signature)
	s.change("EMail\nann@example.com\n")
	c.fail("Column Not In Segment", "plan", "-no-color", "-input=false")
	s.change("EMail,FirstName\n\"ann\"@example.com,Ann\n")
	c.fail("the email address is not valid: 1 row", "plan", "-no-color", "-input=false")
	s.change(csvOf(people))
	if strings.Contains(c.output.String(), "Signed URL Is Kept In The State") {
		t.Error("there is a warning of a signature that is not kept")
	}
	if !strings.Contains(c.read("terraform.tfstate"), "SEGMENT_URL") {
		t.Error("the name of the variable is not in the state")
	}
	c.env = append(c.env, "SEGMENT_URL="+strings.Replace(url, s.URL, "http://127.0.0.1:1", 1)) // where nobody listens
	c.fail("the server cannot be reached", "plan", "-no-color", "-input=false")
	c.wantNoSecrets([]string{signature, expired, "ann@example.com", "joe@example.com"})
}

func TestAccFile_signedURLWarning(t *testing.T) {
	t.Parallel()
	w, s := newEnv(t), newWebServer(t, csvOf(people[:3]), "Wolpertinger77")
	c := newCLI(t, w.export(threeCSV).with(exportBlock, "segment", fileSegment(s.URL+"/vip.csv?X-Amz-Signature=Wolpertinger77")))
	const warning = "Signed URL Is Kept In The State"
	c.run("name that in path_env instead.", "plan", "-no-color", "-input=false")
	c.run(warning, "apply", "-no-color", "-input=false", "-auto-approve")
	w.wantMembers(three...)
	if !strings.Contains(c.read("terraform.tfstate"), "Wolpertinger77") {
		t.Error("the warning is wrong: the signature is not in the state")
	}
	s.sign("")
	c.write("main.tf", strings.Replace(c.read("main.tf"), "?X-Amz-Signature=Wolpertinger77", "?version=2", 1))
	out, err := c.try("plan", "-no-color", "-input=false")
	if err != nil || strings.Contains(out, warning) {
		t.Errorf("a URL without a signature: %v\n%s", err, out)
	}
}
