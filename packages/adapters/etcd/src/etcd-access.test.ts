import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { unwrap, utf8 } from "@keygrove/base"
import { emptyHead } from "@keygrove/ledger"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { kitLog } from "../../../core/ledger/src/ledger-kit.contract.ts"
import { readEtcdAccess, type EtcdAccess, type EtcdAccessFiles } from "./access.ts"
import { EtcdCluster, hasEtcd } from "./etcd-cluster.fixture.ts"
import { KIT_DEADLINES, kitSource } from "./etcd-engine.fixture.ts"
import { Auth, Permission_Type } from "./etcd_pb.ts"
import { makeCertificates, type KitCertificates } from "./tls.fixture.ts"

const call = { signal: AbortSignal.timeout(600_000) }
const PASSWORD = "correct horse"
const directory = mkdtempSync(join(tmpdir(), "keygrove-etcd-access-"))
const file = (name: string, text: string, mode = 0o600): string => {
  const path = join(directory, name)
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}
let certificates: KitCertificates
let cluster: EtcdCluster
let files: Required<EtcdAccessFiles>

describe.skipIf(!hasEtcd)("one member that asks who comes", () => {
  beforeAll(async () => {
    certificates = makeCertificates(directory)
    const { ca, client, server } = certificates
    files = {
      caFile: ca,
      certificateFile: client.certificate,
      keyFile: client.key,
      user: "grove",
      passwordFile: file("password", `${PASSWORD}\n`),
    }
    const flags = ["--cert-file", server.certificate, "--key-file", server.key, "--trusted-ca-file", ca, "--client-cert-auth"]
    const { caFile, certificateFile, keyFile } = files
    cluster = await EtcdCluster.start(1, {
      flags,
      access: unwrap(readEtcdAccess({ caFile, certificateFile, keyFile })),
    })
    const add = async (name: string, password: string): Promise<void> => {
      await cluster.admin(Auth.method.userAdd, { name, password })
    }
    await add("root", "root's own")
    await add("grove", PASSWORD)
    await cluster.admin(Auth.method.roleAdd, { name: "ledger" })
    // Of all keys of the prefix /grove/.
    const perm = { permType: Permission_Type.READWRITE, key: utf8("/grove/"), rangeEnd: utf8("/grove0") }
    await cluster.admin(Auth.method.roleGrantPermission, { name: "ledger", perm })
    await cluster.admin(Auth.method.userGrantRole, { user: "grove", role: "ledger" })
    await cluster.admin(Auth.method.userGrantRole, { user: "root", role: "root" })
    await cluster.admin(Auth.method.authEnable, {})
  })
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true })
  })

  /** The message of the refusal of a head. */
  async function refusal(access: EtcdAccess, name = "grove"): Promise<string> {
    await using source = kitSource(cluster.address(name), { access, deadlines: KIT_DEADLINES })
    const head = await source.head(call)
    expect(head).toMatchObject({ ok: false, code: "LEDGER_UNREACHABLE" })
    return head.ok ? "" : head.message
  }

  describe("an etcd with TLS, client certificates and users", () => {
    test("takes a node with all of them, again after its token was forgotten", async () => {
      await using source = kitSource(cluster.address("grove"), { access: unwrap(readEtcdAccess(files)) })
      const log = kitLog(2)
      const head = unwrap(await source.append(log.slice(0, 1), emptyHead(), call))
      // Tokens are in the memory of the members alone.
      await cluster.kill(0)
      cluster.restart(0)
      await cluster.untilReady()
      const last = unwrap(await source.append(log.slice(1), head, call))
      expect(unwrap(await source.head(call))).toEqual(last)
      expect((await source.health(call)).hasLeader).toBe(true)
    })

    test("says what is missing", async () => {
      const { caFile, certificateFile, keyFile } = files
      expect(await refusal(unwrap(readEtcdAccess({ caFile, certificateFile, keyFile })))).toMatch(/user name is empty|PermissionDenied/)
      expect(await refusal(unwrap(readEtcdAccess({ caFile })))).toMatch(/certificate|closed|ECONNRESET/i)
      expect(await refusal({})).toMatch(/closed|protocol|ECONNRESET|session/i)
      const wrong = { ...files, passwordFile: file("wrong", "another horse\n") }
      expect(await refusal(unwrap(readEtcdAccess(wrong)))).toContain("does not let the user grove in")
      expect(await refusal(unwrap(readEtcdAccess(files)), "elsewhere")).toContain("needs a role that may read and write")
    })

    test("is not believed under another authority", async () => {
      const other = mkdtempSync(join(directory, "other-"))
      const { ca } = makeCertificates(other)
      expect(await refusal(unwrap(readEtcdAccess({ ...files, caFile: ca })))).toMatch(/certificate|self.signed|verify/i)
    })
  })

  describe("files of the access to etcd", () => {
    test.each([
      ["is missing", () => ({ ...files, caFile: join(directory, "none") }), "ENOENT"],
      ["is a directory", () => ({ ...files, caFile: directory }), "is no regular file"],
      ["is a key that others may read", () => ({ ...files, keyFile: file("open.key", "key", 0o644) }), "only its owner"],
      ["is a password that others may read", () => ({ ...files, passwordFile: file("open", "secret", 0o640) }), "only its owner"],
      ["is an empty password", () => ({ ...files, passwordFile: file("empty", "") }), "bytes"],
      ["is a password that begins with an empty line", () => ({ ...files, passwordFile: file("line", "\nsecret\n") }), "is not one line"],
      ["is a password with a second line", () => ({ ...files, passwordFile: file("lines", "secret\nmore\n") }), "is not one line"],
      ["is longer than any password", () => ({ ...files, passwordFile: file("long", "x".repeat(2_000)) }), "bytes"],
    ])("are refused when one %s, without showing it", (_name, chosen, expected) => {
      const read = readEtcdAccess(chosen())
      expect(read).toMatchObject({ ok: false, code: "ETCD_FILE_UNREADABLE", message: expect.stringContaining(expected) })
      expect(read.ok ? "" : read.message).not.toContain("secret")
    })

    test("give the password without the end of its line, and wipe it", () => {
      const access = unwrap(readEtcdAccess(files))
      const secret = unwrap(access.user?.readPassword() ?? { ok: false, code: "X", message: "no user" })
      expect(secret.expose((bytes) => Buffer.from(bytes).toString())).toBe(PASSWORD)
      secret[Symbol.dispose]()
      expect(secret.live).toBe(false)
    })
  })
})
