# The id is the public API key (site id) of the account. Klaviyo shows it under
# Settings > API keys.
import {
  to = klaviyo_connection.marketing
  id = "AbC123"
}
