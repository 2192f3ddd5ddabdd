import { Secret, unwrap, utf8, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { decodeKeyId, decodeOperatorName, keyTypeTraits, KEY_TYPES, type KeyId, type KeyType, type OperatorValue } from "@keygrove/keys"
import { beforeEach, describe, expect, test } from "vitest"
import { MAX_KEY_MESSAGE_BYTES, type KeyCall, type KeyMaterialSource, type NamedKeys } from "./named-keys.ts"
import type { Sealing } from "./sealing.ts"

/** An implementation of {@link NamedKeys} under test, fresh for each case, with the operators of the contract of operator runners. */
export interface NamedKeysSubject {
  readonly keys: NamedKeys
  /** X25519 key to which imported secrets are encrypted. */
  readonly importKey: Uint8Array
}

interface NamedKeysTools {
  readonly primitives: Primitives
  readonly sealing: Sealing
  readonly open: () => Promise<NamedKeysSubject>
}

const call: KeyCall = { caller: "uid:1000", signal: new AbortController().signal }
const id = (text: string): KeyId => unwrap(decodeKeyId(text))
const message = utf8("message")

/** Declares what every implementation of named keys must do. */
export function namedKeysContract(name: string, { open, primitives, sealing }: NamedKeysTools): void {
  let subject: NamedKeysSubject
  let keys: NamedKeys
  beforeEach(async () => {
    subject = await open()
    keys = subject.keys
  })
  const add = async (text: string, type: KeyType, extra: object = {}): Promise<KeyId> => {
    const source: KeyMaterialSource = { kind: "generate" }
    return unwrap(await keys.register({ id: id(text), type, source, ...extra }, call)).entry.id
  }

  describe(`named keys, ${name}`, () => {
    test("registers once, and the same again changes nothing", async () => {
      const order = { id: id("web/tls"), type: "ed25519", source: { kind: "generate" } } as const
      const first = unwrap(await keys.register(order, call))
      expect(first).toMatchObject({ created: true, entry: { id: "web/tls", type: "ed25519", source: "generated", exportable: false } })
      expect(unwrap(await keys.register(order, call))).toEqual({ entry: first.entry, created: false })
      expect(await keys.register({ ...order, type: "p256" }, call)).toMatchObject({ code: "KEY_TYPE_MISMATCH" })
      expect(await keys.register({ ...order, exportable: true }, call)).toMatchObject({ code: "KEY_TYPE_MISMATCH" })
      expect(await keys.find(order.id, call)).toEqual({ ok: true, value: first.entry })
    })

    test("registered many times at once, a key is made once", async () => {
      const order = { id: id("race"), type: "secp256k1", source: { kind: "generate" } } as const
      const made = await Promise.all(Array.from({ length: 20 }, async () => unwrap(await keys.register(order, call))))
      expect(made.filter(({ created }) => created)).toHaveLength(1)
      expect(new Set(made.map(({ entry }) => Buffer.from(entry.versions[0]?.publicKey ?? []).toString("hex"))).size).toBe(1)
    })

    test("lists in order, slice by slice", async () => {
      for (const text of ["c", "a", "b/1", "b"]) await add(text, "aes256")
      const all = unwrap(await keys.list({ limit: 10 }, call)).map((entry) => entry.id)
      expect(all).toEqual(["a", "b", "b/1", "c"])
      expect(unwrap(await keys.list({ after: id("a"), limit: 2 }, call)).map((entry) => entry.id)).toEqual(["b", "b/1"])
    })

    test.each(KEY_TYPES.filter((type) => keyTypeTraits(type).signatures.length > 0))(
      "signs and verifies with %s, also after rotation",
      async (type) => {
        const key = await add("signer", type)
        for (const algorithm of keyTypeTraits(type).signatures) {
          const old = unwrap(await keys.sign({ id: key, message, algorithm }, call))
          expect(old.algorithm).toBe(algorithm)
          const { version } = unwrap(await keys.rotate(key, call)).versions.at(-1) ?? { version: 0 }
          const fresh = unwrap(await keys.sign({ id: key, message, algorithm }, call))
          expect(fresh.version).toBe(version)
          const verified = async (signature: Uint8Array, what = message): Promise<number | undefined> =>
            unwrap(await keys.verify({ id: key, message: what, algorithm, signature }, call)).version
          expect(await verified(old.signature)).toBe(old.version)
          expect(await verified(fresh.signature)).toBe(fresh.version)
          expect(await verified(fresh.signature, utf8("another"))).toBeUndefined()
          unwrap(await keys.setState(key, { state: "disabled", version: old.version }, call))
          expect(await verified(old.signature)).toBeUndefined()
        }
      },
    )

    test.each(["aes256", "x25519"] as const)("encrypts with %s and decrypts what older versions encrypted", async (type) => {
      const key = await add("cipher", type)
      const context = utf8("context")
      const ciphertext = unwrap(await keys.encrypt({ id: key, plaintext: message, context }, call))
      const again = unwrap(await keys.encrypt({ id: key, plaintext: message, context }, call))
      expect(ciphertext).not.toEqual(again)
      unwrap(await keys.rotate(key, call))
      expect(unwrap(await keys.decrypt({ id: key, ciphertext, context }, call))).toEqual(message)
      expect(await keys.decrypt({ id: key, ciphertext }, call)).toMatchObject({ code: "KEY_CIPHERTEXT_INVALID" })
      for (let at = 5; at < ciphertext.length; at++) {
        const changed = ciphertext.with(at, (ciphertext[at] ?? 0) ^ 1)
        expect(await keys.decrypt({ id: key, ciphertext: changed, context }, call)).toMatchObject({ code: "KEY_CIPHERTEXT_INVALID" })
      }
      for (const cut of [0, 1, 5, 40])
        expect((await keys.decrypt({ id: key, ciphertext: ciphertext.subarray(0, cut), context }, call)).ok).toBe(false)
    })

    test.each(["aes256", "x25519"] as const)("decrypts the longest message that %s encrypts, and no longer one", async (type) => {
      const key = await add("cipher", type)
      const plaintext = new Uint8Array(MAX_KEY_MESSAGE_BYTES).fill(7)
      const ciphertext = unwrap(await keys.encrypt({ id: key, plaintext }, call))
      expect(unwrap(await keys.decrypt({ id: key, ciphertext }, call))).toEqual(plaintext)
      expect((await keys.decrypt({ id: key, ciphertext: new Uint8Array([...ciphertext, 0]) }, call)).ok).toBe(false)
    })

    test.each(["aes256", "x25519"] as const)("encrypts nothing with %s that it could not decrypt again", async (type) => {
      const key = await add("cipher", type)
      const nothing = new Uint8Array(0)
      const ciphertext = await keys.encrypt({ id: key, plaintext: nothing }, call)
      if (ciphertext.ok) expect(await keys.decrypt({ id: key, ciphertext: ciphertext.value }, call)).toEqual({ ok: true, value: nothing })
      else expect(ciphertext.code).toBe("KEYSTORE_REQUEST_INVALID")
    })

    test("agrees as the peer does", async () => {
      for (const type of ["x25519", "secp256k1", "p256"] as const) {
        const [mine, theirs] = [await add(`${type}/mine`, type), await add(`${type}/theirs`, type)]
        const publicOf = async (key: KeyId): Promise<Uint8Array> =>
          unwrap(await keys.find(key, call)).versions[0]?.publicKey ?? new Uint8Array(0)
        const one = unwrap(await keys.agree({ id: mine, peer: await publicOf(theirs) }, call))
        expect(unwrap(await keys.agree({ id: theirs, peer: await publicOf(mine) }, call))).toEqual(one)
        expect(await keys.agree({ id: mine, peer: new Uint8Array(33) }, call)).toMatchObject({ code: "KEY_PEER_INVALID" })
      }
    })

    test("imports a secret that only the keystore can read, and refuses what is none", async () => {
      const seed = new Uint8Array(32).fill(7)
      const seal = async (bytes: Uint8Array): Promise<KeyMaterialSource> => ({
        kind: "import",
        sealed: unwrap(await sealing.seal(subject.importKey, bytes, { info: utf8("keygrove/v1/key-import") })),
      })
      const text = Buffer.from(seed).toString("hex")
      const made = unwrap(await keys.register({ id: id("imported"), type: "ed25519", source: await seal(utf8(`${text}\n`)) }, call))
      using secret = Secret.take(Uint8Array.from(seed))
      expect(made.entry).toMatchObject({ source: "imported", versions: [{ publicKey: primitives.ed25519.publicKey(secret) }] })
      for (const bad of [utf8("no key"), new Uint8Array(31), new Uint8Array(0)])
        expect(await keys.register({ id: id("bad"), type: "ed25519", source: await seal(bad) }, call)).toMatchObject({
          code: "KEY_MATERIAL_INVALID",
        })
      expect(await keys.register({ id: id("zero"), type: "p256", source: await seal(new Uint8Array(32)) }, call)).toMatchObject({
        code: "KEY_MATERIAL_INVALID",
      })
      const elsewhere = { kind: "import", sealed: new Uint8Array(80) } as const
      expect(await keys.register({ id: id("else"), type: "ed25519", source: elsewhere }, call)).toMatchObject({
        code: "KEY_MATERIAL_INVALID",
      })
      expect(await keys.find(id("bad"), call)).toMatchObject({ code: "KEY_UNKNOWN" })
    })

    test("refuses a source that is not there, and has no key of it then", async () => {
      for (const source of [
        { kind: "environment", name: "KEYGROVE_NO_SUCH_VARIABLE" },
        { kind: "file", path: "/nowhere/key" },
      ] as const)
        expect(await keys.register({ id: id("lost"), type: "ed25519", source }, call)).toMatchObject({ code: "KEY_MATERIAL_UNREADABLE" })
      expect(await keys.find(id("lost"), call)).toMatchObject({ code: "KEY_UNKNOWN" })
    })

    test("macs as RFC 2104 says, by the version that is named", async () => {
      const key = await add("mac", "aes256", { exportable: true })
      const pair = await sealing.generateKeyPair()
      const exported = unwrap(await keys.exportKey({ id: key, recipientKey: pair.publicKey }, call))
      using secret = unwrap(await sealing.open(pair.secretKey, exported, { info: utf8("keygrove/v1/key-export") }))
      unwrap(await keys.rotate(key, call))
      const old = unwrap(await keys.mac({ id: key, message, version: 1 }, call))
      expect(old).toEqual(primitives.hmacSha256(secret, message))
      expect(unwrap(await keys.mac({ id: key, message }, call))).not.toEqual(old)
    })

    test("derives children that depend on parent and id alone", async () => {
      const parent = await add("parent", "ed25519")
      const child = unwrap(await keys.derive({ id: parent, child: id("child/1"), type: "bls12-381" }, call))
      expect(unwrap(await keys.derive({ id: parent, child: id("child/1"), type: "bls12-381" }, call))).toEqual(child)
      expect(await keys.derive({ id: parent, child: id("child/1"), type: "p256" }, call)).toMatchObject({ code: "KEY_TYPE_MISMATCH" })
      const other = unwrap(await keys.derive({ id: parent, child: id("child/2"), type: "bls12-381" }, call))
      expect(other.versions[0]?.publicKey).not.toEqual(child.versions[0]?.publicKey)
    })

    test("keeps a secret in unless the key was made exportable", async () => {
      const key = await add("stays", "ed25519")
      const { publicKey } = await sealing.generateKeyPair()
      expect(await keys.exportKey({ id: key, recipientKey: publicKey }, call)).toMatchObject({ code: "KEY_NOT_EXPORTABLE" })
    })

    test("refuses what is disabled, destroyed, unknown, beside its type, against its rules, or too often", async () => {
      const refused = async (answer: Promise<Result<unknown>>): Promise<string> => {
        const result = await answer
        return result.ok ? "done" : result.code
      }
      const sign = async (key: KeyId, caller = call.caller): Promise<string> =>
        await refused(keys.sign({ id: key, message }, { ...call, caller }))
      const key = await add("states", "ed25519")
      unwrap(await keys.setState(key, { state: "disabled" }, call))
      expect(await sign(key)).toBe("KEY_DISABLED")
      unwrap(await keys.setState(key, { state: "enabled" }, call))
      expect(await sign(key)).toBe("done")
      unwrap(await keys.setState(key, { state: "destroyed" }, call))
      expect(await sign(key)).toBe("KEY_DESTROYED")
      expect(await refused(keys.setState(key, { state: "enabled" }, call))).toBe("KEY_DESTROYED")
      expect(await refused(keys.register({ id: key, type: "ed25519", source: { kind: "generate" } }, call))).toBe("KEY_DESTROYED")
      expect(await sign(id("nothing"))).toBe("KEY_UNKNOWN")
      expect(await sign(await add("cipher", "aes256"))).toBe("KEY_OPERATION_UNSUPPORTED")
      const ruled = await add("ruled", "ed25519", { rules: { allow: [{ caller: "uid:7", operations: ["sign"] }], perMinute: 2 } })
      expect(await sign(ruled)).toBe("KEY_NOT_ALLOWED")
      expect([await sign(ruled, "uid:7"), await sign(ruled, "uid:7"), await sign(ruled, "uid:7")]).toEqual([
        "done",
        "done",
        "KEY_RATE_EXCEEDED",
      ])
    })

    test("puts rules in the place of those there were, for the next use, and tells of it", async () => {
      const key = await add("ruled", "ed25519", { rules: { allow: [{ caller: "uid:7", operations: ["sign"] }] } })
      const codeOf = async (caller: string, isConfirmed?: boolean): Promise<string> => {
        const order = { id: key, message, ...(isConfirmed === undefined ? {} : { isConfirmed }) }
        const signed = await keys.sign(order, { ...call, caller })
        return signed.ok ? "done" : signed.code
      }
      expect(await codeOf("uid:1000")).toBe("KEY_NOT_ALLOWED")
      const open = unwrap(await keys.setRules(key, {}, call))
      expect(open.rules).toEqual({})
      expect(await codeOf("uid:1000")).toBe("done")
      const rules = { allow: [{ caller: "ssh-agent", operations: ["sign"] }], perMinute: 9, confirm: true } as const
      expect(unwrap(await keys.setRules(key, rules, call)).rules).toEqual(rules)
      expect(unwrap(await keys.find(key, call)).rules).toEqual(rules)
      expect([await codeOf("uid:7"), await codeOf("ssh-agent"), await codeOf("ssh-agent", true)]).toEqual([
        "KEY_NOT_ALLOWED",
        "KEY_NOT_CONFIRMED",
        "done",
      ])
      expect(unwrap(await keys.rotate(key, call)).rules).toEqual(rules)
      expect(await keys.setRules(id("nothing"), {}, call)).toMatchObject({ code: "KEY_UNKNOWN" })
      unwrap(await keys.setState(key, { state: "destroyed" }, call))
      expect(await keys.setRules(key, {}, call)).toMatchObject({ code: "KEY_DESTROYED" })
      const events = unwrap(await keys.audit({ from: 0, limit: 100 }, call)).filter(({ action }) => action === "rules")
      expect(events.map(({ outcome }) => outcome)).toEqual(["ok", "ok", "KEY_UNKNOWN", "KEY_DESTROYED"])
    })

    test("runs operators, and lets nothing out but what they are registered to give", async () => {
      const key = await add("ops/one", "ed25519")
      const operate = async (operator: string, input = message, on = key): Promise<OperatorValue | string> => {
        const given = await keys.operate({ id: on, operator: unwrap(decodeOperatorName(operator)), input }, call)
        return given.ok ? given.value : given.code
      }
      expect(unwrap(await keys.operators(call)).map(({ name: each }) => each)).toContain("sum")
      expect(await operate("sum")).toBeTypeOf("number")
      expect(["even", "odd"]).toContain(await operate("side"))
      for (const [operator, code] of [
        ["liar", "OPERATOR_RESULT_INVALID"],
        ["thief", "OPERATOR_RESULT_INVALID"],
        ["thrower", "OPERATOR_FAILED"],
        ["nobody", "OPERATOR_UNKNOWN"],
      ] as const)
        expect(await operate(operator)).toBe(code)
      expect([await operate("seldom"), await operate("seldom")]).toEqual([true, "KEY_RATE_EXCEEDED"])
      expect(await operate("sum", message, await add("elsewhere", "ed25519"))).toBe("OPERATOR_NOT_FOR_KEY")
      expect(await operate("sum", message, await add("ops/two", "p256"))).toBe("OPERATOR_NOT_FOR_KEY")
      expect(await operate("sum", new Uint8Array(65_537))).toBe("KEYSTORE_REQUEST_INVALID")
      const ruled = await add("ops/ruled", "aes256", { rules: { allow: [{ caller: "*", operations: ["mac"] }] } })
      expect(await operate("sum", message, ruled)).toBe("KEY_NOT_ALLOWED")
      const events = unwrap(await keys.audit({ from: 0, limit: 100 }, call)).filter(({ action }) => action === "operate")
      expect(events.slice(0, 3).map(({ operator, outcome }) => [operator, outcome])).toEqual([
        ["sum", "ok"],
        ["side", "ok"],
        ["liar", "OPERATOR_RESULT_INVALID"],
      ])
      unwrap(await keys.verifyAudit(call))
    })

    test("gives of bytes that an operator returns a digest of its own, which tells the input's, the version's and the key's apart", async () => {
      const [one, two] = [await add("ops/one", "aes256", { exportable: true }), await add("ops/two", "aes256")]
      const digest = async (id: KeyId, operator: string, input: Uint8Array): Promise<string> => {
        const given = unwrap(await keys.operate({ id, operator: unwrap(decodeOperatorName(operator)), input }, call))
        expect(given).toHaveLength(32)
        return Buffer.from(given instanceof Uint8Array ? given : []).toString("hex")
      }
      const first = await digest(one, "secret", message)
      expect(await digest(one, "secret", message)).toBe(first)
      const others = [
        await digest(one, "secret", utf8("another")),
        await digest(one, "nothing", message),
        await digest(two, "secret", message),
        await digest(two, "nothing", message),
      ]
      unwrap(await keys.rotate(one, call))
      others.push(await digest(one, "nothing", message))
      expect(new Set([first, ...others]).size).toBe(6)
    })

    test("records every use and no content", async () => {
      const key = await add("seen", "ed25519")
      unwrap(await keys.sign({ id: key, message }, call))
      await keys.encrypt({ id: key, plaintext: message }, { ...call, caller: "rpc:eve" })
      await keys.sign({ id: id("nothing"), message }, call)
      const events = unwrap(await keys.audit({ from: 0, limit: 10 }, call))
      expect(events.map(({ action, caller, key: subjectId, outcome }) => [action, caller, subjectId, outcome])).toEqual([
        ["register", "uid:1000", "seen", "ok"],
        ["sign", "uid:1000", "seen", "ok"],
        ["encrypt", "rpc:eve", "seen", "KEY_OPERATION_UNSUPPORTED"],
        ["sign", "uid:1000", "nothing", "KEY_UNKNOWN"],
      ])
      expect(unwrap(await keys.audit({ from: 2, limit: 1 }, call))).toEqual([events[2]])
      expect(unwrap(await keys.verifyAudit(call)).length).toBe(4)
    })

    test("does many things at once, each with its own answer", async () => {
      const key = await add("busy", "ed25519")
      const messages = Array.from({ length: 200 }, (_, index) => utf8(`message ${index}`))
      const signatures = await Promise.all(
        messages.map(async (each) => unwrap(await keys.sign({ id: key, message: each }, call)).signature),
      )
      const publicKey = unwrap(await keys.find(key, call)).versions[0]?.publicKey ?? new Uint8Array(0)
      messages.forEach((each, index) => {
        expect(primitives.ed25519.verify(publicKey, each, signatures[index] ?? new Uint8Array(0))).toBe(true)
      })
      expect(unwrap(await keys.verifyAudit(call)).length).toBe(201)
    })

    test("does nothing for a signal that has fired", async () => {
      const reason = new Error("enough")
      await expect(keys.find(id("a"), { ...call, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    })
  })
}
