variables {
  segment       = "people.csv"
  force_destroy = true # the test destroys the list, which has members by then
}

run "exports" {
  assert {
    condition     = output.complete
    error_message = "The run is ${klaviyo_segment_export.vip.last_run.status}."
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
