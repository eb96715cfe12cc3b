locals {
  # For each account, the environment variable that contains its API key.
  accounts = {
    marketing = "KLAVIYO_MARKETING_API_KEY"
    wholesale = "KLAVIYO_WHOLESALE_API_KEY"
  }
}

resource "klaviyo_connection" "each" {
  for_each = local.accounts

  display_name         = each.key
  api_key_env          = each.value
  data_privacy_consent = true # I agree: personal data leaves its source for Klaviyo.
}

resource "klaviyo_list" "newsletter" {
  for_each = klaviyo_connection.each

  name        = "Newsletter"
  destination = each.value
}
