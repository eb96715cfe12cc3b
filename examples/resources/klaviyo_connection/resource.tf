# Uses the API key of the provider: api_key, or the environment variable KLAVIYO_API_KEY.
resource "klaviyo_connection" "marketing" {
  display_name         = "Marketing (EU)"
  data_privacy_consent = true # I agree: personal data leaves its source for Klaviyo.
}

# A second account, with a key of its own and with guard rails.
resource "klaviyo_connection" "wholesale" {
  display_name            = "Wholesale"
  api_key_env             = "KLAVIYO_WHOLESALE_API_KEY"
  data_privacy_consent    = true
  allowed_list_ids        = ["Y6nRLr", "Tz4kQp"]
  max_profiles_per_export = 250000
}
