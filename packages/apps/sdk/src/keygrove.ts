import { Readable } from "node:stream"
import { fromHex, KeygroveError, type Secret, toHex, unwrap, utf8 } from "@keygrove/base"
import { decodeSuite } from "@keygrove/crypto"
import { decodeClusterId, decodeEpoch, decodeNodePath, type NodeReference } from "@keygrove/hierarchy"
import { encodeFileHeader, decodeLabel, type FileHeader } from "@keygrove/reencryption"
import type { FileProgress } from "./files/batches.ts"
import type { ByteIterable } from "./files/byte-source.ts"
import { decryptFile, encryptFile, type FileEnds } from "./files/crypt-file.ts"
import { decryptStream } from "./files/decrypt-stream.ts"
import { encryptStream, type EncryptOptions } from "./files/encrypt-stream.ts"
import { rotateFile, type Rotation } from "./files/rotate-file.ts"
import { resolveHome } from "./home.ts"
import { Keys } from "./keys/keys.ts"
import type { FileTools } from "./files/file-tools.ts"
import { StartDelegation } from "./delegation.ts"
import { Pieces } from "./pieces.ts"
import { decodePolicy, type Policy } from "./policy.ts"
import { AnswerFields } from "./rpc/fields.ts"
import { decodeLockState, type LockState } from "./rpc/lock-state.ts"
import { readNodes, type ClusterNodes } from "./rpc/nodes.ts"
import { callRpc, type RpcEndpoint } from "./rpc/rpc-client.ts"
import { Ledger } from "./ledger.ts"
import { Trust } from "./trust.ts"

/** Bound into the sealed file key that the node hands out. */
const RELEASE_INFO = utf8("keygrove/v1/file-key-release")

/** Sealed file key: encapsulated key 32, key 32, tag 16. */
const SEALED_FILE_KEY_BYTES = 80
/** A compressed point. */
const LABEL_KEY_BYTES = 33

export interface CallOptions {
  /** Ends the call; what was under way on the node may still complete there. */
  readonly signal?: AbortSignal
}

export interface ConnectOptions extends CallOptions {
  /** Home directory of the node; else `$KEYGROVE_HOME`, else `keygrove` in the XDG data home. */
  readonly home?: string
}

export interface UnlockOptions extends CallOptions {
  readonly byPieces?: boolean
  /** An absolute path: the node has a working directory of its own. */
  readonly keyFile?: string
}

export interface EncryptionOptions extends CallOptions {
  /** Name under which the data can be granted, e.g. `photos/2026`. */
  readonly label: string
  /** Cipher suite, `aes-256-gcm` by default. */
  readonly cipher?: string
  readonly onProgress?: (progress: FileProgress) => void
}

export interface DecryptionOptions extends CallOptions {
  readonly onProgress?: (progress: FileProgress) => void
  /** Called with the header before the key is asked for. */
  readonly onHeader?: (header: FileHeader) => void
}

export interface RotateOptions extends CallOptions {
  /** Encrypt the content anew too, so that who kept the file's key has nothing; otherwise the header alone is new. */
  readonly reencrypt?: boolean
  readonly onProgress?: (progress: FileProgress) => void
}

export interface GrantOrder {
  readonly label: string
  /** The reader: an identity, `kg1…`, or the nickname of a trusted cluster, with the path of a node where it has several: `bob/phone`. */
  readonly to: string
  /** Proxies that must answer. */
  readonly threshold: number
  /** Proxies that keep a fragment. */
  readonly shares: number
  readonly expires: Date
}

/**
 * The local node, for programs: the node keeps the keys and asks the proxies, this class encrypts and decrypts the data itself. Files and streams
 * are processed in constant memory. Every method throws `KeygroveError` with a code of docs/errors.md.
 */
