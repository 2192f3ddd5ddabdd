import { createHash } from "node:crypto"
import { attesterContract } from "../../../service/src/ports/attester.contract.ts"
import { MemoryAttester } from "./attester.ts"
import { seededRandom } from "./random.ts"
import { MemoryTpm } from "./tpm.ts"

attesterContract("in memory", async () => {
  const tpm = new MemoryTpm(seededRandom("tpm"))
  return await Promise.resolve({
    attester: (memory) => new MemoryAttester(tpm, memory),
    extend: async (pcr, text) => await Promise.resolve(tpm.extend(pcr, Uint8Array.from(createHash("sha256").update(text).digest()))),
    reboot: async () => await Promise.resolve(tpm.reboot()),
    clear: async () => await Promise.resolve(tpm.clear()),
    [Symbol.asyncDispose]: async () => await Promise.resolve(),
  })
})
