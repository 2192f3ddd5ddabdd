import { ok, type Result } from "@keygrove/base"
import { delegationMethods, type DelegationApiParams } from "./delegation-methods.ts"
import { keyMethods, type KeyApiParams } from "./key-methods.ts"
import { ledgerMethods, type LedgerApiParams } from "./ledger-methods.ts"
import { meetingMethods, type MeetingApiParams } from "./meeting-methods.ts"
import type { MethodSpec } from "./method-spec.ts"
import { decodeParams, type ParamSpec } from "./params.ts"
import { piecesMethods, type PiecesApiParams } from "./pieces-methods.ts"
import { sshAgentMethods, type SshAgentApiParams } from "./ssh-agent-methods.ts"
import { treeMethods, type TreeApiParams } from "./tree-methods.ts"

type None = Readonly<Record<never, never>>

/** Decoded parameters by method. */
export interface ApiParams
  extends DelegationApiParams, KeyApiParams, LedgerApiParams, MeetingApiParams, PiecesApiParams, SshAgentApiParams, TreeApiParams {
  readonly "node.status": None
  readonly "node.identity": None
  readonly "node.stop": None
  readonly "node.lock": None
  readonly "node.unlock": {
    readonly passphraseSocket?: string
    readonly keyFile?: string
    readonly byPieces?: boolean
    readonly byGrant?: boolean
  }
  readonly "label.publicKey": { readonly label: string }
  readonly "label.list": None
  readonly "data.decryptKey": { readonly header: Uint8Array; readonly recipientKey: Uint8Array }
  readonly "policy.grant": {
    readonly label: string
    readonly to: string
    readonly threshold: number
    readonly shares: number
    readonly expires: number
  }
  readonly "policy.revoke": { readonly policy: string }
  readonly "policy.list": None
  readonly "policy.show": { readonly policy: string }
  readonly "proxy.offer": { readonly until: number; readonly capacity: number }
  readonly "proxy.status": None
  readonly "console.link": None
  readonly "rpc.discover": None
}

export type MethodName = keyof ApiParams

const policy: ParamSpec = {
  type: "text",
  maxLength: 64,
  description: "id of the policy in hex, or its first 8 or more digits where that is unique",
}
const label: ParamSpec = { type: "text", maxLength: 128, description: "name under which data is encrypted, e.g. photos/2026" }
const MAX_TIME = 8_640_000_000_000_000

/** Every method of the JSON-RPC interface. */
export const apiMethods: { readonly [M in MethodName]: MethodSpec } = {
  "node.status": { summary: "State of the node; works while it is locked.", params: {} },
  "node.identity": { summary: "The node's name, shareable identity and public keys; works while it is locked.", params: {} },
  "node.stop": { summary: "Ends the node in order.", params: {} },
  "node.lock": { summary: "Wipes the secrets and ends the keystore process; the node goes on locked.", params: {} },
  "node.unlock": {
    summary:
      "Opens the keystore of a node that runs locked, and starts what depends on it; answers when it serves. Without a parameter the key file of config.json opens it.",
    params: {
      passphraseSocket: {
        type: "text",
        maxLength: 8,
        optional: true,
        description: "name of the socket in the home directory at which a keystore program that read the passphrase hands it over",
      },
      keyFile: { type: "text", maxLength: 4_096, optional: true, description: "absolute path of the key file" },
      byPieces: {
        type: "boolean",
        optional: true,
        description: "whether to ask the peers instead; answers `unlocking` at once, and node.status says how far it is",
      },
      byGrant: {
        type: "boolean",
        optional: true,
        description: "whether to ask the proxies of the label that opens this node instead; answers as with byPieces",
      },
    },
  },
  "label.publicKey": { summary: "The public key to encrypt with under a label; made on first use.", params: { label } },
  "label.list": { summary: "The labels used on this node.", params: {} },
  "data.decryptKey": {
    summary: "The key of one file, sealed to the caller's X25519 key; asks the proxies when the label is another node's.",
    params: {
      header: { type: "hex", minBytes: 14, maxBytes: 8_192, description: "the file from its first byte to the end of its header" },
      recipientKey: { type: "hex", minBytes: 32, maxBytes: 32, description: "ephemeral X25519 public key of the caller" },
    },
  },
  "policy.grant": {
    summary: "Lets a reader open a label through `threshold` of `shares` proxies until a time.",
    params: {
      label,
      to: {
        type: "text",
        maxLength: 256,
        description: "the reader: kg1…, or a trusted cluster's nickname, with the path of a node where it has several: bob/phone",
      },
      threshold: { type: "integer", min: 0, max: 1_000_000, description: "proxies that must answer" },
      shares: { type: "integer", min: 0, max: 1_000_000, description: "proxies that keep a fragment, at most 30" },
      expires: { type: "integer", min: 0, max: MAX_TIME, description: "milliseconds since 1970 UTC" },
    },
  },
  "policy.revoke": { summary: "Ends a policy.", params: { policy } },
  "policy.list": { summary: "Policies this node granted or may read by.", params: {} },
  "policy.show": { summary: "One policy in full.", params: { policy } },
  "proxy.offer": {
    summary: "Offers to keep fragments for others.",
    params: {
      until: { type: "integer", min: 0, max: MAX_TIME, description: "milliseconds since 1970 UTC" },
      capacity: { type: "integer", min: 0, max: 10_000_000, description: "fragments at most" },
    },
  },
  "proxy.status": { summary: "The offer of this node and how many fragments it keeps.", params: {} },
  ...ledgerMethods,
  ...treeMethods,
  ...meetingMethods,
  ...keyMethods,
  ...piecesMethods,
  ...delegationMethods,
  ...sshAgentMethods,
  "console.link": {
    summary:
      "A link that logs a browser of this machine in to the console, once and within two minutes; for the holder of the cookie only.",
    params: {},
  },
  "rpc.discover": { summary: "This interface as an OpenRPC document.", params: {} },
}

/** Whether the interface has the method. */
export function isMethodName(name: string): name is MethodName {
  return Object.hasOwn(apiMethods, name)
}

/** Decodes the parameters of a method strictly. */
export function decodeMethodParams<M extends MethodName>(method: M, params: unknown): Result<ApiParams[M], "RPC_PARAMS_INVALID"> {
  const decoded = decodeParams(apiMethods[method].params, params)
  // The one place where the table above is taken at its word: it lists for each method what ApiParams says.
  return decoded.ok ? ok(decoded.value as ApiParams[M]) : decoded
}
