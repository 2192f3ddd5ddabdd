import { createHmac, hkdfSync } from "node:crypto"
import { Secret, toHex } from "@keygrove/base"
import { encodeInfo, type Primitives } from "@keygrove/crypto"
import { clusterBytes } from "@keygrove/hierarchy"
import { describe, expect, test } from "vitest"
import { kitBytes, kitPrimitives } from "../../../ledger/src/ledger-kit.contract.ts"
import { decodeMeetingCode, encodeMeetingCode, openMeetingCode } from "./meeting-code.ts"
import { kitCode, kitParty, kitSign } from "./meeting-kit.contract.ts"
import { meetingProof, meetingSignBytes, verifyMeetingMessage } from "./meeting-proof.ts"
import { meetingWords } from "./meeting-words.ts"

const primitives: Pick<Primitives, "hkdf" | "hmacSha256" | "ed25519" | "sha256"> = {
  ...kitPrimitives,
  hkdf: (secret, info, length) =>
    Secret.take(secret.expose((key) => new Uint8Array(hkdfSync("sha256", key, new Uint8Array(), info, length)))),
  hmacSha256: (key, ...parts) =>
    key.expose((bytes) => {
      const hmac = createHmac("sha256", bytes)
      for (const part of parts) hmac.update(part)
      return new Uint8Array(hmac.digest())
    }),
}

const ann = kitParty("ann")
const bob = kitParty("bob")
const code = kitCode(ann, "code")
const text = encodeMeetingCode(code)

describe("the code", () => {
  test("is one line that fits a QR code, in lower or upper case", () => {
    expect(text).toMatch(/^kgmeet1[02-9ac-hj-np-z]+$/)
    // Version 11 of a QR code, alphanumeric, takes 468 at level L.
    expect(text.length).toBeLessThan(300)
    for (const given of [text, text.toUpperCase(), ` ${text}\n`, `${text.slice(0, 80)}\n  ${text.slice(80)}`])
      expect(decodeMeetingCode(given)).toEqual({ ok: true, value: code })
  })

  test("with any typing error is none", () => {
    for (let index = 0; index < text.length; index += 3) {
      const wrong = text[index] === "q" ? "p" : "q"
      expect(decodeMeetingCode(text.slice(0, index) + wrong + text.slice(index + 1))).toMatchObject({ code: "MEETING_CODE_INVALID" })
    }
    for (const given of ["", "kgmeet1", "kg1qqqq", text.slice(0, -1), `${text}q`, "x".repeat(1e6), ` ${"kgmeet1".repeat(200)}`])
      expect(decodeMeetingCode(given)).toMatchObject({ code: "MEETING_CODE_INVALID" })
  })

  test("has room for four addresses of any length, and no more", () => {
    const address = `/dns4/${"a".repeat(100)}/tcp/7410`
    const long = { ...code, addresses: [address, address, address, address] }
    expect(decodeMeetingCode(encodeMeetingCode(long))).toEqual({ ok: true, value: long })
    for (const addresses of [[...long.addresses, address], [`/dns4/${"a".repeat(130)}`], ["/ip4/\u001B[2J"], [""]])
      expect(decodeMeetingCode(encodeMeetingCode({ ...code, addresses }))).toMatchObject({ code: "MEETING_CODE_INVALID" })
  })

  test("gives an id that tells nothing of its key", () => {
    const opened = openMeetingCode(primitives, code)
    using proofKey = opened.proofKey
    const place = [clusterBytes(code.cluster), code.signingKey] as const
    const derive = (domain: string, length: number): string =>
      toHex(new Uint8Array(hkdfSync("sha256", code.secret, new Uint8Array(), encodeInfo([domain, ...place]), length)))
    expect(toHex(opened.id)).toBe(derive("keygrove/v1/meet-id", 16))
    expect(proofKey.expose(toHex)).toBe(derive("keygrove/v1/meet-key", 32))
    expect(toHex(openMeetingCode(primitives, kitCode(ann, "another")).id)).not.toBe(toHex(opened.id))
  })
})

test("a message counts from its sender, in its role, for its reader and meeting, from who saw the code", () => {
  const { id: meeting, proofKey } = openMeetingCode(primitives, code)
  const draft = { meeting, role: "scans", from: bob.identity.signingKey, to: ann.identity.signingKey, body: kitBytes("body") } as const
  const message = {
    meeting,
    body: draft.body,
    proof: meetingProof(primitives, proofKey, draft),
    signature: kitSign(bob.node, meetingSignBytes(draft)),
  }
  expect(verifyMeetingMessage(primitives, proofKey, draft, message)).toEqual({ ok: true, value: true })
  const { proofKey: anotherKey } = openMeetingCode(primitives, kitCode(ann, "another"))
  expect(verifyMeetingMessage(primitives, anotherKey, draft, message)).toMatchObject({ code: "MEETING_PROOF_WRONG" })
  const others = [{ role: "shows" }, { from: draft.to }, { to: draft.from }, { meeting: kitBytes("other").subarray(0, 16) }] as const
  for (const other of others)
    expect(verifyMeetingMessage(primitives, proofKey, { ...draft, ...other }, message)).toMatchObject({ code: "MEETING_PROOF_WRONG" })
  const forged = [{ body: kitBytes("another") }, { proof: kitBytes("proof") }, { signature: kitSign(ann.node, meetingSignBytes(draft)) }]
  for (const part of forged)
    expect(verifyMeetingMessage(primitives, proofKey, draft, { ...message, ...part })).toMatchObject({ code: "MEETING_PROOF_WRONG" })
})

test("44 bits are four words of BIP 39's list", () => {
  // All bits one is the last word, `zoo`; all zero the first, `abandon`.
  const wordsOf = (digest: Uint8Array): string => meetingWords({ sha256: () => digest }, new Uint8Array(32)).join(" ")
  expect(wordsOf(new Uint8Array(32))).toBe("abandon abandon abandon abandon")
  expect(wordsOf(new Uint8Array(32).fill(255))).toBe("zoo zoo zoo zoo")
  expect(wordsOf(Uint8Array.of(0, 0b001_00000, 0b0000_1000, 0, 0b0000_0001, 0, ...new Uint8Array(26)))).toBe(
    "ability able abandon acoustic",
  )
})
