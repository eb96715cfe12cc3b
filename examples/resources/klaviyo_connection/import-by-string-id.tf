# The id is that of the account. Klaviyo shows it under Settings > API keys, as
# public API key.
import {
  to = klaviyo_connection.marketing
  id = "AbC123"
}
