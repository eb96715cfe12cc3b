resource "klaviyo_connection" "marketing" {
  display_name         = "Marketing (EU)"
  data_privacy_consent = true
}

resource "klaviyo_segment_export" "vip" {
  display_name = "VIP customers to Klaviyo"
  destination  = klaviyo_connection.marketing
  list_id      = "Y6nRLr"

  segment {
    name = "vip"
    file {
      path = "segments/vip.csv"
    }
  }

  data_matching {
    email = "EMail"
  }
}

# Run it with: terraform apply -invoke=action.klaviyo_segment_export_run.vip
action "klaviyo_segment_export_run" "vip" {
  config {
    export = klaviyo_segment_export.vip
  }
}

variable "release" {
  description = "Number of the release of the shop"
  type        = string
  default     = "2026-11"
}

# Or run it each time something else changes, here the release.
resource "terraform_data" "release" {
  input = var.release

  lifecycle {
    action_trigger {
      events  = [after_update]
      actions = [action.klaviyo_segment_export_run.vip]
    }
  }
}
