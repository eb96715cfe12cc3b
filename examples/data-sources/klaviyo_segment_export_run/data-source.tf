variable "run_now" {
  description = "Runs the export: terraform apply -var run_now=true"
  type        = bool
  default     = false
}

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

data "klaviyo_segment_export_run" "now" {
  count        = var.run_now ? 1 : 0
  export       = klaviyo_segment_export.vip
  requested_at = timestamp() # known only during apply, so a plan sends nothing
}
