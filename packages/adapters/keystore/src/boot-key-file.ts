import { existsSync, readFileSync, statSync } from "node:fs"
import {
  bytesWithinShape,
  decodeShape,
  encodeCanonical,
  integerShape,
  ok,
  refuse,
  Secret,
  type RandomBytes,
  type Refusal,
  type Result,
  type Shape,
} from "@keygrove/base"
import type { CallOptions } from "@keygrove/service"
import * as v from "valibot"
import { BOOT_SECRET_BYTES, type BootKeyRefusal, type BootSecretSource } from "./boot-key.ts"
import { replaceSecretFile } from "./replace-secret-file.ts"
import { readSecretFile } from "./secret-file.ts"

/** How a boot secret lies in its file: in the open, or sealed to this machine's TPM, for as long as these registers are what they were (none: always). */
export type BootKeyForm = { readonly kept: "plain" } | { readonly kept: "tpm"; readonly pcrs: readonly number[] }

/** What seals a boot secret to this machine. Refuses with codes of its own. */
export interface BootSealer {
  /** What opens to the secret on this machine alone, at most 2 KiB, and no secret elsewhere. The secret is borrowed. */
  seal(secret: Secret, pcrs: readonly number[], options: CallOptions): Promise<Result<Uint8Array>>
  /** Inverse; belongs to the caller. */
  unseal(sealed: Uint8Array, pcrs: readonly number[], options: CallOptions): Promise<Result<Secret>>
}

/** What the file of a boot key needs of its surroundings. */
export interface BootKeyTools {
  readonly random: RandomBytes
  readonly sealer: BootSealer
}

const MAX_SEALED_BYTES = 2_048
const MAX_FILE_BYTES = 4_096
const REGISTERS = 24
/** Codes that time does not cure: what was sealed is gone. */
const LOST: readonly string[] = ["TPM_KEY_LOST", "TPM_REGISTERS_CHANGED"]

/** Of registers of a TPM: ascending, each once, or none. */
export const registersShape: Shape<readonly number[]> = v.pipe(
  v.array(integerShape(0, REGISTERS - 1)),
  v.maxLength(REGISTERS),
  v.check((pcrs) => pcrs.every((pcr, at) => at === 0 || pcr > (pcrs[at - 1] ?? pcr)), "must be ascending"),
  v.readonly(),
)

const sealedShape = v.strictObject({
  v: v.literal(1),
  kept: v.literal("tpm"),
  pcrs: registersShape,
  sealed: bytesWithinShape(1, MAX_SEALED_BYTES),
})
type SealedBootKey = v.InferOutput<typeof sealedShape>

/**
 * The boot secret in a file that nobody but its owner may read: it opens nothing, but whoever has it can ask for pieces in the node's name. In the open it is the 32 bytes; sealed it is canonical CBOR
 * `{v: 1, kept: "tpm", pcrs, sealed}`.
 */
export function bootSecretIn(path: string, tools: BootKeyTools): BootSecretSource {
  return {
    open: async ({ make, signal }) => {
      signal.throwIfAborted()
      if (make && !existsSync(path)) {
        using made = Secret.take(tools.random(BOOT_SECRET_BYTES))
        const written = write(path, made)
        if (!written.ok) return written
      }
      if (isPlain(path)) return readPlain(path)
      const sealed = readSealed(path)
      if (!sealed.ok) return sealed
      const opened = await tools.sealer.unseal(sealed.value.sealed, sealed.value.pcrs, { signal })
      return opened.ok ? opened : notOpened(path, opened)
    },
    stamp: () => (isPlain(path) ? undefined : stampOf(path)),
  }
}

/** A file that takes another's place is another one. */
function stampOf(path: string): string | undefined {
  const facts = statSync(path, { bigint: true, throwIfNoEntry: false })
  return facts === undefined ? undefined : [facts.ino, facts.size, facts.mtimeNs, facts.ctimeNs].join(":")
}

/** How the boot secret of a file is kept; nothing when there is none. */
export function readBootKeyForm(path: string): Result<BootKeyForm | undefined, BootKeyRefusal> {
  if (!existsSync(path)) return ok(undefined)
  if (isPlain(path)) return ok({ kept: "plain" })
  const sealed = readSealed(path)
  return sealed.ok ? ok({ kept: "tpm", pcrs: sealed.value.pcrs }) : sealed
}

