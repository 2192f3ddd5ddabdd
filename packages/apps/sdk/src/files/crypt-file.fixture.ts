import { encryptFile } from "./crypt-file.ts"
import { fixtureLabel, fixtureTools } from "./file-fixture.ts"

/** Encrypts argv[2] to argv[3] in a process that a test may kill; tells each batch. */
const [, , input = "", output = ""] = process.argv
const { signal } = new AbortController()
const onProgress = (): void => void process.stdout.write("batch\n")
await encryptFile(fixtureTools, { input, output, overwrite: true }, { ...fixtureLabel, signal, onProgress })
process.stdout.write("done\n")
