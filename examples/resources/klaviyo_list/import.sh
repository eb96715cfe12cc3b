terraform import klaviyo_list.vip Y6nRLr