/**
 * Has a file keep its boot secret in another form, in one step: a crash leaves it in the one or the other. A secret that lay in the open is not sealed, for the disk, or a copy of it, may still have it: another is made
 * (`isNew`), as where there was none, and where what one was sealed to will never open it again. The node has to say that on the ledger.
 */
export async function keepBootKey(
  path: string,
  form: BootKeyForm,
  tools: BootKeyTools,
  { signal }: CallOptions,
): Promise<Result<{ readonly isNew: boolean }>> {
  const present = await readPresent(path, form, tools, { signal })
  if (!present.ok) return present
  using secret = present.value ?? Secret.take(tools.random(BOOT_SECRET_BYTES))
  const isNew = present.value === undefined
  if (form.kept === "plain") {
    const written = write(path, secret)
    return written.ok ? ok({ isNew }) : written
  }
  const sealed = await sealProved(secret, form.pcrs, tools, { signal })
  if (!sealed.ok) return sealed
  const written = write(path, encodeCanonical({ v: 1, kept: "tpm", pcrs: [...form.pcrs], sealed: sealed.value }))
  return written.ok ? ok({ isNew }) : written
}

/** The secret of a file that may be kept in a form; nothing when there is no file, or none that is as good as that form, or one that nobody will ever open. */
async function readPresent(
  path: string,
  { kept }: BootKeyForm,
  { sealer }: BootKeyTools,
  options: CallOptions,
): Promise<Result<Secret | undefined>> {
  options.signal.throwIfAborted()
  if (!existsSync(path)) return ok(undefined)
  if (isPlain(path)) return kept === "plain" ? readPlain(path) : ok(undefined)
  const sealed = readSealed(path)
  if (!sealed.ok) return sealed
  const opened = await sealer.unseal(sealed.value.sealed, sealed.value.pcrs, options)
  return !opened.ok && LOST.includes(opened.code) ? ok(undefined) : opened
}

/** Seals, and opens what was sealed: the other form goes only when this one is known to work. */
async function sealProved(
  secret: Secret,
  pcrs: readonly number[],
  { sealer }: BootKeyTools,
  options: CallOptions,
): Promise<Result<Uint8Array>> {
  const sealed = await sealer.seal(secret, pcrs, options)
  if (!sealed.ok) return sealed
  const opened = await sealer.unseal(sealed.value, pcrs, options)
  if (!opened.ok) return opened
  using again = opened.value
  return again.equals(secret) ? sealed : refuse("BOOT_KEY_SEALED", "what the TPM sealed opens to something else; nothing was changed")
}

/** The first form was 32 bytes, and no other has that length. */
function isPlain(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.size === BOOT_SECRET_BYTES
}

function readPlain(path: string): Result<Secret, "BOOT_KEY_INVALID"> {
  return readSecretFile(path, BOOT_SECRET_BYTES, (reason) => invalid(path, reason))
}

function readSealed(path: string): Result<SealedBootKey, "BOOT_KEY_INVALID"> {
  let bytes: Uint8Array
  try {
    const { size } = statSync(path)
    if (size > MAX_FILE_BYTES) return invalid(path, `has ${size} bytes; it is ${BOOT_SECRET_BYTES} bytes, or what a TPM sealed`)
    bytes = readFileSync(path)
  } catch (error) {
    return invalid(
      path,
      `cannot be read (${error instanceof Error && "code" in error ? String(error.code) : "unknown reason"}); check the path`,
    )
  }
  const decoded = decodeShape(bytes, { shape: sealedShape, maxBytes: MAX_FILE_BYTES, code: "BOOT_KEY_INVALID", noun: "the boot key" })
  return decoded.ok ? decoded : invalid(path, `is neither ${BOOT_SECRET_BYTES} bytes nor what a TPM sealed (${decoded.message})`)
}

function write(path: string, content: Secret | Uint8Array): Result<true, "BOOT_KEY_INVALID"> {
  return replaceSecretFile(path, content, (reason) => invalid(path, `cannot be made (${reason}); check its directory`))
}

function notOpened(path: string, { code, message }: Refusal): Refusal<"BOOT_KEY_SEALED"> {
  return refuse(
    "BOOT_KEY_SEALED",
    `the boot key ${path} is sealed to the TPM, which does not open it (${code}: ${message}); unlock the node with its passphrase or key file`,
    { reason: code },
  )
}

function invalid(path: string, reason: string): Refusal<"BOOT_KEY_INVALID"> {
  return refuse("BOOT_KEY_INVALID", `the boot key ${path} ${reason}`)
}
