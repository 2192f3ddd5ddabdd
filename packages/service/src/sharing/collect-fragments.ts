import { ok, refuse, toHex, type Refusal, type Result } from "@keygrove/base"
import type { PolicyState } from "@keygrove/ledger"
import { requestSignBytes, type ReencryptionRequest } from "@keygrove/peering"
import {
  createUmbral,
  type Capsule,
  type CapsuleFragmentKeys,
  type PolicyProxy,
  type Umbral,
  type VerifiedCapsuleFragment,
} from "@keygrove/reencryption"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { Transport } from "../ports/transport.ts"
import { requestReencryption } from "../proxy/proxy-client.ts"
import { addressOf } from "./revoke.ts"

/** How long one proxy may take before it counts as down. */
const PROXY_TIMEOUT_MS = 8_000
/** Proxies asked beyond the threshold, so that one slow one is never waited for. */
const SPARES = 1

/** Codes with which proxies say that the policy is over: asking others is of no use to the reader. */
const FINAL_CODES: ReadonlySet<string> = new Set(["POLICY_REVOKED", "POLICY_EXPIRED", "NOT_READER"])

/** What a reader asks proxies with; a locked node's has its boot key. */
export interface FragmentContext extends Pick<NodeContext, "clock" | "primitives" | "random" | "replica"> {
  readonly transport: Pick<Transport, "request">
  readonly keystore: {
    /** As `Keystore.sign`, with the key that the policy names for its reader. */
    sign(purpose: "message", message: Uint8Array, options: CallOptions): Promise<Result<Uint8Array>>
  }
}

/** Asks threshold + 1 proxies at once, verifies every capsule fragment, replaces whoever fails, and stops at the first `threshold` good ones. */
export async function collectFragments(
  context: FragmentContext,
  policy: PolicyState,
  capsule: Uint8Array,
  options: CallOptions,
): Promise<Result<readonly Uint8Array[]>> {
  const verifier = createVerifier(context, policy, capsule)
  if (!verifier.ok) return verifier
  const { proxies, threshold } = policy.grant
  using done = abortOnDispose()
  const signal = AbortSignal.any([options.signal, done.signal])
  const waiting = [...proxies]
  const good = new GoodFragments()
  const reasons: Refusal[] = []
  const enough = Promise.withResolvers<undefined>()
  const lane = async (): Promise<void> => {
    for (let proxy = waiting.shift(); proxy !== undefined && good.most.length < threshold; proxy = waiting.shift()) {
      const fragment = await askProxy(context, policy, { proxy, capsule, verify: verifier.value }, { signal })
      if (fragment.ok) good.add(fragment.value)
      else reasons.push(fragment)
      if (good.most.length >= threshold) enough.resolve(undefined)
      if (fragment.ok) return
    }
  }
  // A fragment that holds, but does not fit the others, shows only when it is counted: then more are asked for.
  do {
    const lanes = Promise.all(Array.from({ length: Math.min(waiting.length, threshold - good.most.length + SPARES) }, lane))
    // Whoever is still being asked when there are enough is no longer waited for.
    await Promise.race([enough.promise, lanes])
    lanes.catch(() => undefined)
    options.signal.throwIfAborted()
  } while (good.most.length < threshold && waiting.length > 0)
  const { most } = good
  return most.length >= threshold ? ok(most.slice(0, threshold)) : explain(policy, most.length, reasons)
}

/**
 * Verified fragments by the grant they were made for. A lying proxy may answer with one of another grant of the same label to the same reader: it is signed by the
 * owner for the same keys, and only its precursor differs from the others'. The same fragment twice counts once.
 */
class GoodFragments {
  readonly #byGrant: Map<string, Map<string, Uint8Array>> = new Map()

  add({ bytes, fragment }: VerifiedAnswer): void {
    const grant = toHex(fragment.precursor)
    const known = this.#byGrant.get(grant) ?? new Map<string, Uint8Array>()
    this.#byGrant.set(grant, known.set(toHex(fragment.id), bytes))
  }

