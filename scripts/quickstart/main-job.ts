import { open } from "node:fs/promises"
import { join } from "node:path"
import { expectKeygrove, runKeygrove, textField, type KeygroveAnswer } from "../../packages/apps/cli/src/grove/keygrove-process.ts"
import type { Grove } from "../../packages/apps/cli/src/grove/grove.ts"
import type { Narrator } from "./narrator.ts"

export interface MainJob {
  readonly grove: Grove
  readonly file: string
  readonly narrator: Narrator
  readonly signal: AbortSignal
}

const LABEL = "quickstart"
/** Exit status of a refusal (interfaces.md). */
const REFUSED = 4

/** Encrypt, grant, lose a proxy, decrypt, revoke, be refused; returns the highest memory use of any command in bytes. */
export async function runMainJob(job: MainJob): Promise<number> {
  const { grove, narrator, signal } = job
  const alice = { home: grove.member("laptop").home, signal }
  const bob = { home: grove.member("bob").home, signal }
  const sealed = join(grove.directory, "shared.kg")
  const peaks: number[] = []
  const counted = (ended: KeygroveAnswer): KeygroveAnswer => {
    peaks.push(ended.peakBytes)
    return ended
  }

  counted(await expectKeygrove(["encrypt", job.file, "--label", LABEL, "-o", sealed], alice))
  narrator.step("encrypted", `Alice encrypted the file under the label "${LABEL}"`)

  const reader = textField((await expectKeygrove(["id"], bob)).answer, "id")
  const granted = counted(await expectKeygrove(["grant", LABEL, "--to", reader, "-m", "3", "-n", "5", "--expires", "30d"], alice))
  const policy = textField(granted.answer, "policy")
  narrator.step("granted", `Alice granted it to Bob for 30 days: any 3 of 5 proxies (policy ${policy.slice(0, 12)}…)`)

  process.kill(grove.member("proxy-5").pid, "SIGKILL")
  narrator.step("killed", "proxy-5 was killed with SIGKILL")

  const opened = join(grove.directory, "bob-opened")
  counted(await expectKeygrove(["decrypt", sealed, "-o", opened], bob))
  await assertSame(job.file, opened)
  narrator.step("decrypted", "Bob decrypted it through re-encryption; every byte is the same")

  counted(await expectKeygrove(["revoke", policy], alice))
  narrator.step("revoked", "Alice revoked the policy")

  const refused = counted(await runKeygrove(["decrypt", sealed, "-o", join(grove.directory, "bob-again")], bob))
  if (refused.exitStatus !== REFUSED || refused.answer["code"] !== "POLICY_REVOKED")
    throw new Error(
      `Bob should be refused with POLICY_REVOKED and status ${REFUSED}, got ${String(refused.answer["code"])} and ${refused.exitStatus}`,
    )
  narrator.step("refused", "Bob is refused now: POLICY_REVOKED, exit status 4")

  const own = join(grove.directory, "alice-opened")
  counted(await expectKeygrove(["decrypt", sealed, "-o", own], alice))
  await assertSame(job.file, own)
  narrator.step("kept", "Alice still decrypts it with her own key")
  return Math.max(...peaks)
}

/** Compares two files byte by byte with constant memory. */
async function assertSame(expected: string, actual: string): Promise<void> {
  const [a, b] = [await open(expected), await open(actual)]
  try {
    const left = Buffer.alloc(1024 * 1024)
    const right = Buffer.alloc(left.length)
    for (let position = 0; ;) {
      const [first, second] = await Promise.all([a.read(left, 0, left.length, position), b.read(right, 0, right.length, position)])
      const length = Math.min(first.bytesRead, second.bytesRead)
      if (left.compare(right, 0, length, 0, length) !== 0) throw new Error(`${actual} differs from ${expected} after byte ${position}`)
      if (length === 0) {
        if (first.bytesRead !== second.bytesRead) throw new Error(`${actual} has not the length of ${expected}`)
        return
      }
      position += length
    }
  } finally {
    await Promise.all([a.close(), b.close()])
  }
}
