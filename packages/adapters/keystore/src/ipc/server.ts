import type { Duplex } from "node:stream"
import { KeygroveError, refuse, type CborValue, type Result } from "@keygrove/base"
import type { Keystore, NamedKeys, PieceKeys } from "@keygrove/service"
import { encodeFrame, FrameDecoder, FrameTooLarge } from "./frames.ts"
import { keyHandlers } from "./key-handlers.ts"
import {
  decodeParams,
  decodeRequest,
  encodeAnswer,
  greetingValue,
  identityValue,
  pendingRekeyValue,
  type KeystoreMethod,
  type KeystoreRequests,
  type RequestFrame,
} from "./messages.ts"
import { pieceHandlers } from "./piece-handlers.ts"
import { drained, isAbruptEnd } from "./socket-frames.ts"

/** Requests under way at once; the next one is refused with `KEYSTORE_BUSY`. */
const MAX_UNDER_WAY = 256

/** What one keystore process serves. */
export interface ServedKeystore {
  readonly keystore: Keystore & PieceKeys
  readonly keys: NamedKeys
  /** What runs with secrets and is ended before the keystore locks. */
  readonly operators?: AsyncDisposable
}

/** Answers requests of the daemon on one socket until it closes, sends garbage, or the keystore locks. Greets with the identity and the epoch that is pending. */
export async function serveKeystore(socket: Duplex, served: ServedKeystore, signal: AbortSignal): Promise<void> {
  const { keystore } = served
  const decoder = new FrameDecoder()
  const underWay = new Set<Promise<void>>()
  const locking = new AbortController()
  const untilLocked = AbortSignal.any([signal, locking.signal])
  const send = (id: number, answer: Result<CborValue>): void =>
    void (socket.writable && socket.write(encodeFrame(encodeAnswer(id, answer))))
  send(0, { ok: true, value: greetingValue(keystore) })
  try {
    for await (const chunk of socket) {
      if (signal.aborted || !(chunk instanceof Uint8Array)) break
      for (const frame of decoder.push(chunk)) {
        const request = decodeRequest(frame)
        // Without an id there is no one to answer: the daemon is not who it should be.
        if (!request.ok) return
        if (underWay.size >= MAX_UNDER_WAY) {
          send(request.value.id, refuse("KEYSTORE_BUSY", `${MAX_UNDER_WAY} requests are under way; try again in a moment`))
          continue
        }
        const work = answer(served, request.value, request.value.method === "lock" ? signal : untilLocked).then((value) =>
          send(request.value.id, value),
        )
        underWay.add(work)
        void work.finally(() => underWay.delete(work))
        if (request.value.method === "lock") {
          // The lock has ended the others, and who waits for a token leaves it; each is told so.
          locking.abort(new KeygroveError("KEYSTORE_LOCKED", "the keystore was locked while the request was under way"))
          await Promise.allSettled(underWay)
          // Leaving the loop destroys the socket: the answer must be out before.
          await new Promise<void>((resolve) => socket.end(resolve))
          return
        }
      }
      // A daemon that asks and does not read: what it did not read yet must not pile up here.
      if (socket.writableNeedDrain) await drained(socket)
    }
  } catch (error) {
    if (!(error instanceof FrameTooLarge) && !isAbruptEnd(error)) throw error
  }
}

async function answer(served: ServedKeystore, { method, params }: RequestFrame, signal: AbortSignal): Promise<Result<CborValue>> {
  try {
    return await call(served, { method, params }, signal)
  } catch (error) {
    if (signal.reason instanceof KeygroveError) return signal.reason.toRefusal()
    // A fault in one request must not end the process for all; its words may quote what it worked on, so they stay here.
    return refuse(
      "KEYSTORE_REQUEST_INVALID",
      `the keystore failed at ${method} (${error instanceof KeygroveError ? error.code : error instanceof Error ? error.name : "unknown"})`,
    )
  }
}

type Handlers = {
  readonly [M in KeystoreMethod]: (served: ServedKeystore, params: KeystoreRequests[M], signal: AbortSignal) => Promise<Result<CborValue>>
}

const handlers: Handlers = {
  ...keyHandlers,
  ...pieceHandlers,
  sign: async ({ keystore }, { purpose, message }, signal) => await keystore.sign(purpose, message, { signal }),
  labelPublicKey: async ({ keystore }, params, signal) => await keystore.labelPublicKey(params, { signal }),
  openOriginal: async ({ keystore }, params, signal) => await keystore.openOriginal(params, { signal }),
  generateFragments: async ({ keystore }, params, signal) => {
    const fragments = await keystore.generateFragments(params, { signal })
    return fragments.ok ? { ok: true, value: fragments.value.map(({ sealed, digest }) => ({ sealed, digest })) } : fragments
  },
  acceptFragment: async ({ keystore }, params, signal) => {
    const accepted = await keystore.acceptFragment(params, { signal })
    return accepted.ok ? { ok: true, value: { stored: accepted.value.stored, digest: accepted.value.digest } } : accepted
  },
  reencrypt: async ({ keystore }, params, signal) => await keystore.reencrypt(params, { signal }),
  openReencrypted: async ({ keystore }, params, signal) => await keystore.openReencrypted(params, { signal }),
  beginRekey: async ({ keystore }, _params, signal) => {
    const begun = await keystore.beginRekey({ signal })
    return begun.ok ? { ok: true, value: { ...begun.value } } : begun
  },
  acceptRekey: async ({ keystore }, params, signal) => {
    const accepted = await keystore.acceptRekey(params, { signal })
    return accepted.ok ? { ok: true, value: pendingRekeyValue(accepted.value) } : accepted
  },
  finishRekey: async ({ keystore }, _params, signal) => {
    const finished = await keystore.finishRekey({ signal })
    return finished.ok ? { ok: true, value: identityValue(finished.value) } : finished
  },
  lock: async ({ keystore, operators }, _params, signal) => {
    await operators?.[Symbol.asyncDispose]()
    return await keystore.lock({ signal })
  },
}

async function call<M extends KeystoreMethod>(
  served: ServedKeystore,
  request: { readonly method: M; readonly params: CborValue },
  signal: AbortSignal,
): Promise<Result<CborValue>> {
  const params = decodeParams(request.method, request.params)
  return params.ok ? await handlers[request.method](served, params.value, signal) : params
}
