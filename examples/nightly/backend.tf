# A fresh checkout has no state. Keep it in a backend that locks.

terraform {
  backend "s3" {
    bucket       = "example-terraform-state"
    key          = "klaviyo/terraform.tfstate"
    region       = "eu-central-1"
    encrypt      = true
    use_lockfile = true # Terraform 1.10 or later
  }
}
