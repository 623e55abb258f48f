// Prisma's command line on its own engine, compiled to WebAssembly, and on node-postgres instead of its native driver.
//
// Reads DATABASE_URL, with Prisma's `?schema=`, and ORACLE_MIGRATIONS, the directory. Everything patched below is in the
// experimental adapter or in how the process ends; what is asked of the database, and in which order, is the engine's.

import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

// Installed where the command line itself is, not beside this file.
const require = createRequire(process.argv[1])
const { PrismaPg } = require('@prisma/adapter-pg')

const url = new URL(process.env.DATABASE_URL)
const schema = url.searchParams.get('schema')
url.searchParams.delete('schema')

// The engine never takes back the timer of its wait for the lock, and a process that has done its work would stay for
// those ten seconds. Unreferenced it still fires while there is a query to wait for: P1002 comes as it should.
const LOCK_TIMEOUT = 10_000
const setTimer = globalThis.setTimeout
globalThis.setTimeout = (work, delay, ...rest) => {
  const timer = setTimer(work, delay, ...rest)
  return delay === LOCK_TIMEOUT ? timer.unref() : timer
}

// Types of the system's own tables, which the adapter does not know: "char" and name. Both are text.
const CHAR = 18
const NAME = 19
const TEXT = 25

function patch(adapter) {
  const { performIO } = adapter
  adapter.performIO = async function (query) {
    const result = await performIO.call(this, query)
    for (const field of result.fields) {
      if (field.dataTypeID === CHAR || field.dataTypeID === NAME) field.dataTypeID = TEXT
    }
    return result
  }
  // The adapter cuts a script at every semicolon, those in strings and function bodies included. The native engine sends
  // it whole, by the simple protocol; so does this.
  adapter.executeScript = async function (script) {
    try {
      await this.client.query(script)
    } catch (error) {
      this.onError(error)
    }
  }
  return adapter
}

export default {
  experimental: { adapter: true },
  engine: 'js',
  schema: fileURLToPath(new URL('schema.prisma', import.meta.url)),
  migrations: { path: process.env.ORACLE_MIGRATIONS },
  adapter: async () => {
    const pool = { connectionString: url.href, allowExitOnIdle: true }
    // As the native engine does: the named schema and nothing else, or what the server says.
    // The server cuts these options at every blank without a backslash.
    if (schema) pool.options = `-c search_path="${schema.replace(/[\\ ]/g, '\\$&')}"`
    const factory = new PrismaPg(pool, { schema: schema ?? 'public' })
    const connect = factory.connect.bind(factory)
    factory.connect = async () => patch(await connect())
    return factory
  },
}
