// Reads a Parquet file and prints what is in it as one JSON value: the columns,
// and every cell as the file stores it, without interpretation.
//
//   node parquet.mjs FILE [COLUMN...]
//
// For each COLUMN it also looks up every value of the column with a filter,
// which skips row groups by their bounds, and counts the rows that the filter
// does not find.
import { asyncBufferFromFile, parquetMetadataAsync, parquetRead, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'

const [path, ...lookups] = process.argv.slice(2)
const file = await asyncBufferFromFile(path)
const metadata = await parquetMetadataAsync(file)
const columns = metadata.schema.slice(1).map(e => ({
  name: e.name, physical: e.type, length: e.type_length ?? 0, required: e.repetition_type === 'REQUIRED',
  logical: e.logical_type?.type ?? '', utc: e.logical_type?.isAdjustedToUTC ?? false, unit: e.logical_type?.unit ?? '',
  precision: e.precision ?? 0, scale: e.scale ?? 0,
}))

// Without annotations the reader hands out physical values.
const plain = await parquetMetadataAsync(file)
for (const element of plain.schema) {
  delete element.logical_type
  delete element.converted_type
}
const cells = columns.map(() => [])
await parquetRead({
  file, metadata: plain, compressors, utf8: false,
  onComplete: rows => rows.forEach(row => row.forEach((cell, i) => cells[i].push(raw(cell, columns[i].physical)))),
})

let lost = 0
for (const name of lookups) {
  const all = await parquetReadObjects({ file, metadata, compressors, columns: [name] })
  const counts = new Map()
  for (const row of all) {
    const key = row[name] instanceof Date ? row[name].getTime() : row[name]
    counts.set(key, { value: row[name], n: (counts.get(key)?.n ?? 0) + 1 })
  }
  for (const { value, n } of counts.values()) {
    if (value === null || value === undefined) continue
    for (const condition of [{ $eq: value }, { $gte: value, $lte: value }]) {
      const found = await parquetReadObjects({ file, metadata, compressors, columns: [name], filter: { [name]: condition }, filterStrict: false })
      lost += Math.abs(n - found.length)
    }
  }
}

console.log(JSON.stringify({ rows: Number(metadata.num_rows), rowGroups: metadata.row_groups.length, columns, cells, lost }))

function raw(cell, physical) {
  if (cell === null || cell === undefined) return null
  switch (physical) {
    case 'BOOLEAN': return String(cell)
    case 'INT32': case 'INT64': return cell.toString()
    case 'DOUBLE': return Buffer.from(new Float64Array([cell]).buffer).toString('hex')
    default: return Buffer.from(cell).toString('hex')
  }
}
