// Runs the SQL statements on its standard input with DuckDB.
const { readFileSync } = require("node:fs");
const { DuckDBInstance } = require("@duckdb/node-api");

async function main() {
  const database = await DuckDBInstance.create(":memory:", { threads: "2" });
  const connection = await database.connect();
  await connection.run(readFileSync(0, "utf8"));
  connection.closeSync();
  database.closeSync();
}

main().catch((error) => {
  console.error(String(error));
  process.exitCode = 1;
});
