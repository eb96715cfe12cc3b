package export

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
)

// upload sends a batch until Klaviyo has accepted all of it that it ever will,
// and leaves the jobs to the poller.
//
// Klaviyo refuses a batch as a whole for the sake of single profiles and need
// not name all of them at once. So the named ones are mended or taken out, and
// the rest is sent again, for as long as that makes the batch smaller or
// better.
func (r *run) upload(ctx context.Context, b *batch) error {
	for len(b.profiles) > 0 {
		err := r.send(ctx, b)
		if err == nil {
			return nil
		}
		if klaviyo.StatusOf(err) == http.StatusRequestEntityTooLarge {
			return r.uploadLess(ctx, b, err)
		}
		if !r.strip(b, err) {
			return r.refused(err)
		}
	}
	r.ledger.replace(b)
	return nil
}

// mostTooLarge is how many single profiles may be too large before anything is
// accepted.
const mostTooLarge = 3

// uploadLess uploads a batch that is too large in halves. A profile that is too
// large by itself is not exported; but where nothing is small enough, the run
// ends: the limit is not Klaviyo's then, and not about profiles.
func (r *run) uploadLess(ctx context.Context, b *batch, tooLarge error) error {
	if len(b.profiles) > 1 {
		first, second := b.halves()
		r.ledger.replace(b, first, second)
		if err := r.upload(ctx, first); err != nil {
			return err
		}
		return r.upload(ctx, second)
	}
	row := b.row(b.profiles[0])
	if r.tooLarge.Add(1) > mostTooLarge && r.ledger.isEmpty() {
		return &Error{
			Summary: "Every Import Is Too Large",
			Detail: fmt.Sprintf("Even an import of one profile, of %s bytes (row %s of segment %q), is refused as too large: %s. "+
				"Klaviyo takes 5 MB, so something between this machine and Klaviyo, such as a proxy, takes less. Let it take requests of 5 MB.",
				Thousands(int64(b.size)), Thousands(row.Number), row.Segment, tooLarge),
			Err: tooLarge,
		}
	}
	r.report.reject(row, string(profile.ProfileTooLarge), profile.Target{}, "Klaviyo: the profile is too large by itself (413)")
	r.ledger.replace(b)
	return nil
}

// send makes an import job of a batch.
func (r *run) send(ctx context.Context, b *batch) error {
	r.ledger.send(b)
	job, err := r.client.ImportProfiles(ctx, r.export.ListID, b.body...)
	if err != nil {
		if s := klaviyo.StatusOf(err); s >= 400 && s < 500 { // after anything else nobody knows
			r.ledger.refuse(b)
		}
		return err
	}
	r.ledger.accept(b, job.ID)
	tflog.Info(ctx, "Klaviyo accepted a batch", map[string]any{"job": job.ID, "profiles": len(b.profiles)})
	return nil
}

// strip takes the profiles that Klaviyo named out of a batch, or the phone
// number out of a profile where only that is refused. It reports false when
// the error is not about profiles of the batch.
func (r *run) strip(b *batch, err error) bool {
	var apiError *klaviyo.APIError
	if !errors.As(err, &apiError) {
		return false
	}
	named, ok := apiError.ProfileErrors()
	if !ok {
		return false
	}
	for i := range named {
		if i >= len(b.profiles) { // then nobody knows which the others are
			return false
		}
	}
	b.edit(func(i int, row Row, json []byte) []byte {
		found := named[i]
		if len(found) == 0 {
			return json
		}
		if mended := mend(json, found); mended != nil {
			r.report.drop(row, target(found[0].Source.Pointer), words(found[0].Title, found[0].Detail))
			return mended
		}
		r.report.reject(row, found[0].Code, target(found[0].Source.Pointer), words(found[0].Title, found[0].Detail))
		return nil
	})
	return true
}

// mend returns a profile that Klaviyo may take, nil if there is none: one
// whose phone number is all that is wrong.
func mend(json []byte, found []klaviyo.ErrorObject) []byte {
	for _, e := range found {
		if !isAboutPhone(e) {
			return nil
		}
	}
	return withoutPhone(json)
}

// isAboutPhone reports whether an error is about the phone number of a profile:
// it points at it, or at the profile as a whole and says so, as in "Phone number
// is valid but is not in a supported region for this account."
func isAboutPhone(e klaviyo.ErrorObject) bool {
	if strings.HasSuffix(e.Source.Pointer, "/attributes/phone_number") {
		return true
	}
	return target(e.Source.Pointer).Name == "" && strings.HasPrefix(strings.ToLower(e.Detail), "phone number")
}

// target is the part of a profile that a pointer of Klaviyo's ends at.
func target(pointer string) profile.Target {
	_, name, ok := strings.Cut(pointer, "/attributes/profiles/data/")
	if !ok {
		return profile.Target{}
	}
	_, name, _ = strings.Cut(name, "/attributes/")
	return profile.Target{Group: "klaviyo", Name: name}
}

// words is what Klaviyo says of a profile.
func words(title, detail string) string {
	if detail != "" {
		return "Klaviyo: " + detail
	}
	return "Klaviyo: " + title
}

// refused explains an import that Klaviyo refused as a whole.
func (r *run) refused(err error) error {
	var apiError *klaviyo.APIError
	if errors.As(err, &apiError) && apiError.Status == http.StatusBadRequest {
		for _, o := range apiError.Errors {
			if strings.Contains(o.Detail, r.export.ListID) && strings.Contains(o.Detail, "does not exist") {
				return &Error{
					Attribute: []string{"list_id"},
					Summary:   "List Not Found",
					Detail:    "Klaviyo refused the import: " + o.Detail + " The list was probably deleted while the export ran.",
					Err:       err,
				}
			}
		}
	}
	return err
}
