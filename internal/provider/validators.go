package provider

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/dataverse"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage"
)

var (
	// validID accepts the ids that Klaviyo gives to lists.
	validID = stringvalidator.RegexMatches(idPattern,
		fmt.Sprintf("must be an id of Klaviyo's such as Y6nRLr: letters and digits only, at most %d", maxIDLength))

	// notBlank refuses blank names.
	notBlank = stringvalidator.RegexMatches(regexp.MustCompile(`\S`), "must not be empty")

	// environmentVariable accepts names that can be set. Its errors never quote the value,
	// which may be the secret itself.
	environmentVariable = stringRule{"must be the name of an environment variable, not its value", "Not An Environment Variable", func(name string) string {
		if environmentVariablePattern.MatchString(name) && !strings.HasPrefix(name, "pk_") {
			return ""
		}
		return "This is not the name of an environment variable, which has only letters, digits and _. Write the name here, such as \"KLAVIYO_KEY_UK\", " +
			"and set the variable to the secret where Terraform runs."
	}}

	// propertyName accepts the names that custom properties may have.
	propertyName = stringRule{propertyNameRule, "Property Name Not Allowed", func(name string) string {
		trimmed := strings.TrimFunc(name, isInvisible)
		switch {
		case trimmed == "":
			return "A property needs a name."
		case strings.HasPrefix(trimmed, "$"):
			return fmt.Sprintf("The property %q begins with $, which is reserved for Klaviyo's own fields. Choose another name, "+
				"or use attributes for what Klaviyo knows, such as first_name.", name)
		case strings.ContainsFunc(name, unicode.IsControl):
			return fmt.Sprintf("The name of the property %q contains a control character, such as a line end or a tab. Remove it.", name)
		case trimmed != name:
			return fmt.Sprintf("The name of the property %q begins or ends with white space, so Klaviyo would take it for another property than %q. Remove the white space.", name, trimmed)
		}
		if length := utf8.RuneCountInString(name); length > maxPropertyName {
			return fmt.Sprintf("The name of a property may have at most %d characters; this one has %d: %q. Choose a shorter name.", maxPropertyName, length, name)
		}
		return ""
	}}

	// privateKey accepts private API keys. Its errors never quote the value.
	privateKey = stringRule{"must be a private API key", "API Key Not Usable", func(key string) string {
		if err := klaviyo.CheckPrivateKey(key); err != nil {
			return fmt.Sprintf("This API key cannot be used: %s. Private keys are in Klaviyo under Settings > API keys.", err)
		}
		return ""
	}}

	// baseURL accepts URLs to which a key may be sent.
	baseURL = stringRule{"must be an https URL", "Base URL Not Allowed", func(url string) string {
		if _, err := klaviyo.ParseBaseURL(url); err != nil {
			return fmt.Sprintf("The base URL cannot be used: %s.", err) // the URL may hold a password
		}
		return ""
	}}

	// environmentURL accepts addresses of Dataverse environments.
	environmentURL = stringRule{"must be the https URL of a Dataverse environment", "Environment URL Not Usable", func(url string) string {
		if _, err := dataverse.ParseEnvironmentURL(url); err != nil {
			return fmt.Sprintf("The environment URL cannot be used: %s.", err) // the URL may hold a password
		}
		return ""
	}}

	// duration accepts durations above zero.
	duration = stringRule{"must be a duration above zero", "Not A Duration", func(text string) string {
		if d, err := time.ParseDuration(text); err != nil || d <= 0 {
			return fmt.Sprintf("%q is not a duration above zero. Write a number and its unit, such as \"90s\" or \"10m\".", text)
		}
		return ""
	}}

	// interval accepts durations, zero included.
	interval = stringRule{"must be a duration, or 0", "Not A Duration", func(text string) string {
		if d, err := time.ParseDuration(text); err != nil || d < 0 {
			return fmt.Sprintf("%q is not a duration. Write a number and its unit, such as \"24h\" or \"168h\", or \"0\" for never.", text)
		}
		return ""
	}}

	// delimiter accepts characters that can separate fields.
	delimiter = stringRule{"must be one character, other than a quote or a line end", "Not A Delimiter", func(text string) string {
		if utf8.RuneCountInString(text) != 1 || strings.ContainsAny(text, "\"\r\n\uFFFD") {
			return fmt.Sprintf("The delimiter must be one character, other than a quote or a line end; it is %q. A tab is written \"\\t\".", text)
		}
		return ""
	}}

	// comment accepts what lines that are comments may begin with.
	comment = stringRule{"must be the beginning of a line", "Not A Comment", func(text string) string {
		if strings.TrimSpace(text) == "" || strings.ContainsAny(text, "\r\n\uFFFD") {
			return fmt.Sprintf("comment is the text that comment lines begin with, such as \"#\". It must not be blank or have a line end; it is %q.", text)
		}
		return ""
	}}

	// region accepts countries whose phone numbers are known.
	region = stringRule{"must be an ISO 3166-1 alpha-2 country code in upper case", "Not A Country", func(code string) string {
		if !profile.ValidRegion(code) {
			return fmt.Sprintf("%q is not a country code of ISO 3166-1 in upper case, such as US, GB or ES.", code)
		}
		return ""
	}}
)

