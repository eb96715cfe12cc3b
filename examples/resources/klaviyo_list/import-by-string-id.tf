# The id of a list is at the end of its address in Klaviyo:
# https://www.klaviyo.com/list/Y6nRLr
import {
  to = klaviyo_list.vip
  id = "Y6nRLr"
}
