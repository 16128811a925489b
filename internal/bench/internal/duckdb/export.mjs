// Loads or exports a table with DuckDB, and prints what that took as JSON.
//
//   node export.mjs DATABASE load TABLE COLUMNS FILE
//   node export.mjs DATABASE THREADS STATEMENT
//
// COLUMNS are those of CREATE TABLE, FILE is a CSV. Of an export the statement
// alone is measured: the database is open before.
import { readFileSync } from 'node:fs'
import { DuckDBInstance } from '@duckdb/node-api'

const [path, what, ...rest] = process.argv.slice(2)
process.stdin.on('end', () => process.exit(3)).resume() // the end of who asked
if (what === 'load') {
  const [table, columns, file] = rest
  const connection = await (await DuckDBInstance.create(path)).connect()
  await connection.run(`create table ${table} (${columns})`)
  await connection.run(`copy ${table} from '${file}' (format csv, header, null '')`)
  await connection.run('checkpoint')
  connection.closeSync()
} else {
  const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY', threads: what })
  const connection = await instance.connect()
  const cpu = process.cpuUsage()
  const begin = process.hrtime.bigint()
  const result = await connection.run(rest[0])
  const wall = Number(process.hrtime.bigint() - begin) / 1e9
  const { user, system } = process.cpuUsage(cpu)
  const peak = Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024
  console.log(JSON.stringify({ Wall: wall, CPU: (user + system) / 1e6, Peak: peak, Rows: Number(result.rowsChanged) }))
}
process.exit(0)
