import { createHmac } from "node:crypto"
import { isMethodName, type MethodName } from "@keygrove/api"
import type { Shape } from "@keygrove/base"
import * as v from "valibot"

/** A program that may call some methods by a name and a password of its own, as `config.json` has it. The password is nowhere in it. */
export interface RpcUser {
  /** As rules of keys and the audit trail name it, after `rpc:`. */
  readonly name: string
  /** 32 hex digits. */
  readonly salt: string
  /** {@link verifierOf} the password, 64 hex digits. */
  readonly verifier: string
  /** What it may call instead of {@link KEY_USES}. */
  readonly methods?: readonly MethodName[]
}

/** What an RPC user may call unless it is said: uses of named keys, within their rules, and what tells of them. */
export const KEY_USES: readonly MethodName[] = [
  "key.list",
  "key.show",
  "key.public",
  "key.sign",
  "key.verify",
  "key.encrypt",
  "key.decrypt",
  "key.mac",
  "key.agree",
  "rpc.discover",
]

/** Entropy of a password, in bytes: with this much, one pass of a hash is enough. */
const PASSWORD_BYTES = 32
const SALT_BYTES = 16
const MAX_METHODS = 128

/** Shape of an {@link RpcUser} in `config.json`. */
export const rpcUserShape: Shape<RpcUser> = v.strictObject({
  name: v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,32}$/)),
  salt: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
  verifier: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  methods: v.exactOptional(
    v.pipe(v.array(v.custom<MethodName>((name) => typeof name === "string" && isMethodName(name))), v.maxLength(MAX_METHODS)),
  ),
})

/** HMAC-SHA-256 of a password under the text of the salt, in hex: what bitcoind's `rpcauth.py` makes. */
export function verifierOf(password: string, salt: string): string {
  return createHmac("sha256", salt).update(password, "utf8").digest("hex")
}

/** A new user and its password, of which nothing else is kept. */
export function makeRpcUser(
  order: { readonly name: string; readonly methods?: readonly MethodName[] },
  randomBytes: (length: number) => Uint8Array,
): { readonly user: RpcUser; readonly password: string } {
  const password = Buffer.from(randomBytes(PASSWORD_BYTES)).toString("base64url")
  const salt = Buffer.from(randomBytes(SALT_BYTES)).toString("hex")
  const { methods, name } = order
  return { user: { name, salt, verifier: verifierOf(password, salt), ...(methods === undefined ? {} : { methods }) }, password }
}
