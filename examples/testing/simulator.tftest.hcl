variables {
  segment       = "people.csv"
  force_destroy = true # at its end the test destroys the list, which then has members
}

run "exports" {
  assert {
    condition     = output.complete
    error_message = "The status of the run is ${klaviyo_segment_export.vip.last_run.status}."
  }
  assert {
    condition     = klaviyo_segment_export.vip.last_run.list_profile_count == 3
    error_message = "The list has ${klaviyo_segment_export.vip.last_run.list_profile_count} members."
  }
}

run "exports_once" {
  command = plan

  assert {
    condition     = klaviyo_segment_export.vip.last_run.id == run.exports.run_id
    error_message = "Another run is due, although nothing has changed."
  }
}
