data "klaviyo_list" "by_name" {
  name = "VIP customers"
}

data "klaviyo_list" "by_id" {
  id = "Y6nRLr"
}

# In the account of a connection, with its key.
resource "klaviyo_connection" "wholesale" {
  display_name         = "Wholesale"
  api_key_env          = "KLAVIYO_WHOLESALE_API_KEY"
  data_privacy_consent = true # I agree: personal data leaves its source for Klaviyo.
}

data "klaviyo_list" "wholesale" {
  name        = "Newsletter"
  destination = klaviyo_connection.wholesale
}
