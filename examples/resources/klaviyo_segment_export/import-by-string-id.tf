# An export is imported by the id of its account and the id of its list.
import {
  to = klaviyo_segment_export.vip
  id = "AbC123/Y6nRLr"
}
