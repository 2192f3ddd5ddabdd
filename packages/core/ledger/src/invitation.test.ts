import { unwrap } from "@keygrove/base"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  encodeInvitation,
  invitationContext,
  invitationSignBytes,
  MAX_INVITATION_CHARACTERS,
  openInvitation,
  type Invitation,
} from "./invitation.ts"
import {
  anchorName,
  kitBytes,
  kitChild,
  kitPrimitives,
  kitRoot,
  kitSeed,
  nodeEntry,
  rekeyEntry,
  type KitNode,
} from "./ledger-kit.contract.ts"

const root = kitRoot("alice")
const laptop = kitChild(root, "/laptop")

function invitationOf(certificate: Uint8Array, ledger = "/ip4/192.0.2.7/tcp/7410/p2p/12D3KooW"): Invitation {
  const sealed = Uint8Array.of(...kitBytes("sealed"), ...kitBytes("tag").subarray(0, 16))
  return {
    certificate,
    ledger,
    secret: { salt: kitBytes("salt").subarray(0, 16), passes: 3, memoryKib: 65_536, nonce: kitBytes("nonce").subarray(0, 24), sealed },
  }
}

function written(invitation: Invitation, by: KitNode = root): string {
  using seed = kitSeed(anchorName(by))
  return encodeInvitation({ ...invitation, signature: kitPrimitives.ed25519.sign(seed, invitationSignBytes(invitation)) })
}

describe("an invitation", () => {
  const invitation = invitationOf(nodeEntry(root, laptop))
  const text = written(invitation)

  test("says what was written, in either case and with spaces around it, as people paste and scanners give it", () => {
    for (const form of [text, text.toUpperCase(), `  ${text}\n`]) {
      const opened = unwrap(openInvitation(kitPrimitives, form))
      expect(opened).toMatchObject({
        author: { path: "/", cluster: root.cluster },
        child: { path: "/laptop", generation: 1 },
        ledger: invitation.ledger,
      })
      expect([...opened.secret.sealed]).toEqual([...invitation.secret.sealed])
      expect([...invitationContext(opened)]).toEqual([...invitationContext(invitation)])
    }
  })

  test("of the longest kind fits its limit", () => {
    const names = Array.from({ length: 8 }, () => "n".repeat(32))
    const [parent, child] = [kitChild(root, `/${names.slice(0, 7).join("/")}`), kitChild(root, `/${names.join("/")}`)]
    const longest = written(invitationOf(nodeEntry(parent, child), `/dns4/${"h".repeat(506)}`), parent)
    expect(longest.length).toBeLessThanOrEqual(MAX_INVITATION_CHARACTERS)
    expect(openInvitation(kitPrimitives, longest).ok).toBe(true)
  })

  test("is refused when anybody but the parent's anchor signed it, or it certifies nothing", () => {
    expect(openInvitation(kitPrimitives, written(invitation, kitRoot("bob")))).toMatchObject({ code: "INVITATION_INVALID" })
    expect(openInvitation(kitPrimitives, written(invitationOf(rekeyEntry(laptop, 1)), laptop))).toMatchObject({
      code: "INVITATION_INVALID",
    })
    const elsewhere = { ...invitation, ledger: "/ip4/203.0.113.9/tcp/1/p2p/12D3KooW" }
    using seed = kitSeed(anchorName(root))
    const signature = kitPrimitives.ed25519.sign(seed, invitationSignBytes(invitation))
    expect(openInvitation(kitPrimitives, encodeInvitation({ ...elsewhere, signature }))).toMatchObject({ code: "INVITATION_INVALID" })
  })

  test("any other text is refused with one line, never thrown at", () => {
    const changed = fc
      .tuple(fc.nat(text.length - 1), fc.constantFrom(..."qpzry9x8gf2tvdw0s3jn54khce6mua7l1b ioé"))
      .map(([at, letter]) => text.slice(0, at) + letter + text.slice(at + 1))
      .filter((each) => each.trim().toLowerCase() !== text)
    fc.assert(
      fc.property(
        fc.oneof(
          changed,
          fc.string(),
          fc.nat(text.length - 1).map((end) => text.slice(0, end)),
        ),
        (garbage) => {
          expect(openInvitation(kitPrimitives, garbage)).toMatchObject({ ok: false, code: "INVITATION_INVALID" })
        },
      ),
      { numRuns: 500 },
    )
  })
})
