# An export is imported by the id of its account and the id of its list. The
# first apply after that runs it.
terraform import klaviyo_segment_export.vip AbC123/Y6nRLr
