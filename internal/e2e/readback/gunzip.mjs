// Decompresses a gzip file with Node's zlib, at once and as a stream, and prints the
// SHA-256 of both.
//
//   node gunzip.mjs FILE
import { createHash } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { createGunzip, gunzipSync } from 'node:zlib'

const path = process.argv[2]
const whole = createHash('sha256').update(gunzipSync(readFileSync(path))).digest('hex')
const stream = createHash('sha256')
await pipeline(createReadStream(path), createGunzip(), stream)
console.log(JSON.stringify([whole, stream.digest('hex')]))
