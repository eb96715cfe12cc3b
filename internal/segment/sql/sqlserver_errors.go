package sql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	mssql "github.com/microsoft/go-mssqldb"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/redact"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
)

const sqlServerTLSRemedy = "TLS with a certificate that can be verified is required for a server on another machine unless the URL says otherwise. " +
	"Add certificate=/path/to/ca.pem to the URL for an authority of your own; TrustServerCertificate=true to encrypt without knowing who answers; " +
	"or encrypt=disable for no encryption, which lets anyone on the network in between read the rows."

// Numbers of errors that the server gives.
var (
	// busyNumbers mean that the same request may succeed soon:
	// https://learn.microsoft.com/azure/azure-sql/database/troubleshoot-common-errors-issues
	busyNumbers = []int32{1205, 4221, 10928, 10929, 40197, 40501, 40613, 49918, 49919, 49920}

	loginNumbers      = []int32{18452, 18456, 18470, 18486, 18487, 18488}
	databaseNumbers   = []int32{4060, 4064, 40532}
	firewallNumbers   = []int32{40615, 40914, 47073}
	permissionNumbers = []int32{229, 230, 262, 297, 300, 371, 916, 15247}
	writeNumbers      = []int32{3906, 3908, 3930}
	endedNumbers      = []int32{596, 1205, 1222, 6005, 6006, 8645, 8651, 8675}

	// openNumbers are errors of the class 16, which may be about data, that are
	// about a statement.
	openNumbers = []int32{207, 208, 209, 195, 421, 2812, 4104, 4121, 8120, 8121, 8155, 8156, 8158, 8159, 40613, 40501, 40197, 10928, 10929, 4060, 916}
)

const (
	dataClass = 16 // of errors that may be about data

	noProcedure         = 2812
	firstDescribeNumber = 11501 // of the reasons why a statement cannot be described
	lastDescribeNumber  = 11530
)

// serverError finds what the server said in an error of the driver. The first of
// several errors has the cause; those after it say that there was one.
func serverError(err error) (said mssql.Error, found bool) {
	if !errors.As(err, &said) {
		return said, false
	}
	if len(said.All) > 0 {
		said = said.All[0]
	}
	return said, true
}

func isBusySQLServer(err error) bool {
	said, found := serverError(err)
	return found && slices.Contains(busyNumbers, said.Number)
}

// sqlServerMessage returns what the server said, without values that it may quote
// from rows.
func sqlServerMessage(said mssql.Error) string {
	const firstOfUsers = 50000
	if said.Number >= firstOfUsers || said.Number == 0 {
		return fmt.Sprintf("a statement raised an error, whose message is not shown since it may hold data (error %d, state %d)", said.Number, said.State)
	}
	message := strings.TrimPrefix(said.Message, "login error: ")
	aboutStatement := said.Class != dataClass || slices.Contains(openNumbers, said.Number)
	message = maskMessage(strings.TrimRight(message, "\r\n"), aboutStatement)
	message = fmt.Sprintf("%s (error %d, state %d)", message, said.Number, said.State)
	if said.LineNo > 0 && said.ProcName == "" {
		message += fmt.Sprintf(", at line %d of the query", said.LineNo)
	}
	return message
}

// failure explains an error of an open connection.
func (s *sqlServerSession) failure(ctx context.Context, err error) error {
	var explained *segment.Error
	switch {
	case errors.As(err, &explained):
		return explained
	case errors.Is(context.Cause(ctx), errStatementTimeout):
		return argumentError("query", "Make the query faster, or raise statement_timeout in the URL.",
			"The query was cancelled since it ran for longer than the statement_timeout of the URL, %s.", s.config.statementTimeout)
	}
	said, found := serverError(err)
	if !found {
		return brokenError(s.config.where)
	}
	return s.refusal(said)
}

// maskedUser hides a user who is an email address.
func maskedUser(user string) string { return redact.EmailAddress.ReplaceAllString(user, redact.Hidden) }

