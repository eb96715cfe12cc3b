package bulk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/tally"
)

// upload sends a batch until Klaviyo has accepted all of it that it ever will,
// and leaves the jobs to the poller.
//
// Klaviyo refuses a batch as a whole because of single profiles, and need not
// name all of them at once. So the named ones are mended or taken out, and the
// rest is sent again, in halves when it was refused repeatedly.
func (im *Import) upload(ctx context.Context, b *batch) error {
	for refused := 0; len(b.profiles) > 0; refused++ {
		im.omitPhones(b)
		if refused >= refusalsToHalve && len(b.json) >= im.minHalved && len(b.profiles) > 1 {
			return im.uploadHalves(ctx, b)
		}
		err := im.send(ctx, b)
		if err == nil {
			return nil
		}
		if klaviyo.StatusOf(err) == http.StatusRequestEntityTooLarge {
			return im.uploadLess(ctx, b, err)
		}
		named, ok := b.named(err)
		if !ok {
			return im.refused(err)
		}
		im.regions.learn(ctx, b, named)
		im.strip(b, named)
		if err := im.checkRefusals(); err != nil {
			return err
		}
	}
	return nil
}

// uploadHalves uploads a batch of two profiles or more that was refused, one
// half after the other.
func (im *Import) uploadHalves(ctx context.Context, b *batch) error {
	first, second := b.halves()
	im.ledger.replace(b, first, second)
	if err := im.upload(ctx, first); err != nil {
		return err
	}
	return im.upload(ctx, second)
}

// A profile that is smaller than that is too large only for a limit that is not
// Klaviyo's. The same is to be said where so many are and nothing was accepted.
const (
	neverTooLarge = profile.MaxSize / 10
	maxTooLarge   = 50
)

// uploadLess uploads a batch that is too large in halves. A profile that is too
// large by itself is not exported.
func (im *Import) uploadLess(ctx context.Context, b *batch, tooLarge error) error {
	if len(b.profiles) > 1 {
		return im.uploadHalves(ctx, b)
	}
	only := b.profiles[0]
	row := b.row(only)
	if many := im.tooLarge.Add(1) >= maxTooLarge; len(b.json) < neverTooLarge || many && im.ledger.isEmpty() {
		return tooLargeError(fmt.Sprintf("Even an import of one profile, of %s bytes (row %s of segment %q), is refused as too large: %s.",
			tally.Thousands(int64(len(b.json))), tally.Thousands(row.Number), row.Segment, tooLarge))
	}
	im.reject(Failure{Refused, row, only.id}, string(profile.ProfileTooLarge), profile.Target{}, "Klaviyo: the profile is too large by itself (413)")
	im.ledger.replace(b)
	return nil
}

// checkAccepted refuses a run of which nothing was small enough: that is no
// export with a few failures.
func (im *Import) checkAccepted() error {
	if large := im.tooLarge.Load(); large > 0 && im.ledger.isEmpty() {
		return tooLargeError(fmt.Sprintf("None of the imports was accepted: %s too large even alone.", tally.CountWith(large, "profile", "was", "were")))
	}
	return nil
}

func tooLargeError(what string) error {
	return &diagnostic.Error{
		Summary: "Imports Refused As Too Large",
		Detail: what + " Klaviyo takes imports of 5 MB and profiles of 100 KB, so something between this machine and Klaviyo, such as a proxy, " +
			"takes less. Let it take requests of 5 MB.",
	}
}

// send makes an import job of a batch.
func (im *Import) send(ctx context.Context, b *batch) error {
	im.ledger.send(b)
	return im.held.by(im.importBatch(ctx, b))
}

// named returns what Klaviyo says of the profiles of a batch, by their
// positions. It reports false when the error is not about profiles of the batch.
func (b *batch) named(err error) (map[int][]klaviyo.ErrorObject, bool) {
	var apiError *klaviyo.APIError
	if !errors.As(err, &apiError) {
		return nil, false
	}
	named, ok := apiError.ProfileErrors()
	for i := range named {
		if i >= len(b.profiles) { // then nobody knows which the others are
			return nil, false
		}
	}
	return named, ok
}

// strip takes the profiles that Klaviyo named out of a batch, or the phone
// number out of a profile where only that is refused.
func (im *Import) strip(b *batch, named map[int][]klaviyo.ErrorObject) {
	b.edit(func(i int, p sent, json []byte) []byte {
		found := named[i]
		if len(found) == 0 {
			return json
		}
		row := b.row(p)
		if mended := mend(json, found); mended != nil {
			im.omit(row, target(found[0].Source.Pointer), words(found[0].Title, found[0].Detail))
			return mended
		}
		why := found[max(slices.IndexFunc(found, isAboutAnythingElse), 0)] // a phone number costs nobody the export
		im.reject(Failure{Refused, row, p.id}, why.Code, target(why.Source.Pointer), words(why.Title, why.Detail))
		return nil
	})
	im.ledger.shrink(b)
}

// mend takes out of a profile what is wrong with it, nil if that cannot be done:
// the phone number, or both identifiers if one belongs to another profile, since
// Klaviyo does not say which.
func mend(json []byte, found []klaviyo.ErrorObject) []byte {
	switch {
	case isAboutPhone(found):
		return profile.WithoutPhoneNumber(json)
	case !slices.ContainsFunc(found, func(e klaviyo.ErrorObject) bool { return e.Code != codeTaken }):
		return profile.WithoutIdentifiers(json)
	default:
		return nil
	}
}

// isAboutPhone reports whether the phone number is all that is wrong with a
// profile.
func isAboutPhone(found []klaviyo.ErrorObject) bool {
	return !slices.ContainsFunc(found, isAboutAnythingElse)
}

// isAboutAnythingElse reports whether an error is not about the phone number of
// a profile. One that is points at it, or at the profile as a whole and says so,
// as in "Phone number is valid but is not in a supported region for this
// account."
func isAboutAnythingElse(e klaviyo.ErrorObject) bool {
	if strings.HasSuffix(e.Source.Pointer, "/attributes/phone_number") {
		return false
	}
	return target(e.Source.Pointer).Name != "" || !strings.HasPrefix(strings.ToLower(e.Detail), "phone number")
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
func (im *Import) refused(err error) error {
	var apiError *klaviyo.APIError
	if errors.As(err, &apiError) && apiError.Status == http.StatusBadRequest {
		for _, o := range apiError.Errors {
			if strings.Contains(o.Detail, im.listID) && strings.Contains(o.Detail, "does not exist") {
				return &diagnostic.Error{
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
