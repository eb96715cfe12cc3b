# Exports the people of a CSV file to a new Klaviyo list:
#
#   terraform apply -var segment=people.csv
#
# The column with the addresses is found by its name. With KLAVIYO_API_KEY set, the people go to your account;
# `make demo SEGMENT=people.csv` shows the same with a simulated Klaviyo.

terraform {
  required_providers {
    klaviyo = {
      source = "klaviyo-community/klaviyo"
    }
  }
}

provider "klaviyo" {}

variable "segment" {
  description = "CSV file with the people to export, with a header."
  type        = string
  default     = "segments/vip.csv"
}

variable "email_column" {
  description = "Column with the email addresses. Without it, the one that has a usual name: email, e-mail, email address, mail."
  type        = string
  default     = null
}

locals {
  # Reading the header here takes the whole file into memory. For a large file, name the column in data_matching instead.
  header  = try(split("\n", file(var.segment))[0], "")
  columns = [for column in split(local.delimiter, local.header) : trim(column, "\ufeff\r\" ")]
  usual   = ["email", "e-mail", "mail", "email address", "e-mail address", "email_address", "emailaddress", "emailaddress1"]
  found   = [for column in local.columns : column if contains(local.usual, lower(column))]

  delimiter = length(split(";", local.header)) > length(split(",", local.header)) ? ";" : ","
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
      path      = var.segment
      delimiter = local.delimiter
    }
  }

  data_matching {
    email = coalesce(var.email_column, length(local.found) == 1 ? local.found[0] : "email")
  }

  # What else Klaviyo is to know of a person: replace the names of the columns.
  #
  # attributes {
  #   first_name = "FirstName"
  #   last_name  = "LastName"
  #   location {
  #     city    = "City"
  #     country = "Country"
  #   }
  # }
  #
  # properties = {
  #   loyalty_tier = "Loyalty Tier" # name in Klaviyo = column
  # }
  #
  # property {
  #   name  = "income"
  #   field = "Income"
  #   type  = "number"
  # }

  lifecycle {
    precondition {
      condition     = var.email_column != null || length(local.found) == 1
      error_message = "Which column of ${var.segment} has the email addresses? Set the variable email_column (-var, or TF_VAR_email_column) to one of: ${join(", ", local.columns)}."
    }
  }
}

output "list_id" {
  value = klaviyo_list.vip.id
}

output "last_run" {
  value = klaviyo_segment_export.vip.last_run
}
