mock_provider "klaviyo" {
  mock_resource "klaviyo_segment_export" {
    defaults = {
      profile_count = 250
      last_run = { # all attributes, because OpenTofu does not make up missing ones
        id                   = "EXAMPLE"
        reason               = "first run"
        status               = "succeeded"
        started_at           = "2026-01-01T00:00:00Z"
        completed_at         = "2026-01-01T00:01:00Z"
        fingerprint          = "0123456789abcdef"
        profiles_submitted   = 250
        profiles_failed      = 0
        rows_rejected        = 0
        profiles_unconfirmed = 0
        list_profile_count   = 250
        sent                 = "everything"
        profiles_added       = 250
        profiles_updated     = 0
        profiles_removed     = 0
        rows_filtered        = 0
        profiles_subscribed  = 0
        profiles_pending     = 0
        profiles_unconsented = 0
        jobs                 = 1
      }
    }
  }
}

variables {
  segment = "vip.csv" # a mock does not read it
}

run "declares" {
  command = plan

  assert {
    condition     = klaviyo_segment_export.vip.destination.data_privacy_consent
    error_message = "The export does not use the connection."
  }
  assert {
    condition     = klaviyo_segment_export.vip.safeguards.max_profiles <= 10000
    error_message = "max_profiles is above the 10,000 that the team has agreed to."
  }
}

run "reports" {
  assert {
    condition     = klaviyo_segment_export.vip.list_id == klaviyo_list.vip.id
    error_message = "The export does not go to the list vip."
  }
  assert {
    condition     = output.complete
    error_message = "The run succeeded, but the output complete is false."
  }
}
