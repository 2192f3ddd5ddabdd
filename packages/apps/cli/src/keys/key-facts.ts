import type { NamedKey } from "keygrove/rpc"
import type { CommandOutcome } from "../command.ts"

type KeyVersion = NamedKey["versions"][number]

/** A key as `--json` prints it: bytes in base64, times in ISO 8601. */
export function keyJson({ versions, ...key }: NamedKey): Readonly<Record<string, unknown>> {
  return { ...key, versions: versions.map(versionJson) }
}

/** A version of a key, likewise. */
export function versionJson({ createdAt, fingerprint, publicKey, state, version }: KeyVersion): Readonly<Record<string, unknown>> {
  return {
    version,
    state,
    createdAt: createdAt.toISOString(),
    publicKey: publicKey === undefined ? null : Buffer.from(publicKey).toString("base64"),
    fingerprint: fingerprint ?? null,
  }
}

/** `ed25519, version 2, 0123456789abcdef`, and what holds it when that is not the keystore itself. */
export function keyLine({ backend, type, versions }: NamedKey): string {
  const newest = versions.at(-1)
  return [
    type,
    `version ${newest?.version ?? 0}`,
    ...(newest?.fingerprint === undefined ? [] : [newest.fingerprint]),
    ...(backend === "sealed" ? [] : [backend]),
  ].join(", ")
}

/** What a command says that changed a key. */
export function changed(key: NamedKey, text: string): CommandOutcome {
  return { json: keyJson(key), text }
}
