import {
  to = klaviyo_list.vip
  identity = {
    id         = "Y6nRLr"
    account_id = "AbC123" # optional; defaults to the account of the API key
  }
}
