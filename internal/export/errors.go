package export

import (
	"errors"
	"fmt"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/diagnostic"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// What had been done when a check refused a run, for its error.
const (
	sentNothing      = "Nothing was sent."
	subscribedNobody = "Nobody was subscribed or asked for a confirmation."
)

// nothingSent adds to an error that nothing was sent.
func nothingSent(err error) error { return diagnostic.AddToDetail(err, " "+sentNothing) }

// explained is an error with a summary and a detail: as it is, or as Klaviyo's client
// explains it.
func explained(err error) error {
	var one *diagnostic.Error
	var several diagnostic.Errors
	if errors.As(err, &one) || errors.As(err, &several) {
		return err
	}
	summary, detail := klaviyo.Explain(err)
	return &diagnostic.Error{Summary: summary, Detail: detail, Err: err}
}

// ListError explains why a list cannot be read. nil stays nil.
func ListError(listID string, err error) error {
	if err == nil || !klaviyo.IsNotFound(err) {
		return err
	}
	return &diagnostic.Error{
		Attribute: []string{"list_id"},
		Summary:   "List Not Found",
		Detail: fmt.Sprintf("There is no list %q in the account that the API key belongs to. It may have been deleted, or belong to another account. "+
			"In Klaviyo the id of a list is at the end of its address: https://www.klaviyo.com/list/<id>.%s", listID, klaviyo.BaseURLHint(err)),
		Err: err,
	}
}

// applyAgain says how to go on after an error of a step that follows the import.
func applyAgain(err error) string {
	var one *diagnostic.Error
	if klaviyo.IsNotFound(err) || errors.As(err, &one) && one.Attribute != nil { // of the list, or of an argument
		return "Once this is put right, apply again"
	}
	return "Apply again"
}
