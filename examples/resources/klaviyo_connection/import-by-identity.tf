import {
  to = klaviyo_connection.marketing
  identity = {
    account_id = "AbC123"
  }
}