// refusal explains why the server refuses or ends a query.
func (s *sqlServerSession) refusal(said mssql.Error) *segment.Error {
	message := sqlServerMessage(said)
	has := func(numbers []int32) bool { return slices.Contains(numbers, said.Number) }
	switch {
	case has(endedNumbers):
		return argumentError("query", "Plan again. If the error returns, make the query faster, or find out who ends it.", "The server ended the query: %s.", message)
	case has(busyNumbers):
		return argumentError("url", busyRemedy, "The server at %s is busy or not available: %s.", s.config.where, message)
	case has(permissionNumbers):
		return argumentError("query", "Grant it: GRANT SELECT on what the query reads is enough, as is the role db_datareader.", "The user of the URL may not do what the query does: %s.", message)
	case has(writeNumbers):
		return argumentError("query", "Use a query that only selects.", "The query writes, and segments are only read: %s.", message)
	case firstDescribeNumber <= said.Number && said.Number <= lastDescribeNumber:
		return argumentError("query", "Read from a view or a table, without dynamic SQL and temporary tables.", "The server cannot tell the columns of the query before it runs: %s.", message)
	default:
		return argumentError("query", "", "The server refuses the query: %s.", message)
	}
}

const busyRemedy = "Plan again later. If the error returns, give the database more capacity, or run fewer queries at a time."

// busyError reports a server that is still busy after all attempts.
func (s *sqlServerSession) busyError(err error) *segment.Error {
	said, _ := serverError(err)
	return argumentError("url", busyRemedy, "The server at %s was busy or not available for %s: %s.", s.config.where, maxBusy, sqlServerMessage(said))
}

// connectFailure explains why there is no connection.
func (s *sqlServerSession) connectFailure(err error) error {
	var explained *segment.Error
	if errors.As(err, &explained) {
		return explained
	}
	if isBusySQLServer(err) {
		return s.busyError(err)
	}
	if said, found := serverError(err); found {
		return s.loginRefusal(said)
	}
	if strings.Contains(err.Error(), "no instance matching") {
		return argumentError("url", "Check the name of the instance, or write the port instead: sqlserver://host:port/database.",
			"There is no instance at %s that SQL Server Browser knows; it must be reachable on UDP port 1434.", s.config.where)
	}
	remedy := "Check the parameters of the URL: encrypt, TrustServerCertificate, certificate and hostNameInCertificate."
	if s.config.secured {
		remedy = sqlServerTLSRemedy
	}
	return connectError(s.config.where, remedy, err)
}

func (s *sqlServerSession) loginRefusal(said mssql.Error) *segment.Error {
	message := sqlServerMessage(said)
	has := func(numbers []int32) bool { return slices.Contains(numbers, said.Number) }
	database := s.config.driver.Database
	switch {
	case has(loginNumbers) && s.config.fedauth != "":
		return argumentError("url", "Give the identity a user in the database: CREATE USER [name] FROM EXTERNAL PROVIDER, and GRANT SELECT on what the query reads. In Microsoft Fabric, share the item with it.",
			"The server refuses the identity of Microsoft Entra ID on database %q: %s.", database, message)
	case has(loginNumbers):
		return argumentError("url", "Check user, password and database in the URL; special characters of the password must be percent-encoded.",
			"The server refuses user %q on database %q: %s.", maskedUser(s.config.driver.User), database, message)
	case has(databaseNumbers):
		return argumentError("url", "Check the database in the URL, and that the user may open it. A named instance is written as sqlserver://host/instance?database=name.",
			"The server does not open database %q: %s.", database, message)
	case has(firewallNumbers):
		return argumentError("url", "Add a rule for the address of the machine where Terraform runs to the firewall of the server, or connect through a private endpoint.",
			"The firewall of the server at %s does not let Terraform through: %s.", s.config.where, message)
	default:
		return argumentError("url", "", "The server at %s accepts no connection: %s.", s.config.where, message)
	}
}
