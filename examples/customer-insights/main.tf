terraform {
  required_providers {
    klaviyo = {
      source = "klaviyo-community/klaviyo"
    }
  }
}

# The provider signs in to Klaviyo with KLAVIYO_API_KEY, and to Dataverse with
# AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET.
resource "klaviyo_connection" "marketing" {
  display_name         = "Marketing"
  data_privacy_consent = true # I agree: personal data leaves its source for Klaviyo.
}

resource "klaviyo_segment_export" "vip" {
  display_name = "VIP customers to Klaviyo"
  destination  = klaviyo_connection.marketing
  list_id      = "Y6nRLr"

  segment {
    name = "vip"
    dataverse {
      environment_url = "https://contoso.crm.dynamics.com"
      segment         = "VIP_customers"
    }
  }

  segment {
    name = "lapsed"
    dataverse {
      environment_url = "https://contoso.crm.dynamics.com"
      segment         = "Lapsed_buyers"
    }
  }

  data_matching {
    email       = "EMail"
    external_id = "CustomerId"
  }

  attributes {
    first_name = "FirstName"
    last_name  = "LastName"
    location {
      city    = "City"
      country = "Country"
    }
  }

  properties = {
    loyalty_tier   = "LoyaltyTier"
    lifetime_value = "LifetimeValue"
  }

  # Every day at six. A pipeline must run Terraform after that time.
  schedule {
    cron     = "0 6 * * *"
    timezone = "Europe/Madrid"
  }
}
