package sql

import (
	"slices"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

var snowflakeSyntax = syntax{backslashes: `'`, slashComments: true, dollarQuotes: true}

// checkSnowflake refuses a query, before anything is sent, that SELECT * FROM (...)
// cannot hold.
func checkSnowflake(query string) *segment.Error {
	if err := snowflakeSyntax.checkReadOnly(query); err != nil {
		return err
	}
	tokens, err := snowflakeSyntax.tokens(query)
	if err != nil {
		return err
	}
	if first := statementOf(tokens)[0]; first.text != "SELECT" {
		return unreadable("The statement of the query begins with "+shortened(first.text)+", which is not the query of a segment for Snowflake.", "Write one statement that begins with SELECT or WITH.")
	}
	// The flow operator runs further statements with the rows of those before.
	// https://docs.snowflake.com/en/sql-reference/operators-flow
	for i := range tokens {
		if slices.Equal(tokens[i:min(i+3, len(tokens))], []token{{symbolToken, "-"}, {symbolToken, ">"}, {symbolToken, ">"}}) {
			return unreadable("The query has more than one statement: it has the flow operator, ->>.", "Write what it does as one SELECT.")
		}
	}
	return nil
}
