package simulator_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// importDocument is an import of the largest size that Klaviyo takes.
func importDocument(listID string) string {
	rows := make([]string, 10_000)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"type":"profile","attributes":{"email":"person%d@example.com","external_id":"C-%d","first_name":"Ann","last_name":"Example",`+
			`"location":{"city":"Berlin","country":"Germany"},"properties":{"tier":"gold","note":"%s"}}}`, i, i, strings.Repeat("x", 260))
	}
	return `{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":[` + strings.Join(rows, ",") +
		`]}},"relationships":{"lists":{"data":[{"type":"list","id":"` + listID + `"}]}}}}`
}

func BenchmarkImport(b *testing.B) {
	s := simulator.New(simulator.Options{})
	s.AddKey(testKey)
	body := importDocument(s.AddList(simulator.List{}).ID)
	b.Run("simulator", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			r := httptest.NewRequest("POST", "/api/profile-bulk-import-jobs", strings.NewReader(body))
			r.Header.Set("Authorization", "Klaviyo-API-Key "+testKey)
			r.Header.Set("Revision", simulator.Revision)
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != 202 {
				b.Fatal(w.Code, w.Body.String()[:200])
			}
		}
	})
	b.Run("encoding/json alone", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			var document struct {
				Data struct {
					Attributes struct {
						Profiles struct {
							Data []struct{ Attributes map[string]json.RawMessage }
						}
					}
				}
			}
			if err := json.Unmarshal([]byte(body), &document); err != nil {
				b.Fatal(err)
			}
		}
	})
}
