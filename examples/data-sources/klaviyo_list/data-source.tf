data "klaviyo_list" "by_name" {
  name = "VIP customers"
}

data "klaviyo_list" "by_id" {
  id = "Y6nRLr"
}

# A list in another account: through a connection, with the key of that connection.
resource "klaviyo_connection" "wholesale" {
  display_name         = "Wholesale"
  api_key_env          = "KLAVIYO_WHOLESALE_API_KEY"
  data_privacy_consent = true # I agree: personal data leaves its source for Klaviyo.
}

data "klaviyo_list" "wholesale" {
  name        = "Newsletter"
  destination = klaviyo_connection.wholesale
}
