data "klaviyo_list" "by_name" {
  name = "VIP customers"
}

data "klaviyo_list" "by_id" {
  id = "Y6nRLr"
}