  /** Those that fit each other, of the grant that has most. */
  get most(): readonly Uint8Array[] {
    const grants = [...this.#byGrant.values()].map((each) => [...each.values()])
    return grants.reduce((longest, each) => (each.length > longest.length ? each : longest), [])
  }
}

interface VerifiedAnswer {
  readonly bytes: Uint8Array
  readonly fragment: VerifiedCapsuleFragment
}

type Verify = (fragment: Uint8Array) => Result<VerifiedCapsuleFragment>

interface Question {
  readonly proxy: PolicyProxy
  readonly capsule: Uint8Array
  readonly verify: Verify
}

async function askProxy(
  context: FragmentContext,
  policy: PolicyState,
  { capsule, proxy, verify }: Question,
  options: CallOptions,
): Promise<Result<VerifiedAnswer>> {
  const deadline = AbortSignal.any([options.signal, AbortSignal.timeout(PROXY_TIMEOUT_MS)])
  const address = addressOf(context, proxy)
  try {
    const request = await signRequest(context, policy, capsule, { proxyKey: address.signingKey, signal: deadline })
    if (!request.ok) return request
    const answer = await requestReencryption(context, address, request.value, { signal: deadline })
    if (!answer.ok) return answer
    const [fragment] = answer.value
    if (fragment === undefined) return refuse("PROXY_ANSWER_INVALID", "the proxy answered without a fragment; use another proxy")
    const verified = verify(fragment)
    return verified.ok
      ? ok({ bytes: fragment, fragment: verified.value })
      : refuse("FRAGMENT_INVALID", `the proxy ${proxy.path} re-encrypted wrongly: ${verified.message}`)
  } catch (error) {
    if (!deadline.aborted) throw error
    return refuse("PEER_TIMEOUT", `no answer within ${PROXY_TIMEOUT_MS} ms`)
  }
}

async function signRequest(
  context: FragmentContext,
  policy: PolicyState,
  capsule: Uint8Array,
  { proxyKey, signal }: CallOptions & { readonly proxyKey: Uint8Array },
): Promise<Result<ReencryptionRequest>> {
  const unsigned = { policyId: policy.grant.policyId, capsules: [capsule], issuedAt: context.clock.now(), nonce: context.random(16) }
  const signature = await context.keystore.sign("message", requestSignBytes(context.primitives, unsigned, proxyKey), { signal })
  return signature.ok ? ok({ ...unsigned, signature: signature.value }) : signature
}

function createVerifier({ primitives, random }: FragmentContext, policy: PolicyState, capsuleBytes: Uint8Array): Result<Verify> {
  const { curve, sha256 } = primitives
  const umbral: Umbral = createUmbral({ curve, sha256, random })
  const capsule = umbral.decodeCapsule(capsuleBytes)
  if (!capsule.ok) return refuse("CAPSULE_INVALID", `the file's capsule is damaged: ${capsule.message}`)
  const { delegationKey, labelKey, reader } = policy.grant
  const [delegatingKey, verifyingKey, receivingKey] = [labelKey, delegationKey, reader.encryptionKey].map((key) => curve.decodePoint(key))
  if (delegatingKey?.ok !== true || verifyingKey?.ok !== true || receivingKey?.ok !== true)
    return refuse("FRAGMENT_INVALID", "the keys in the policy are not points; ask the owner for a new grant")
  const keys = { delegatingKey: delegatingKey.value, verifyingKey: verifyingKey.value, receivingKey: receivingKey.value }
  return ok((bytes) => verifyOne(umbral, capsule.value, bytes, keys))
}

function verifyOne(umbral: Umbral, capsule: Capsule, bytes: Uint8Array, keys: CapsuleFragmentKeys): Result<VerifiedCapsuleFragment> {
  const fragment = umbral.decodeCapsuleFragment(bytes)
  return fragment.ok ? umbral.verifyCapsuleFragment(capsule, fragment.value, keys) : fragment
}

/** Why there are too few: refused for good when any proxy says so on the ledger's word, else not enough of them answered. */
function explain(policy: PolicyState, found: number, reasons: readonly Refusal[]): Refusal {
  const final = reasons.find(({ code }) => FINAL_CODES.has(code))
  if (final !== undefined) return final
  const { proxies, threshold } = policy.grant
  const counts = Map.groupBy(reasons, ({ code }) => code)
  const detail = [...counts].map(([code, each]) => `${each.length} ${code}`).join(", ")
  return refuse(
    "NOT_ENOUGH_PROXIES",
    `${found} of the ${threshold} fragments needed were given by ${proxies.length} proxies (${detail}); try again when more proxies are up`,
    { found, needed: threshold, proxies: proxies.length },
  )
}

function abortOnDispose(): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController()
  return { signal: controller.signal, [Symbol.dispose]: () => controller.abort() }
}
