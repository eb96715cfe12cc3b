terraform {
  required_providers {
    klaviyo = {
      source = "klaviyo-community/klaviyo"
    }
  }
}

# The API key comes from the environment variable KLAVIYO_API_KEY.
provider "klaviyo" {}
