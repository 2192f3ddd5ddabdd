import { ok, refuse, utf8, type RandomBytes, type Result, type Secret } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import type { VaultSecrets } from "@keygrove/hierarchy"
import type { KeyType } from "@keygrove/keys"
import type { KeyMaterialSource, KeyRegistration, Sealing } from "@keygrove/service"
import type { KeyAlgorithm } from "./algorithms/algorithm.ts"
import { deriveSecret, generateSecret } from "./key-secrets.ts"
import { parseKeyMaterial } from "./material/parse-key-material.ts"
import { readKeyFile } from "./material/read-key-file.ts"

const IMPORT_INFO = utf8("keygrove/v1/key-import")

/** Variables that held keys and were taken out of the environment of the process. */
export interface KeyVariables {
  /** The value of one, once; belongs to the caller. */
  take(name: string): Secret | undefined
}

/** What keys need of their platform. */
export interface CipherTools {
  readonly primitives: Primitives
  readonly sealing: Sealing
  readonly random: RandomBytes
}

/** What {@link sourceSecret} needs. */
export interface SourceTools extends CipherTools {
  readonly secrets: VaultSecrets
  readonly importKeys: () => readonly Secret[]
  readonly algorithms: Readonly<Record<KeyType, KeyAlgorithm>>
}

/** The secret of a new key from wherever its registration says; belongs to the caller. `variable` is the value of the one that it names, borrowed. */
export async function sourceSecret(
  tools: SourceTools,
  { id, source, type }: KeyRegistration,
  variable: Secret | undefined,
): Promise<Result<Secret, "KEY_MATERIAL_INVALID" | "KEY_MATERIAL_UNREADABLE">> {
  const algorithm = tools.algorithms[type]
  if (source.kind === "generate") return ok(generateSecret(tools.random, type, algorithm))
  if (source.kind === "derive")
    return ok(deriveSecret(tools.primitives, tools.secrets.derivation, ["keygrove/v1/named-key", id, 1], { type, algorithm }))
  const read = await materialOf(tools, source, variable)
  if (!read.ok) return read
  using material = read.value
  const parsed = parseKeyMaterial(type, material)
  if (!parsed.ok) return parsed
  if (algorithm.isSecret(parsed.value)) return parsed
  parsed.value[Symbol.dispose]()
  return refuse("KEY_MATERIAL_INVALID", `what was given is no secret of a key of type ${type}: it is zero or not below the group's order`)
}

async function materialOf(
  tools: SourceTools,
  source: Exclude<KeyMaterialSource, { readonly kind: "generate" | "derive" }>,
  variable: Secret | undefined,
): Promise<Result<Secret, "KEY_MATERIAL_INVALID" | "KEY_MATERIAL_UNREADABLE">> {
  switch (source.kind) {
    case "file":
      return readKeyFile(source.path)
    case "import":
      return await opened(tools, source.sealed)
    default:
      if (variable !== undefined) return ok(variable.copy())
      return refuse(
        "KEY_MATERIAL_UNREADABLE",
        `the keystore was started without the environment variable ${source.name}, or with an empty one; set it where the node is started`,
      )
  }
}

async function opened(tools: SourceTools, sealed: Uint8Array): Promise<Result<Secret, "KEY_MATERIAL_INVALID">> {
  for (const importKey of tools.importKeys()) {
    const material = await tools.sealing.open(importKey, sealed, { info: IMPORT_INFO })
    if (material.ok) return material
  }
  return refuse("KEY_MATERIAL_INVALID", "the key is not encrypted to this keystore; ask the node for its sealing key again")
}
