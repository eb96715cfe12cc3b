package export

import (
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// ShortestToSubscribe is the least time that Klaviyo's limits allow so many people to be
// looked up and subscribed in.
func ShortestToSubscribe(people int64) time.Duration {
	calls := (people + klaviyo.MaxSubscribers - 1) / klaviyo.MaxSubscribers
	return max(klaviyo.LookupsTake(lookups(people)), klaviyo.SubscribeTakes(calls))
}
