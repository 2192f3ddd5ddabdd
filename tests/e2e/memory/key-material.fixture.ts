import { createInterface } from "node:readline"
import { installSecretMemory, unwrap } from "@keygrove/base"
import { lockedSecretMemory } from "@keygrove/curves-native"
import { decodeKeyType } from "@keygrove/keys"
import { parseKeyMaterial } from "../../../packages/adapters/vault/src/material/parse-key-material.ts"
import { readKeyFile } from "../../../packages/adapters/vault/src/material/read-key-file.ts"

// Reads a file of a type, keeps the key until the next line, wipes it, and reads the file again many times, so that every function is compiled.
installSecretMemory(lockedSecretMemory())
const [, , typeName = "", path = ""] = process.argv
const type = unwrap(decodeKeyType(typeName))
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
{
  using material = unwrap(readKeyFile(path))
  using secret = unwrap(parseKeyMaterial(type, material))
  process.stdout.write(`${secret.length} bytes held\n`)
  await lines.next()
}
for (let round = 0; round < 200; round++) {
  using material = unwrap(readKeyFile(path))
  using secret = unwrap(parseKeyMaterial(type, material))
  if (secret.length !== 32) throw new RangeError("a key has 32 bytes")
}
process.stdout.write("wiped\n")
await lines.next()
process.stdin.destroy()
