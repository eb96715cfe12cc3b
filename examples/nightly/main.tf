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
  description = "File with the people to export. Most pipelines take it from a bucket or a warehouse."
  type        = string
  default     = "people.csv"
}

variable "list_id" {
  description = "Id of the Klaviyo list."
  type        = string
}

resource "klaviyo_connection" "marketing" {
  display_name         = "Marketing"
  data_privacy_consent = true # I agree: personal data leaves its source for Klaviyo.
}

resource "klaviyo_segment_export" "vip" {
  display_name = "VIP customers to Klaviyo"
  destination  = klaviyo_connection.marketing
  list_id      = var.list_id
  pin_to_plan  = true # apply sends what the plan has read, or nothing

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

# Terraform shows a failed check as a warning. It does not change the exit code.
check "vip_is_complete" {
  assert {
    condition     = klaviyo_segment_export.vip.last_run.status == "succeeded"
    error_message = "The last run of vip is ${klaviyo_segment_export.vip.last_run.status}."
  }

  assert {
    condition     = klaviyo_segment_export.vip.rejected_count == 0
    error_message = "${klaviyo_segment_export.vip.rejected_count} rows of vip cannot be exported."
  }
}

# The job reads this output, and fails if it is not empty.
output "alarm" {
  value = join(" ", compact([
    klaviyo_segment_export.vip.last_run.status == "succeeded" ? "" : "The last run of vip is ${klaviyo_segment_export.vip.last_run.status}.",
    klaviyo_segment_export.vip.rejected_count == 0 ? "" : "${klaviyo_segment_export.vip.rejected_count} rows of vip cannot be exported.",
  ]))
}
