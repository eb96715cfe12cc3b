package provider

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

func TestScheduleValidators(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		validator validator.String
		value     types.String
		want      string
	}{
		"cron null":        {cronExpression, types.StringNull(), ""},
		"cron unknown":     {cronExpression, types.StringUnknown(), ""},
		"cron good":        {cronExpression, types.StringValue("0 6 * * 1-5"), ""},
		"cron bad":         {cronExpression, types.StringValue("0 25 * * *"), `The cron expression "0 25 * * *" cannot be used: the hour cannot be "25"`},
		"cron empty":       {cronExpression, types.StringValue(""), "it is empty"},
		"cron seconds":     {cronExpression, types.StringValue("0 0 6 * * *"), "seconds or years"},
		"timezone null":    {timezoneName, types.StringNull(), ""},
		"timezone unknown": {timezoneName, types.StringUnknown(), ""},
		"timezone good":    {timezoneName, types.StringValue("Europe/Madrid"), ""},
		"timezone UTC":     {timezoneName, types.StringValue("UTC"), ""},
		"timezone bad":     {timezoneName, types.StringValue("Madrid"), `The time zone "Madrid" cannot be used: it is not in the IANA`},
		"timezone local":   {timezoneName, types.StringValue("Local"), "IANA"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := validator.StringRequest{Path: path.Root("schedule").AtName("it"), ConfigValue: test.value}
			var response validator.StringResponse
			test.validator.ValidateString(t.Context(), request, &response)
			if test.want == "" {
				if len(response.Diagnostics) != 0 {
					t.Errorf("it was refused: %v", response.Diagnostics)
				}
				return
			}
			if len(response.Diagnostics) != 1 {
				t.Fatalf("diagnostics are %v, want one", response.Diagnostics)
			}
			if detail := response.Diagnostics[0].Detail(); !strings.Contains(detail, test.want) || !strings.HasSuffix(detail, ".") {
				t.Errorf("the error is %q, want a sentence that says %q", detail, test.want)
			}
		})
	}
}
