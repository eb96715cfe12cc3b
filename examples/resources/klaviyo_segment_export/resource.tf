resource "klaviyo_connection" "marketing" {
  display_name         = "Marketing (EU)"
  data_privacy_consent = true
}

resource "klaviyo_segment_export" "vip" {
  display_name = "VIP customers to Klaviyo"
  destination  = klaviyo_connection.marketing
  list_id      = "Y6nRLr"

  # The union of all segments is exported, each email address once.
  segment {
    name = "vip"
    file {
      path = "segments/vip.csv"
    }
  }

  segment {
    name = "wholesale"
    file {
      path      = "segments/wholesale.csv"
      delimiter = ";"
    }
  }

  segment {
    name = "stores"
    file {
      path = "segments/store-*.csv.gz"
    }
  }

  data_matching {
    email        = "EMail"
    phone_number = "Telephone"
    phone_region = "US"
    external_id  = "ContactId"
  }

  attributes {
    first_name = "FirstName"
    last_name  = "LastName"
    location {
      city    = "City"
      country = "Country"
    }
  }

  # Custom properties: name in Klaviyo = column.
  properties = {
    loyalty_tier = "Loyalty Tier"
  }

  # Custom properties that need more than a column, such as a type:
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

  # People who leave the segments are removed from the list: at most 10 % of it in
  # one run, see safeguards.
  sync_mode = "mirror"

  # A run is due on weekdays at six. A pipeline must run Terraform, for example every hour.
  schedule {
    cron     = "0 6 * * 1-5"
    timezone = "Europe/Madrid"
  }

  safeguards {
    max_profiles         = 50000
    max_rejected_percent = 5
    max_removed_percent  = 10
  }

  rejects_path = "rejects/vip.csv"

  # If a value changes, the export runs again.
  triggers = {
    release = "2026-11"
  }

  timeouts {
    create = "2h"
    update = "2h"
  }
}