export class Keygrove implements AsyncDisposable {
  /** The named keys of the node. */
  readonly keys: Keys = new Keys(async (method, params, options) => await this.#call(method, params, options))
  /** The ledger that the node goes by. */
  readonly ledger: Ledger = new Ledger(async (method, params, options) => await this.#call(method, params, options))
  /** Key pieces, by which a node restarts without its passphrase. */
  readonly pieces: Pieces = new Pieces(async (method, params, options) => await this.#call(method, params, options))
  /** A start by another node's label, by which it restarts without its passphrase too. */
  readonly startDelegation: StartDelegation = new StartDelegation(
    async (method, params, options) => await this.#call(method, params, options),
  )
  /** Meetings with other people, and the clusters that are trusted since. */
  readonly trust: Trust = new Trust(async (method, params, options) => await this.#call(method, params, options))
  readonly #endpoint: RpcEndpoint
  readonly #lifetime: AbortController = new AbortController()

  private constructor(endpoint: RpcEndpoint) {
    this.#endpoint = endpoint
  }

  /** Connects to the node of a home directory; refuses with `NODE_NOT_RUNNING` when there is none. */
  static async connect(options: ConnectOptions = {}): Promise<Keygrove> {
    const directory = resolveHome(options.home, process.env)
    const grove = new Keygrove({ socketPath: `${directory}/rpc.sock`, cookiePath: `${directory}/.cookie` })
    await grove.status(options)
    return grove
  }

  /** What `node.status` answers (docs/protocol/rpc.md). */
  async status(options: CallOptions = {}): Promise<unknown> {
    return await this.#call("node.status", {}, options)
  }

  /** Whether the node serves, and what a locked one waits for. */
  async lockState(options: CallOptions = {}): Promise<LockState> {
    return decodeLockState(await this.status(options))
  }

  /** Wipes the node's secrets; it goes on locked. */
  async lock(options: CallOptions = {}): Promise<void> {
    await this.#call("node.lock", {}, options)
  }

  /**
   * Opens a locked node: with the key file at an absolute path, with that of its config.json when nothing is said, or by the pieces that its peers keep. Peers may take their time: that way
   * it returns when they are being asked, and {@link lockState} says how far they are.
   */
  async unlock({ byPieces, keyFile, ...options }: UnlockOptions = {}): Promise<void> {
    const params = { ...(byPieces === undefined ? {} : { byPieces }), ...(keyFile === undefined ? {} : { keyFile }) }
    await this.#call("node.unlock", params, options)
  }

  /** The nodes of this cluster and their epochs: which one rekeyed, which one was ordered to. */
  async nodes(options: CallOptions = {}): Promise<ClusterNodes> {
    return await readNodes(async (params) => await this.#call("node.list", params, options))
  }

  /** A link that logs a browser of this machine in to the node's console, once and until `expires`. Whoever has it first is logged in. */
  async consoleLink(options: CallOptions = {}): Promise<{ readonly url: string; readonly expires: Date }> {
    const answer = new AnswerFields("console.link", await this.#call("console.link", {}, options))
    return { url: answer.text("url"), expires: new Date(answer.number("expiresAt")) }
  }

  /** Encrypts a stream under a label; errors surface on the returned stream. */
  async encrypt(source: ByteIterable, options: EncryptionOptions): Promise<Readable> {
    const settings = await this.#encryptionSettings(options)
    return Readable.from(encryptStream(await fileTools(), source, settings), { objectMode: false })
  }

  /** Encrypts a file or stream into a file or stream; an output file appears only when it is complete. */
  async encryptFile(ends: FileEnds, options: EncryptionOptions): Promise<void> {
    await encryptFile(await fileTools(), ends, await this.#encryptionSettings(options))
  }

  /**
   * Decrypts a stream: data of this node, or of a label granted to it, through the proxies. Every byte was authenticated, but only the normal end
   * says that nothing is missing.
   */
  async decrypt(source: ByteIterable, options: DecryptionOptions = {}): Promise<Readable> {
    return Readable.from(decryptStream((await fileTools()).primitives, source, this.#decryptionSettings(options)), { objectMode: false })
  }

  /** Decrypts a file or stream into a file or stream; an output file appears only when the last chunk held. */
  async decryptFile(ends: FileEnds, options: DecryptionOptions = {}): Promise<void> {
    await decryptFile((await fileTools()).primitives, ends, this.#decryptionSettings(options))
  }

  /**
   * Brings a file of this node under the current key of its label, as its node's rekey asks for: by a new header, or with `reencrypt` by encrypting its content anew. The file is replaced when the new
   * one is complete.
   */
  async rotateFile(path: string, options: RotateOptions = {}): Promise<Rotation> {
    const { onProgress, reencrypt } = options
    const signal = this.#signal(options)
    const own = new AnswerFields("node.identity", await this.#call("node.identity", {}, { signal }))
    return await rotateFile(await fileTools(), path, {
      selves: [own, ...own.objects("predecessors")].map(nodeOf),
      fileKey: async (header, _digest, each) => await this.decryptKey(header, each),
      currentLabel: async (label) => await this.#encryptionSettings({ label, signal }),
      signal,
      ...(reencrypt === undefined ? {} : { reencrypt }),
      ...(onProgress === undefined ? {} : { onProgress }),
    })
  }

  /** The key of one file, for its header; asks the network when the label is another node's. The secret is the caller's. */
  async decryptKey(header: FileHeader, options: CallOptions = {}): Promise<Secret> {
    const { nativeSealing } = await import("./native-sealing.ts")
    const pair = await nativeSealing.generateKeyPair()
    using secretKey = pair.secretKey
    const params = { header: toHex(encodeFileHeader(header)), recipientKey: toHex(pair.publicKey) }
    const answer = new AnswerFields("data.decryptKey", await this.#call("data.decryptKey", params, options))
    return unwrap(await nativeSealing.open(secretKey, bytesOf(answer, "sealedKey", SEALED_FILE_KEY_BYTES), { info: RELEASE_INFO }))
  }

  /** Lets a reader open a label through `threshold` of `shares` proxies until a date. */
  async grant(order: GrantOrder, options: CallOptions = {}): Promise<Policy> {
    const { label, to, threshold, shares, expires } = order
    return decodePolicy(await this.#call("policy.grant", { label, to, threshold, shares, expires: expires.getTime() }, options))
  }

  /** Ends a policy. */
  async revoke(policyId: string, options: CallOptions = {}): Promise<void> {
    await this.#call("policy.revoke", { policy: policyId }, options)
  }

  /** Ends what is still under way; the node goes on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#lifetime.abort(new DOMException("the connection was closed", "AbortError"))
    await Promise.resolve()
  }

  async #encryptionSettings(options: EncryptionOptions): Promise<EncryptOptions> {
    const label = unwrap(decodeLabel(options.label))
    const suite = options.cipher === undefined ? undefined : unwrap(decodeSuite(options.cipher))
    const signal = this.#signal(options)
    const answer = new AnswerFields("label.publicKey", await this.#call("label.publicKey", { label }, { signal }))
    const owner = answer.object("owner")
    return {
      owner: nodeOf(owner),
      label,
      epoch: unwrap(decodeEpoch(answer.number("epoch"))),
      labelKey: bytesOf(answer, "labelKey", LABEL_KEY_BYTES),
      signal,
      ...(suite === undefined ? {} : { suite }),
      ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
    }
  }

  #decryptionSettings(options: DecryptionOptions): Parameters<typeof decryptStream>[2] {
    const { onHeader, onProgress } = options
    return {
      fileKey: async (header, _digest, { signal }) => await this.decryptKey(header, { signal }),
      signal: this.#signal(options),
      ...(onHeader === undefined ? {} : { onHeader }),
      ...(onProgress === undefined ? {} : { onProgress }),
    }
  }

  async #call(method: string, params: object, options: CallOptions): Promise<unknown> {
    return unwrap(await callRpc(this.#endpoint, method, params, { signal: this.#signal(options) }))
  }

  #signal(options: CallOptions): AbortSignal {
    return options.signal === undefined ? this.#lifetime.signal : AbortSignal.any([this.#lifetime.signal, options.signal])
  }
}

/** The native bindings, loaded when data is first encrypted or decrypted: nothing else needs them. */
async function fileTools(): Promise<FileTools> {
  return (await import("./native-tools.ts")).nativeFileTools
}

function nodeOf(fields: AnswerFields): NodeReference {
  return { cluster: unwrap(decodeClusterId(fields.text("cluster"))), path: unwrap(decodeNodePath(fields.text("path"))) }
}

/** Bytes of a hex field of a known length. */
function bytesOf(answer: AnswerFields, name: string, length: number): Uint8Array {
  const decoded = fromHex(answer.text(name))
  if (decoded.ok && decoded.value.length === length) return decoded.value
  throw new KeygroveError(
    "RPC_ANSWER_INVALID",
    `the node's answer has no ${length} bytes of hex in "${name}"; restart it with this version of keygrove`,
  )
}
