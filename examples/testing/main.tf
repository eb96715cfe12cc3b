terraform {
  required_providers {
    klaviyo = { source = "klaviyo-community/klaviyo" }
  }
}

variable "segment" {
  description = "Path of the CSV file to export."
  type        = string
}

variable "force_destroy" {
  description = "Whether a destroy deletes the list even if it has members. Set it only in tests."
  type        = bool
  default     = false
}

resource "klaviyo_connection" "marketing" {
  display_name         = "Marketing"
  data_privacy_consent = true
}

resource "klaviyo_list" "vip" {
  name          = "VIP customers"
  force_destroy = var.force_destroy
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
    email = "EMail"
  }

  safeguards {
    max_profiles = 5000
  }
}

output "complete" {
  value = klaviyo_segment_export.vip.last_run.status == "succeeded"
}

output "run_id" {
  value = klaviyo_segment_export.vip.last_run.id
}
