import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { unwrap } from "@keygrove/base"
import { MemoryKeys } from "./memory-keys.fixture.ts"
import { serveSshAgent, type SshAgentOptions } from "./serve-ssh-agent.ts"

/** An agent with keys in memory, in a folder of its own that goes with it. */
export interface RunningAgent extends AsyncDisposable {
  readonly keys: MemoryKeys
  readonly folder: string
  readonly socketPath: string
  readonly log: readonly string[]
  readonly closed: Promise<void>
  readonly stop: AbortController
}

export async function runAgent(options: Partial<SshAgentOptions> = {}): Promise<RunningAgent> {
  const folder = mkdtempSync(join(tmpdir(), "keygrove-agent-"))
  const [keys, log, stop] = [new MemoryKeys(), new Array<string>(), new AbortController()]
  const socketPath = join(folder, "agent.sock")
  const agent = unwrap(await serveSshAgent({ keys, socketPath, signal: stop.signal, log: (line) => log.push(line), ...options }))
  return {
    keys,
    folder,
    socketPath,
    log,
    closed: agent.closed,
    stop,
    [Symbol.asyncDispose]: async () => {
      await agent[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true })
    },
  }
}
