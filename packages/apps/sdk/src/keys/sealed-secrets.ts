import { KeygroveError, unwrap, utf8, wipeableCopy, type Secret } from "@keygrove/base"
import { nativeSealing } from "../native-sealing.ts"

const IMPORT_INFO = utf8("keygrove/v1/key-import")
const EXPORT_INFO = utf8("keygrove/v1/key-export")

/** A secret sealed to the node's sealing key (32 bytes), for `key.add`. The secret is borrowed; the copy that is sealed is wiped. */
export async function sealForImport(sealingKey: Uint8Array, secret: Secret): Promise<Uint8Array> {
  const plaintext = wipeableCopy(secret)
  try {
    return unwrap(await nativeSealing.seal(sealingKey, plaintext, { info: IMPORT_INFO }))
  } finally {
    plaintext.fill(0)
  }
}

/** The secret that `ask` answers sealed to the fresh key it is given. Belongs to the caller. */
export async function openExport(ask: (recipientKey: Uint8Array) => Promise<Uint8Array>): Promise<Secret> {
  const pair = await nativeSealing.generateKeyPair()
  using secretKey = pair.secretKey
  const opened = await nativeSealing.open(secretKey, await ask(pair.publicKey), { info: EXPORT_INFO })
  if (opened.ok) return opened.value
  throw new KeygroveError("RPC_ANSWER_INVALID", "the node's answer to key.export is not sealed to the key it was asked for; see its log")
}
