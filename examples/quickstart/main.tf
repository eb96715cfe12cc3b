# Exports the people of a CSV file to a Klaviyo list. `make demo` runs it
# against a simulated Klaviyo; with KLAVIYO_API_KEY set it runs against yours.

terraform {
  required_providers {
    klaviyo = {
      source = "klaviyo-community/klaviyo"
    }
  }
}

provider "klaviyo" {}

variable "segment" {
  description = "CSV file with the people to export."
  type        = string
  default     = "segments/vip.csv"
}

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
      path = var.segment
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

  # Custom properties: name in Klaviyo = column.
  properties = {
    loyalty_tier = "Loyalty Tier"
  }

  # Where more than the column is to be said:
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
