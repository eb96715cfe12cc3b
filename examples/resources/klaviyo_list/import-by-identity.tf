import {
  to = klaviyo_list.vip
  identity = {
    id         = "Y6nRLr"
    account_id = "AbC123" # may be left out: the account of the API key
  }
}
