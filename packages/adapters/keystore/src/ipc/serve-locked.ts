import type { Duplex } from "node:stream"
import { KeygroveError, ok, refuse, unreachable, type CborValue, type Result } from "@keygrove/base"
import type { LockedEngine } from "../locked-engine.ts"
import type { UnlockedKeystore } from "../unlock.ts"
import { encodeFrame, FrameDecoder, FrameTooLarge } from "./frames.ts"
import { decodeLockedParams, decodeLockedRequest, lockedGreetingValue, type LockedRequest } from "./locked-messages.ts"
import { encodeAnswer } from "./messages.ts"
import { drained, isAbruptEnd } from "./socket-frames.ts"

/**
 * Greets with what a locked keystore has in the open, and answers the daemon's requests, one after the other, until pieces or a label's grant have opened it. What comes of it belongs to the caller, who greets again on
 * the same socket; `undefined` when the socket closed, or sent what is no request.
 */
export async function serveLocked(socket: Duplex, locked: LockedEngine, signal: AbortSignal): Promise<UnlockedKeystore | undefined> {
  const decoder = new FrameDecoder()
  const send = (id: number, answer: Result<CborValue>): void =>
    void (socket.writable && socket.write(encodeFrame(encodeAnswer(id, answer))))
  send(0, ok(lockedGreetingValue(locked)))
  try {
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      if (signal.aborted || !(chunk instanceof Uint8Array)) return undefined
      for (const frame of decoder.push(chunk)) {
        const request = decodeLockedRequest(frame)
        if (!request.ok) return undefined
        const { answer, unlocked } = await handle(locked, request.value, signal)
        send(request.value.id, answer)
        // The daemon asks nothing before it has the greeting that follows.
        if (unlocked !== undefined) return unlocked
      }
      if (socket.writableNeedDrain) await drained(socket)
    }
  } catch (error) {
    if (!(error instanceof FrameTooLarge) && !isAbruptEnd(error)) throw error
  }
  return undefined
}

interface Handled {
  readonly answer: Result<CborValue>
  readonly unlocked?: UnlockedKeystore
}

async function handle(locked: LockedEngine, request: LockedRequest, signal: AbortSignal): Promise<Handled> {
  try {
    switch (request.method) {
      case "unlock":
        return await unlock(locked, request.params, signal)
      case "unlock.delegated":
        return await unlockDelegated(locked, request.params, signal)
      case "boot.sign":
        return { answer: await sign(locked, request.params, signal) }
      default:
        return unreachable(request.method)
    }
  } catch (error) {
    // Its words may quote what it worked on, so they stay here.
    const name = error instanceof KeygroveError ? error.code : error instanceof Error ? error.name : "unknown"
    return { answer: refuse("KEYSTORE_REQUEST_INVALID", `the locked keystore failed at ${request.method} (${name})`) }
  }
}

async function sign(locked: LockedEngine, params: CborValue, signal: AbortSignal): Promise<Result<CborValue>> {
  const asked = decodeLockedParams("boot.sign", params)
  return asked.ok ? await locked.sign(asked.value.purpose, asked.value.message, { signal }) : asked
}

async function unlock(locked: LockedEngine, params: CborValue, signal: AbortSignal): Promise<Handled> {
  const order = decodeLockedParams("unlock", params)
  if (!order.ok) return { answer: order }
  const opened = await locked.open(order.value, { signal })
  if (!opened.ok) return { answer: opened }
  const { liars, unlocked } = opened.value
  return { answer: ok({ liars }), unlocked }
}

async function unlockDelegated(locked: LockedEngine, params: CborValue, signal: AbortSignal): Promise<Handled> {
  const order = decodeLockedParams("unlock.delegated", params)
  if (!order.ok) return { answer: order }
  const opened = await locked.openDelegated(order.value, { signal })
  return opened.ok ? { answer: ok(true), unlocked: opened.value } : { answer: opened }
}
