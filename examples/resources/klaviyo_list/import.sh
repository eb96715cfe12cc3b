# The id of a list is at the end of its address in Klaviyo:
# https://www.klaviyo.com/list/Y6nRLr
terraform import klaviyo_list.vip Y6nRLr
