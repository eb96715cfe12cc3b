# A segment with everything that is mapped usually. Your own: examples/quickstart.

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

resource "klaviyo_list" "vip" {
  name = "VIP customers"
}

resource "klaviyo_segment_export" "vip" {
  display_name = "VIP customers to Klaviyo"
  destination  = klaviyo_connection.marketing
  list_id      = klaviyo_list.vip.id

  segment {
    name = "vip"
    file {
      path = "segments/vip.csv"
    }
  }

  data_matching {
    email       = "EMail"
    external_id = "ContactId"
  }

  attributes {
    first_name = "FirstName"
    last_name  = "LastName"
    title      = "Occupation"
    location {
      address1 = "StreetAddress"
      city     = "City"
      region   = "State"
      zip      = "PostCode"
      country  = "Country"
    }
  }

  properties = {
    loyalty_tier = "Loyalty Tier"
  }

  property {
    name  = "income"
    field = "Income"
    type  = "number"
  }

  property {
    name  = "birthday"
    field = "DateOfBirth"
    type  = "datetime"
  }
}

output "list_id" {
  value = klaviyo_list.vip.id
}

output "last_run" {
  value = klaviyo_segment_export.vip.last_run
}
