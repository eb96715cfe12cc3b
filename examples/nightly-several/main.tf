# Several exports with one alarm, for the job of the guide "Run exports every night".

terraform {
  required_version = ">= 1.5"

  required_providers {
    klaviyo = {
      source  = "klaviyo-community/klaviyo"
      version = "~> 0.1.0"
    }
  }
}

variable "exports" {
  description = "For each export, its list in Klaviyo and its CSV file."
  type        = map(object({ list_id = string, segment = string }))
  default = {
    vip    = { list_id = "Y6nRLr", segment = "segments/vip.csv" }
    lapsed = { list_id = "Tz4kQp", segment = "segments/lapsed.csv" }
  }
}

resource "klaviyo_connection" "marketing" {
  display_name         = "Marketing"
  data_privacy_consent = true # I agree that personal data is sent to Klaviyo.
}

resource "klaviyo_segment_export" "each" {
  for_each = var.exports

  display_name = "${each.key} to Klaviyo"
  destination  = klaviyo_connection.marketing
  list_id      = each.value.list_id
  pin_to_plan  = true # apply fails if the segment is not what was planned

  segment {
    name = each.key
    file {
      path = each.value.segment
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
  status   = { for name, export in klaviyo_segment_export.each : name => try(export.last_run.status, "none") }
  rejected = { for name, export in klaviyo_segment_export.each : name => coalesce(export.rejected_count, 0) }

  alarm = join(" ", concat(
    [for name, status in local.status : "Last run of ${name}: ${status}." if status != "succeeded"],
    [for name, count in local.rejected : "Rejected rows of ${name}: ${count}." if count != 0],
  ))
}

# If the check fails, Terraform shows a warning. The exit code stays the same.
check "all_are_complete" {
  assert {
    condition     = local.alarm == ""
    error_message = local.alarm
  }
}

# The job fails if this output is not empty.
output "alarm" {
  value = local.alarm
}
