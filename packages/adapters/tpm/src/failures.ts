import { refuse, type Refusal } from "@keygrove/base"
import type { AttesterRefusal } from "@keygrove/service"
import type { ToolRun } from "./run-tool.ts"

/** Response codes of TPM 2.0 Library, Part 2, §6.6.3, which ask to wait or say that something is full. */
const BUSY: readonly number[] = [
  0x902, // TPM_RC_OBJECT_MEMORY
  0x903, // TPM_RC_SESSION_MEMORY
  0x904, // TPM_RC_MEMORY
  0x905, // TPM_RC_SESSION_HANDLES
  0x906, // TPM_RC_OBJECT_HANDLES
  0x908, // TPM_RC_YIELDED
  0x90a, // TPM_RC_TESTING
  0x920, // TPM_RC_NV_RATE
  0x922, // TPM_RC_RETRY
  0x923, // TPM_RC_NV_UNAVAILABLE
]
const LOCKOUT = 0x921
/** Codes of format one carry the number of a parameter in other bits. */
const FORMAT_ONE = 0x080
const FORMAT_ONE_BITS = 0x0bf
const INTEGRITY = 0x09f
const AUTHORISATION: readonly number[] = [0x08e, 0x0a2]
const MAX_QUOTED = 200

/** What a tool that failed said, as a refusal. */
export function failureOf({ program, tcti }: Pick<ToolRun, "program" | "tcti">, words: string): Refusal<AttesterRefusal> {
  if (words.includes("Could not load tcti")) return unreachableTpm(tcti, words)
  const code = responseCode(words)
  if (code === undefined) return refuse("TPM_FAILED", `the program ${program} failed: ${quoted(words)}`)
  const hex = `0x${code.toString(16)}`
  if (code === LOCKOUT)
    return refuse("TPM_LOCKED_OUT", `the TPM is locked out (${hex}) after wrong passwords; wait, or run tpm2_dictionarylockout -c`, {
      observed: hex,
    })
  if (BUSY.includes(code)) return refuse("TPM_BUSY", `the TPM at ${tcti} is busy (${hex}); try again`, { observed: hex })
  const kind = (code & FORMAT_ONE) === 0 ? code : code & FORMAT_ONE_BITS
  if (kind === INTEGRITY)
    return refuse("TPM_KEY_LOST", "the TPM does not know the attestation key any more; it was cleared, or is another: enrol again", {
      observed: hex,
    })
  if (AUTHORISATION.includes(kind))
    return refuse(
      "TPM_FAILED",
      `the TPM asks ${program} for a password of its hierarchy (${hex}); keys are made in hierarchies without one`,
      {
        observed: hex,
      },
    )
  return refuse("TPM_FAILED", `the program ${program} failed (${hex}): ${quoted(words)}`, { observed: hex })
}

function unreachableTpm(tcti: string, words: string): Refusal<AttesterRefusal> {
  if (words.includes("Device or resource busy"))
    return refuse("TPM_BUSY", `another program has the TPM at ${tcti}; use device:/dev/tpmrm0, which programs can share`)
  if (words.includes("Permission denied"))
    return refuse("TPM_ABSENT", `this user may not use the TPM at ${tcti}; add it to the group tss and log in again`)
  return refuse("TPM_ABSENT", `there is no TPM at ${tcti}; enable it in the machine's firmware, or correct tpm.tcti in config.json`)
}

/** The code of the TPM in the tool's own line about its call, `ERROR: Esys_Load(0x1DF) - tpm:…`, without the layer that passed it on. */
function responseCode(words: string): number | undefined {
  const digits = /^ERROR: \w+\(0x([0-9A-Fa-f]{1,8})\)/m.exec(words)?.[1]
  return digits === undefined ? undefined : Number.parseInt(digits, 16) & 0xffff
}

/** What the tool said first, in one line. */
function quoted(words: string): string {
  const line = words.split("\n").find((each) => each.startsWith("ERROR: ")) ?? words.split("\n")[0] ?? ""
  const plain = line.replaceAll(/[^ -~]/g, "?").slice(0, MAX_QUOTED)
  return plain === "" ? "it said nothing" : plain
}
