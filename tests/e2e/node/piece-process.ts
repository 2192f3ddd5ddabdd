import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { Socket } from "node:net"
import { join } from "node:path"
import { Secret, unwrap, type Result } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { createSealing } from "@keygrove/hpke"
import {
  FrameDecoder,
  foundNode,
  KEYSTORE_APPLICATION_ID,
  KEYSTORE_MIGRATIONS,
  spawnKeystore,
  spawnLockedKeystore,
  type BootKeyForm,
} from "@keygrove/keystore"
import { holdRekey } from "@keygrove/keystore/ceremony"
import type { LockedKeystore } from "@keygrove/service"
import { openDatabase } from "@keygrove/sqlite"
import { systemRandom } from "@keygrove/system"
import { storeNode } from "../../../packages/adapters/keystore/src/ceremony/store-node.ts"
import { decodeOutcome } from "../../../packages/apps/node/src/home/ceremony-process.ts"
import { keystoreFile } from "../../../packages/apps/node/src/keystore/keystore-files.ts"
import type { PieceHome, PieceKeysSubject, PieceKeystore } from "../../../packages/service/src/ports/piece-keys-cast.contract.ts"
import { bundle } from "../bundle.ts"
import { placeOf, prepareOn } from "./hold-rekey.ts"

const call = { signal: AbortSignal.timeout(600_000) }
const tools = {
  primitives: nativePrimitives,
  sealing: createSealing({ x25519: nativePrimitives.x25519, random: systemRandom }),
  random: systemRandom,
}

/** A node just founded, whose keystore is a process of its own, opened by a key file or by pieces. */
export class ProcessHome implements PieceHome {
  readonly directory: string
  readonly keyFile: string
  readonly store: string
  /** Of the keystore that was opened last. */
  pid = 0
  /** Where the TPM is that its boot key may be sealed to. */
  tcti = "none"

  constructor(directory: string) {
    this.directory = directory
    this.keyFile = join(directory, "key")
    this.store = join(directory, "keystore.db")
    mkdirSync(directory, { mode: 0o700 })
    const keyBytes = randomBytes(32)
    writeFileSync(this.keyFile, keyBytes, { mode: 0o600 })
    // The other tables come with the keystore program's first start, as they come to a home of an earlier version.
    const file = { path: this.store, applicationId: KEYSTORE_APPLICATION_ID, migrations: [...KEYSTORE_MIGRATIONS] }
    using database = unwrap(openDatabase(file))
    using seed = Secret.take(systemRandom(64))
    using secret = Secret.take(Uint8Array.from(keyBytes))
    const { nodeSecret, place } = unwrap(foundNode(nativePrimitives, seed, "node"))
    using _wiped = nodeSecret
    unwrap(storeNode(database, tools, { method: "key-file", secret }, { place, nodeSecret }))
  }

  get bootKey(): string {
    return join(this.directory, "boot-key")
  }

  async open(): Promise<PieceKeystore> {
    const { keystore, pid, ...child } = unwrap(await spawnKeystore(this.#program("--key-file", this.keyFile), call))
    this.pid = pid
    return portOf(keystore, child[Symbol.asyncDispose])
  }

  async openLocked(): Promise<Result<LockedKeystore>> {
    const spawned = await spawnLockedKeystore(this.#program("--locked"), call)
    if (!spawned.ok) return spawned
    const { keystore: locked, pid, ...child } = spawned.value
    this.pid = pid
    const end = child[Symbol.asyncDispose]
    const unlock: LockedKeystore["unlock"] = async (order, options) => {
      const unlocked = await locked.unlock(order, options)
      if (!unlocked.ok) return unlocked
      return { ok: true, value: { liars: unlocked.value.liars, keystore: portOf(unlocked.value.keystore, end) } }
    }
    const unlockDelegated: LockedKeystore["unlockDelegated"] = async (order, options) => {
      const unlocked = await locked.unlockDelegated(order, options)
      return unlocked.ok ? { ok: true, value: portOf(unlocked.value, end) } : unlocked
    }
    const { bootKeys, delegatedStart, freshSealingKey, node, sign, slots } = locked
    const shown = { bootKeys, freshSealingKey, node, slots, ...(delegatedStart === undefined ? {} : { delegatedStart }) }
    return { ok: true, value: { ...shown, sign, unlock, unlockDelegated, [Symbol.asyncDispose]: end } }
  }

  prepareRekey: PieceHome["prepareRekey"] = async (keystore, exchange) => await prepareOn(this, placeOf(keystore.identity()), exchange)

  rekeyStopped: PieceHome["rekeyStopped"] = async (identity) => {
    using database = unwrap(openDatabase(keystoreFile(this.store)))
    unwrap(await holdRekey(database, tools, { place: placeOf(identity), unlock: { kind: "key-file", path: this.keyFile } }, call))
  }

  /** Has the keystore program keep the boot key in another form. */
  async keepBootKey(form: BootKeyForm): Promise<Result<unknown>> {
    const args = ["boot-key", "--boot-key", this.bootKey, "--tpm-tcti", this.tcti, "--order", JSON.stringify(form)]
    const child = spawn(process.execPath, [join(bundle, "keystore.mjs"), ...args], { stdio: ["ignore", "ignore", 2, "ignore", "pipe"] })
    const [frames, decoder, socket] = [[] as Uint8Array[], new FrameDecoder(), child.stdio[4]]
    if (socket instanceof Socket) for await (const chunk of socket) if (chunk instanceof Uint8Array) frames.push(...decoder.push(chunk))
    return decodeOutcome(frames[0])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve()
  }

  #program(...args: readonly string[]): { readonly command: string; readonly args: readonly string[] } {
    const files = ["--store", this.store, "--audit", join(this.directory, "audit.db"), "--boot-key", this.bootKey, "--tpm-tcti", this.tcti]
    return { command: process.execPath, args: [join(bundle, "keystore.mjs"), "serve", ...files, ...args] }
  }
}

/** Homes in a directory, one after the other. */
export function processSubject(directory: string): PieceKeysSubject {
  let made = 0
  return {
    ...tools,
    newHome: async () => {
      const path = join(directory, `home-${made++}`)
      if (existsSync(path)) throw new TypeError(`${path} was made before`)
      return await Promise.resolve(new ProcessHome(path))
    },
  }
}

/** The port with the life of its process: disposing of it ends the process. */
function portOf(keystore: PieceKeystore, end: () => PromiseLike<void>): PieceKeystore {
  const { acceptFragment, acceptPiece, acceptRekey, beginRekey, bootKeys, combineSubpieces, finishRekey, generateFragments } = keystore
  const { delegateStart, delegatedStart, endDelegatedStart } = keystore
  const { keepSlots, labelPublicKey, openOriginal, openReencrypted, provePiece, reencrypt, returnPiece, share, sign, slots } = keystore
  return {
    acceptFragment,
    acceptPiece,
    acceptRekey,
    beginRekey,
    bootKeys,
    combineSubpieces,
    delegateStart,
    delegatedStart,
    endDelegatedStart,
    finishRekey,
    generateFragments,
    keepSlots,
    labelPublicKey,
    openOriginal,
    openReencrypted,
    provePiece,
    reencrypt,
    returnPiece,
    share,
    sign,
    slots,
    subshare: keystore.subshare,
    state: () => keystore.state(),
    identity: () => keystore.identity(),
    pendingRekey: () => keystore.pendingRekey(),
    onRekey: (listener) => keystore.onRekey(listener),
    lock: async (options) => await keystore.lock(options),
    [Symbol.asyncDispose]: async () => await end(),
  }
}
