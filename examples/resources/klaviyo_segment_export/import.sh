terraform import klaviyo_segment_export.vip AbC123/Y6nRLr
