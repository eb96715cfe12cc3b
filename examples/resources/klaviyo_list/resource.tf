resource "klaviyo_list" "vip" {
  name           = "VIP customers"
  opt_in_process = "single_opt_in"
}
