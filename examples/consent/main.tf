# Exports the customers of a shop who said yes to marketing, and subscribes them
# as of the date that the shop has recorded.

terraform {
  required_providers {
    klaviyo = {
      source = "klaviyo-community/klaviyo"
    }
  }
}

provider "klaviyo" {}

resource "klaviyo_connection" "marketing" {
  display_name         = "Marketing"
  data_privacy_consent = true # I agree: personal data leaves its source for Klaviyo.
}

resource "klaviyo_list" "newsletter" {
  name = "Newsletter"
}

resource "klaviyo_segment_export" "newsletter" {
  display_name = "Newsletter of the shop"
  destination  = klaviyo_connection.marketing
  list_id      = klaviyo_list.newsletter.id

  segment {
    name = "customers"
    file {
      path = "segments/customers.csv"
    }
  }

  data_matching {
    email        = "Email"
    phone_number = "Phone"
    phone_region = "US"
  }

  marketing_consent {
    channels           = ["email", "sms"]
    consent_field      = "Accepts Marketing"
    consented_at_field = "Accepts Marketing At"
    custom_source      = "Checkout of the shop"
    only_consented     = true # rows that do not say yes are not exported
  }

  sync_mode = "mirror" # customers whose row no longer says yes are removed from the list
}
