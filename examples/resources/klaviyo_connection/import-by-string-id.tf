# A connection is imported by the id of its account, which is the public API
# key (site id) shown in Klaviyo under Settings > API keys.
import {
  to = klaviyo_connection.marketing
  id = "AbC123"
}
