# A fresh checkout has no state, so the state is in a backend that locks it.

terraform {
  backend "s3" {
    bucket       = "example-terraform-state"
    key          = "klaviyo/terraform.tfstate"
    region       = "eu-central-1"
    encrypt      = true
    use_lockfile = true # Terraform 1.10 or later
  }
}
