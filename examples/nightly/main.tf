# The configuration of the guide "Run exports every night".

terraform {
  required_version = ">= 1.5"

  required_providers {
    klaviyo = {
      source  = "klaviyo-community/klaviyo"
      version = "~> 0.1.0"
    }
  }
}

variable "segment" {
  description = "Path of the CSV file to export. It can be an address in a bucket, such as s3://example/people.csv."
  type        = string
  default     = "people.csv"
}

variable "list_id" {
  description = "ID of the Klaviyo list."
  type        = string
}

resource "klaviyo_connection" "marketing" {
  display_name         = "Marketing"
  data_privacy_consent = true # I agree that personal data is sent to Klaviyo.
}

resource "klaviyo_segment_export" "vip" {
  display_name = "VIP customers to Klaviyo"
  destination  = klaviyo_connection.marketing
  list_id      = var.list_id
  pin_to_plan  = true # apply fails if the segment is not what was planned

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
    max_profiles         = 5000
    max_rejected_percent = 5
  }
}

locals {
  # Before the first run, last_run is null.
  vip_status = try(klaviyo_segment_export.vip.last_run.status, "none")

  # With enabled = false, no rows have been counted.
  vip_rejected = coalesce(klaviyo_segment_export.vip.rejected_count, 0)
}

# If a check fails, Terraform shows a warning. The exit code stays the same.
check "vip_is_complete" {
  assert {
    condition     = local.vip_status == "succeeded"
    error_message = "Last run of vip: ${local.vip_status}."
  }

  assert {
    condition     = local.vip_rejected == 0
    error_message = "Rejected rows of vip: ${local.vip_rejected}."
  }
}

# The job fails if this output is not empty.
output "alarm" {
  value = join(" ", compact([
    local.vip_status == "succeeded" ? "" : "Last run of vip: ${local.vip_status}.",
    local.vip_rejected == 0 ? "" : "Rejected rows of vip: ${local.vip_rejected}.",
  ]))
}
