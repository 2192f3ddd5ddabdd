import { createHash } from "node:crypto"
import { equalBytes, Secret, toHex, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { deriveAnchor, deriveRoot, ROOT_PATH } from "@keygrove/hierarchy"
import { foundNode } from "@keygrove/keystore"
import {
  draftEntry,
  emptyHead,
  encodeEntry,
  entrySignBytes,
  keyChainHeadSignBytes,
  nextHead,
  verifyKeyChain,
  type Statement,
  type VerifiedKeyChain,
} from "@keygrove/ledger"
import { openLibp2pTransport } from "@keygrove/libp2p"
import {
  decodeProxyAnswer,
  encodeProxyRequest,
  type ChainAnswer,
  type JoinAnswer,
  type LedgerAnswer,
  type LedgerRequest,
  type MeetingAnswer,
  type MeetingRequest,
  type ProxyAnswer,
  type ProxyRequest,
} from "@keygrove/peering"
import { systemClock } from "@keygrove/system"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { Grove } from "./grove.ts"
import * as kit from "./key-use-kit.ts"
import { call, type Member } from "./member.ts"

// The table "Key use" of the documents that this project began with, row by row (docs/protocol/key-use.md).

let cast: kit.KeyUseCast
const label = "photos"

beforeAll(async () => {
  const grove = await Grove.plant("key use")
  const [owner, reader, stranger] = [await grove.join("owner"), await grove.join("reader"), await grove.join("stranger")]
  const [proxy, otherProxy] = [await grove.joinProxy("p1"), await grove.joinProxy("p2")]
  await grove.settle()
  const file = await grove.encrypt(owner, label)
  await grove.encrypt(stranger, label)
  const policy = unwrap(await grove.grant({ owner, reader, label, threshold: 2, shares: 2, expiresAt: grove.at(86_400_000) }))
  await grove.settle()
  cast = { grove, owner, reader, stranger, proxy, otherProxy, file, policy }
})
afterAll(async () => {
  await cast.grove[Symbol.asyncDispose]()
})

type Op = ProxyRequest["op"] | `ledger ${LedgerRequest["op"]}` | "chain read" | "join" | `meet ${MeetingRequest["op"]}`
type Kind =
  | ProxyAnswer["kind"]
  | `ledger ${LedgerAnswer["kind"]}`
  | `chain ${ChainAnswer["kind"]}`
  | `join ${JoinAnswer["kind"]}`
  | `meet ${MeetingAnswer["kind"]}`

/**
 * What tells who a message is from. All come over a line whose ends have proved their keys; what is passed on, kept, or counts later carries a signature of its own besides: `line` marks
 * those that are about this moment only. A kind that is added does not compile before it has an answer.
 */
const proofOf: Readonly<Record<Op | Kind, "line" | keyof typeof signedMessages>> = {
  store_rekey: "a fragment on its way to a proxy",
  reencrypt: "a reader's request",
  remove_rekey: "line",
  receipt: "a proxy's receipt",
  fragments: "a capsule fragment",
  refused: "line",
  "ledger head": "line",
  "ledger read": "line",
  "ledger append": "a statement on the ledger",
  "ledger wait": "line",
  "ledger snapshot": "a snapshot of the ledger",
  "ledger part": "a snapshot of the ledger",
  "ledger slice": "a statement on the ledger",
  "ledger refused": "line",
  "chain read": "line",
  "chain slice": "the end of a key chain",
  "chain refused": "line",
  join: "a statement on the ledger",
  "join joined": "line",
  "join refused": "line",
  "meet say": "a message of a meeting",
  "meet introduce": "line",
  "meet said": "a message of a meeting",
  "meet introduced": "line",
  "meet refused": "line",
}

const signedMessages = {
  "a statement on the ledger": kit.statement,
  "a reader's request": kit.request,
  "a proxy's receipt": kit.receipt,
  "a fragment on its way to a proxy": kit.fragment,
  "a capsule fragment": kit.capsuleFragment,
  "the end of a key chain": kit.keyChainHead,
  "a snapshot of the ledger": kit.snapshotHead,
  "a message of a meeting": kit.meetingMessage,
} as const

describe("1. signing data: all messages", () => {
  test.each(Object.entries(signedMessages))(
    "%s: no bit of it can be changed, and nobody else can sign it",
    { timeout: 300_000 },
    async (_name, make) => {
      const { bytes, forged, isBelieved } = await make(cast)
      expect(await isBelieved(bytes)).toBe(true)
      expect(await isBelieved(forged)).toBe(false)
      for (let index = 0; index < bytes.length; index++) {
        const changed = Uint8Array.from(bytes)
        changed[index] = (changed[index] ?? 0) ^ (1 << (index % 8))
        expect(await isBelieved(changed), `byte ${index}`).toBe(false)
      }
    },
  )

  test("every kind of message is signed, or is about the moment and rides on its line", () => {
    expect(Object.values(proofOf).filter((proof) => proof !== "line" && !(proof in signedMessages))).toEqual([])
    expect(new Set(Object.values(proofOf)).size).toBe(1 + Object.keys(signedMessages).length)
  })

  test("the line tells who speaks: what only the owner may ask, nobody else gets by asking", async () => {
    const { policyId } = cast.policy.grant
    const { labelKey, delegationKey, expiresAt, reader } = cast.policy.grant
    const { cluster, path } = cast.owner.identity
    const draft = { policyId, owner: { cluster, path }, labelKey, delegationKey, expiresAt, reader }
    const sealed = await kit.fragmentFor(cast, cast.owner, cast.proxy)
    const ask = async ({ context }: Member, request: ProxyRequest): Promise<ProxyAnswer> => {
      const to = { signingKey: cast.proxy.key, addresses: [] }
      return unwrap(decodeProxyAnswer(unwrap(await context.transport.request(to, "proxy", encodeProxyRequest(request), call))))
    }
    for (const request of [{ op: "remove_rekey", policyId } as const, { op: "store_rekey", draft, sealed } as const])
      for (const other of [cast.stranger, cast.reader, cast.otherProxy])
        expect(await ask(other, request)).toMatchObject({ code: "NOT_OWNER" })
  })

  test("a line is opened only by whoever has the key, at both ends", async () => {
    const open = async (named: Member, signer: Member) => {
      const sign = async (message: Uint8Array): Promise<Uint8Array> =>
        unwrap(await signer.context.keystore.sign("handshake", message, call))
      return unwrap(await openLibp2pTransport({ signingKey: named.key, sign, clock: systemClock, listen: ["/ip4/127.0.0.1/tcp/0"] }))
    }
    await using server = await open(cast.proxy, cast.proxy)
    const callers: string[] = []
    using _serving = server.serve("proxy", async ({ body, from }) => {
      callers.push(toHex(from))
      return await Promise.resolve(body)
    })
    const signal = AbortSignal.timeout(120_000)
    const asks = async (named: Member, signer: Member, expected: Member): Promise<boolean> => {
      await using client = await open(named, signer)
      const to = { signingKey: expected.key, addresses: server.addresses() }
      return (await client.request(to, "proxy", Uint8Array.of(1), { signal })).ok
    }
    expect(await asks(cast.owner, cast.owner, cast.proxy)).toBe(true)
    expect(await asks(cast.owner, cast.stranger, cast.proxy)).toBe(false)
    expect(await asks(cast.owner, cast.owner, cast.otherProxy)).toBe(false)
    expect(callers).toEqual([toHex(cast.owner.key)])
  })
})

/** What one keystore makes of the file's capsule as its own label's. */
async function opensAsOwn({ context }: Member): Promise<boolean> {
  const pair = await kit.callerKeys()
  using secretKey = pair.secretKey
  const { capsule, epoch } = cast.file.header
  const opening = { label, epoch, capsule, headerDigest: cast.file.headerDigest, recipientKey: pair.publicKey }
  const opened = await context.keystore.openOriginal(opening, call)
  return opened.ok && (await kit.opensReleased(cast.file, secretKey, opened.value))
}

/** What a proxy keeps of the policy. */
async function stored({ storage }: Member): Promise<Uint8Array> {
  const [record] = unwrap(await storage.list("fragment", { limit: 1 }, call))
  const value = record?.value
  const bytes = typeof value === "object" && value !== null && "stored" in value ? value["stored"] : undefined
  if (!(bytes instanceof Uint8Array)) throw new TypeError("the proxy keeps a fragment")
  return bytes
}

/** Whether a node's keystore can use what a proxy keeps. */
async function usesStored({ context }: Member, kept: Uint8Array): Promise<boolean> {
  const order = { policyId: cast.policy.grant.policyId, stored: kept, capsule: cast.file.header.capsule }
  return (await context.keystore.reencrypt(order, call)).ok
}

describe("2. encrypting symmetric key", () => {
  test("data encryption before storage using own key: a file's key is for the label key of its owner", async () => {
    expect(await opensAsOwn(cast.owner)).toBe(true)
    for (const other of [cast.stranger, cast.reader, cast.proxy]) expect(await opensAsOwn(other)).toBe(false)
  })

  test("data encryption before storage using own key: a fragment on disk is sealed by its proxy for itself", async () => {
    const kept = await stored(cast.proxy)
    expect(await usesStored(cast.proxy, kept)).toBe(true)
    for (const other of [cast.otherProxy, cast.owner, cast.reader]) expect(await usesStored(other, kept)).toBe(false)
    // Not even the public parts of the fragment can be seen in it.
    for (const part of [cast.policy.grant.labelKey, cast.policy.grant.delegationKey, cast.policy.grant.reader.encryptionKey])
      expect(toHex(kept)).not.toContain(toHex(part.subarray(1)))
  })

  test("data encryption before transmission using others key: a fragment is sealed to the one proxy that it is for", async () => {
    const sealed = await kit.fragmentFor(cast, cast.owner, cast.proxy)
    expect(await kit.accepts(cast, cast.proxy, sealed)).toBe(true)
    for (const other of [cast.otherProxy, cast.owner, cast.reader]) expect(await kit.accepts(cast, other, sealed)).toBe(false)
  })

  test("data encryption before transmission using others key: a file's key leaves the keystore sealed to whoever asked", async () => {
    const [asked, other] = [await kit.callerKeys(), await kit.callerKeys()]
    using askedKey = asked.secretKey
    using otherKey = other.secretKey
    const { capsule, epoch } = cast.file.header
    const opening = { label, epoch, capsule, headerDigest: cast.file.headerDigest, recipientKey: asked.publicKey }
    const sealed = unwrap(await cast.owner.context.keystore.openOriginal(opening, call))
    expect(await kit.opensReleased(cast.file, askedKey, sealed)).toBe(true)
    expect(await kit.opensReleased(cast.file, otherKey, sealed)).toBe(false)
  })
})

describe("3. decrypting symmetric key", () => {
  test("data decryption after reading from storage using own key: also what was stored before a rekey and a restart", async () => {
    await using grove = await Grove.plant("key use, later")
    const owner = await grove.join("owner")
    const file = await grove.encrypt(owner, label)
    await owner.rekey()
    await owner.restart()
    await grove.settle()
    expect(await grove.read(owner, file)).toBe("opened")
  })

  test("data decryption after receiving transmissions: the reader opens with its own key what proxies made for it, and nobody else does", async () => {
    expect(await cast.grove.read(cast.reader, cast.file)).toBe("opened")
    for (const other of [cast.stranger, cast.proxy]) expect(await cast.grove.read(other, cast.file)).toBe("NO_POLICY")
    const { capsule } = cast.file.header
    const { delegationKey, labelKey, policyId, reader } = cast.policy.grant
    const capsuleFragments = await Promise.all(
      [cast.proxy, cast.otherProxy].map(async (proxy) =>
        unwrap(await proxy.context.keystore.reencrypt({ policyId, stored: await stored(proxy), capsule }, call)),
      ),
    )
    const pair = await kit.callerKeys()
    using secretKey = pair.secretKey
    const keys = { labelKey, delegationKey, readerKey: reader.encryptionKey, recipientKey: pair.publicKey }
    const opensWith = async ({ context }: Member): Promise<boolean> => {
      const opening = { capsule, capsuleFragments, ...keys, headerDigest: cast.file.headerDigest }
      const opened = await context.keystore.openReencrypted(opening, call)
      return opened.ok && (await kit.opensReleased(cast.file, secretKey, opened.value))
    }
    expect(await opensWith(cast.reader)).toBe(true)
    for (const other of [cast.owner, cast.stranger, cast.proxy]) expect(await opensWith(other)).toBe(false)
  })
})

/** A root with two nodes, one of which was revoked or not, as anybody reads it who knows the root. */
function household(
  name: string,
  { isPhoneRevoked }: { readonly isPhoneRevoked: boolean },
): {
  readonly chain: ReturnType<typeof verifyKeyChain>
  readonly phone: Uint8Array
  readonly root: Uint8Array
} {
  using seed = Secret.take(new Uint8Array(createHash("sha512").update(name).digest()))
  using rootSecret = deriveRoot(nativePrimitives, seed)
  using anchor = deriveAnchor(nativePrimitives, rootSecret)
  const [laptop, phone] = [unwrap(foundNode(nativePrimitives, seed, "laptop")), unwrap(foundNode(nativePrimitives, seed, "phone"))]
  using _laptop = laptop.nodeSecret
  using _phone = phone.nodeSecret
  const { cluster } = laptop.place
  const root = { cluster, path: ROOT_PATH, key: anchor.publicKey }
  const signed = (statement: Statement): Uint8Array => {
    const draft = draftEntry(statement, root)
    return encodeEntry({ ...draft, signature: nativePrimitives.ed25519.sign(anchor.seed, entrySignBytes(draft)) })
  }
  const { generation, path } = phone.place
  const revocation: Statement = { kind: "node-revoked", body: { path, generation, reason: "compromised" } }
  const entries = [...laptop.genesis, ...phone.genesis.slice(1), ...(isPhoneRevoked ? [signed(revocation)] : [])]
  const end = { ...entries.reduce((head, entry) => nextHead(nativePrimitives, head, entry), emptyHead()), author: root }
  const signature = nativePrimitives.ed25519.sign(anchor.seed, keyChainHeadSignBytes(end))
  const chain = verifyKeyChain(nativePrimitives, anchor.publicKey, { entries, head: { ...end, signature } })
  return { chain, phone: phone.identity.keys.signingKey, root: anchor.publicKey }
}

/** Whether a chain says that a key is one of its nodes'. */
function isNode({ members }: VerifiedKeyChain, signingKey: Uint8Array): boolean {
  return [...members.nodes.values()].some(({ keys }) => keys !== undefined && equalBytes(keys.signingKey, signingKey))
}

describe("4. identity establishment", () => {
  test("own cluster nodes: by the chain of signatures from the own root; not the nodes of another root, and not a revoked one", () => {
    const own = household("own", { isPhoneRevoked: false })
    const after = household("own", { isPhoneRevoked: true })
    expect(isNode(unwrap(own.chain), own.phone)).toBe(true)
    expect(isNode(unwrap(own.chain), household("other", { isPhoneRevoked: false }).phone)).toBe(false)
    expect(isNode(unwrap(after.chain), own.phone)).toBe(false)
  })

  test("trusted cluster nodes: by their chain, under the root that people exchanged, and under no other", async () => {
    const entries = await kit.keyChainOf(cast.grove, cast.reader)
    const { bytes, isBelieved } = await kit.keyChainHead({ ...cast, owner: cast.reader })
    expect(await isBelieved(bytes)).toBe(true)
    const [theirs, others] = [kit.rootOf(entries), kit.rootOf(await kit.keyChainOf(cast.grove, cast.stranger))]
    const chain = kit.chainUnder(theirs, entries, bytes)
    expect(isNode(unwrap(chain), cast.reader.key)).toBe(true)
    expect(isNode(unwrap(chain), cast.stranger.key)).toBe(false)
    expect(kit.chainUnder(others, entries, bytes)).toMatchObject({ code: "KEY_CHAIN_ROOT_WRONG" })
  })
})
