#!/bin/sh
# Tests the configuration in this folder against a simulated Klaviyo.
set -eu

dir=$(mktemp -d)
klaviyo-simulator -ready-file "$dir/ready.json" -fault 503:bulk_import_profiles:2 > "$dir/env" &
simulator=$!
trap 'kill "$simulator"; rm -rf "$dir"' EXIT

# Wait until the simulator is ready. End the script if it could not start.
until [ -f "$dir/ready.json" ]; do
  kill -0 "$simulator"
  sleep 0.1
done
. "$dir/env" # sets KLAVIYO_BASE_URL, KLAVIYO_API_KEY and KLAVIYO_LIST_ID

terraform test -filter=export.tftest.hcl    # with the mock
terraform test -filter=simulator.tftest.hcl # with the simulator, where two requests fail

# This plan must be refused: most rows are broken, and a safeguard limits their share.
if terraform plan -input=false -no-color -var segment=broken.csv > "$dir/plan.txt" 2>&1; then
  echo "The plan with broken rows was not refused." >&2
  exit 1
fi
if ! grep -q "Too Many Rows Cannot Be Exported" "$dir/plan.txt"; then
  cat "$dir/plan.txt" >&2
  exit 1
fi

# The test has destroyed its list, but the profiles are still in Klaviyo.
curl -fsS "$KLAVIYO_BASE_URL/control/profiles?email=ann@example.com" | grep -q '"ann@example.com"'
