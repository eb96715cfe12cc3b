# Exports the people of a CSV file to a new Klaviyo list:
#
#   terraform apply -var segment=people.csv
#
# The configuration finds the column with the email addresses by its name. It needs an API key in the environment variable
# KLAVIYO_API_KEY. Without a key, `make demo SEGMENT=people.csv` runs it with a simulated Klaviyo.

terraform {
  required_providers {
    klaviyo = {
      source = "klaviyo-community/klaviyo"
    }
  }
}

provider "klaviyo" {}

variable "segment" {
  description = "CSV file with a header and one row for each person to export."
  type        = string
  default     = "segments/vip.csv"
}

variable "email_column" {
  description = "Column with the email addresses. Defaults to the column with a usual name, such as email, e-mail, email address or mail."
  type        = string
  default     = null
}

locals {
  # file() reads the whole file into memory. For a large file, write the column and the delimiter below by hand, and remove these
  # locals and the preconditions.
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

  # To send more than the email address, uncomment these lines and replace the names of the columns.
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
  #   loyalty_tier = "Loyalty Tier" # name of the property in Klaviyo = name of the column
  # }
  #
  # property {
  #   name  = "income"
  #   field = "Income"
  #   type  = "number"
  # }

  lifecycle {
    precondition {
      condition     = var.email_column != null || local.header != ""
      error_message = "There is no file ${var.segment}, or Terraform cannot read a header in it. Check the path, which starts in the directory in which Terraform runs, and that the file is not empty and is in UTF-8."
    }
    precondition {
      condition     = var.email_column != null || local.header == "" || length(local.found) == 1
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