// maxIDLength is far more than the six characters of Klaviyo's ids. An import
// reserves room for a quoted id of this length.
const maxIDLength = 60

// environmentVariablePattern matches the names of environment variables that a shell can set.
var environmentVariablePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// idPattern matches the ids that Klaviyo gives to accounts and lists.
var idPattern = regexp.MustCompile(fmt.Sprintf(`^[A-Za-z0-9]{1,%d}$`, maxIDLength))

// maxPropertyName is the number of characters that a property name may have.
// Klaviyo documents no limit for it; this is its limit for external_id.
const maxPropertyName = 255

// propertyNameRule describes the names that custom properties may have.
var propertyNameRule = fmt.Sprintf("must have at most %d characters, not begin with $, have no control characters, and no white space at its ends", maxPropertyName)

// isInvisible reports whether a character at the end of a name cannot be seen:
// white space, or a format character such as a byte order mark.
func isInvisible(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }

// oneOf lists the values that an attribute accepts, for its description.
func oneOf(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = "`" + v + "`"
	}
	return strings.Join(quoted, ", ")
}

// stringRule is a validator made of a function that returns what is wrong with
// a value, in full sentences, or nothing.
type stringRule struct {
	description string
	summary     string
	check       func(value string) string
}

var _ validator.String = stringRule{}

// Description implements validator.String.
func (r stringRule) Description(context.Context) string { return r.description }

// MarkdownDescription implements validator.String.
func (r stringRule) MarkdownDescription(context.Context) string { return r.description }

// ValidateString implements validator.String.
func (r stringRule) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if problem := r.check(req.ConfigValue.ValueString()); problem != "" {
		resp.Diagnostics.AddAttributeError(req.Path, r.summary, problem)
	}
}

// consentGiven accepts only true.
type consentGiven struct{}

var _ validator.Bool = consentGiven{}

// Description implements validator.Bool.
func (consentGiven) Description(context.Context) string { return "must be true" }

// MarkdownDescription implements validator.Bool.
func (consentGiven) MarkdownDescription(context.Context) string { return "must be true" }

// ValidateBool implements validator.Bool.
func (consentGiven) ValidateBool(_ context.Context, req validator.BoolRequest, resp *validator.BoolResponse) {
	if req.ConfigValue.IsUnknown() || req.ConfigValue.ValueBool() {
		return
	}
	resp.Diagnostics.AddAttributeError(req.Path, "No Consent To Export Personal Data",
		"A connection needs data_privacy_consent = true. With it you agree that personal data of the people in exported segments leaves the compliance "+
			"boundary of its source and is handed to Klaviyo, which processes it under your agreement with Klaviyo. Nothing is sent without it.")
}

// noSignature warns of a signed URL, which gives access like a key.
type noSignature struct{}

var _ validator.String = noSignature{}

// Description implements validator.String.
func (noSignature) Description(context.Context) string { return "should hold no signature" }

// MarkdownDescription implements validator.String.
func (noSignature) MarkdownDescription(context.Context) string { return "should hold no signature" }

// ValidateString implements validator.String.
func (noSignature) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if !req.ConfigValue.IsNull() && storage.HoldsSecret(req.ConfigValue.ValueString()) {
		resp.Diagnostics.AddAttributeWarning(besideSource(req.Path.ParentPath()), "Signed URL Is Kept In The State",
			"Anybody with this URL may read the segment, and what is in path is kept in the state and in plans. "+
				"Put the URL into an environment variable and name that in path_env instead.")
	}
}
