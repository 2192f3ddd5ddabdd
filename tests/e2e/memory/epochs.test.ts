import { pbkdf2Sync } from "node:crypto"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodeEpoch, deriveEpoch, deriveEpochSecret, labelSecret } from "@keygrove/hierarchy"
import { foundNode, spawnKeystore } from "@keygrove/keystore"
import { expect, test } from "vitest"
import { bundle } from "../bundle.ts"
import { placeOf, prepareOn } from "../node/hold-rekey.ts"
import { isAlive, makeHome, makeStage, type TestHome } from "../node/node-process.ts"
import { storeInEpoch } from "../node/store-in-epoch.ts"
import { canReadMemory, findInProcess } from "./process-memory.ts"

const NAME = "vault"
const EPOCHS = [1, 2, 3] as const

interface Expected {
  /** What the node signs with now, and what opens data of every epoch. */
  readonly held: ReadonlyMap<string, Uint8Array>
  /** What signed in earlier epochs, and what all this derives from or leads to. */
  readonly absent: ReadonlyMap<string, Uint8Array>
}

/** From the words, as only their owner could. */
function expectedOf(home: TestHome, label: string): Expected {
  const copy = (secret: Secret): Uint8Array => secret.expose((bytes) => Uint8Array.from(bytes))
  const words = readFileSync(`${home.directory}.words`, "utf8").trim()
  using seed = Secret.take(Uint8Array.from(pbkdf2Sync(words, "mnemonic", 2048, 64, "sha512")))
  using node = unwrap(foundNode(nativePrimitives, seed, NAME)).nodeSecret
  const held = new Map<string, Uint8Array>()
  const absent = new Map([["node secret", copy(node)]])
  for (const number of EPOCHS) {
    using epoch = deriveEpoch(nativePrimitives, node, unwrap(decodeEpoch(number)))
    using epochSecret = deriveEpochSecret(nativePrimitives, node, epoch.epoch)
    absent.set(`epoch secret ${number}`, copy(epochSecret))
    for (const purpose of ["encryption", "sealing", "storage", "labels"] as const) held.set(`${purpose} ${number}`, copy(epoch[purpose]))
    for (const purpose of ["signing", "delegation"] as const)
      (number === 3 ? held : absent).set(`${purpose} ${number}`, copy(epoch[purpose]))
    using key = labelSecret(nativePrimitives, epoch.labels, label)
    absent.set(`label key ${number}`, copy(key))
  }
  return { held, absent }
}

test.runIf(canReadMemory)(
  "a keystore that went on to epoch 3 holds of 1 and 2 what opens, and nothing that signs or that 3 comes from",
  async () => {
    await using stage = await makeStage()
    const home = await makeHome(stage.directory, NAME)
    const store = storeInEpoch(home.file("keystore.db"), { keyFile: home.keyFile, epoch: 2, name: "2" })
    const args = [join(bundle, "keystore.mjs"), "serve", "--store", store, "--audit", home.file("audit.db"), "--key-file", home.keyFile]
    const call = { signal: AbortSignal.timeout(170_000) }
    await using child = unwrap(await spawnKeystore({ command: process.execPath, args }, call))
    const exchange = unwrap(await child.keystore.beginRekey(call))
    unwrap(
      await child.keystore.acceptRekey(
        await prepareOn({ store, keyFile: home.keyFile }, placeOf(child.keystore.identity()), exchange),
        call,
      ),
    )
    unwrap(await child.keystore.finishRekey(call))
    const label = "photos"
    for (const epoch of EPOCHS) unwrap(await child.keystore.labelPublicKey({ label, epoch: unwrap(decodeEpoch(epoch)) }, call))
    const { absent, held } = expectedOf(home, label)
    expect(new Set(await findInProcess(child.pid, held))).toEqual(new Set(held.keys()))
    expect(await findInProcess(child.pid, absent)).toEqual([])
    unwrap(await child.keystore.lock(call))
    await expect.poll(() => isAlive(child.pid)).toBe(false)
  },
)
