// Runs queries in DuckDB, whose columns are all VARCHAR, and prints the rows of each.
//
//   node duckdb.mjs QUERY...
import { DuckDBInstance } from '@duckdb/node-api'

const instance = await DuckDBInstance.create(':memory:', { threads: '2' })
const connection = await instance.connect()
await connection.run("set timezone = 'UTC'")
const results = []
for (const query of process.argv.slice(2)) {
  // As hex, because the binding takes a byte order mark at the start of a text away.
  const { columnCount } = await connection.prepare(query)
  const names = Array.from({ length: columnCount }, (_, i) => `c${i}`)
  const rows = await connection.runAndReadAll(
    `select ${names.map(name => `hex(encode(${name}))`)} from (${query}) as q(${names})`)
  results.push(rows.getRowsJson().map(row => row.map(hex => hex === null ? null : Buffer.from(hex, 'hex').toString())))
}
process.stdout.write(JSON.stringify(results))
connection.closeSync()
