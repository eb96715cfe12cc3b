import {
  to = klaviyo_segment_export.vip
  identity = {
    account_id = "AbC123"
    list_id    = "Y6nRLr"
  }
}
