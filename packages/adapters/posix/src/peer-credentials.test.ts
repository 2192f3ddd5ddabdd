import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { chmodSync, mkdtempSync, rmSync } from "node:fs"
import { connect, createServer, Socket, type Server } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { openPeerCredentials, type PeerCredentialsReader } from "./peer-credentials.ts"

const directory = mkdtempSync(join(tmpdir(), "keygrove-peer-"))
const path = join(directory, "socket")
const server: Server = createServer()
const opened: { read?: PeerCredentialsReader | undefined } = {}
const onLinux = process.platform === "linux"
const nobody = ["--reuid=65534", "--regid=65533", "--clear-groups", process.execPath]
/** Needs root, and a checkout that others may enter: the client runs on its Node. */
const canBecomeNobody = onLinux && process.getuid?.() === 0 && spawnSync("setpriv", [...nobody, "--version"]).status === 0

beforeAll(async () => {
  opened.read = await openPeerCredentials()
  server.listen(path)
  await once(server, "listening")
  chmodSync(directory, 0o755)
  chmodSync(path, 0o666)
})
afterAll(() => {
  server.close()
  rmSync(directory, { recursive: true })
})

async function accepted(at: Server): Promise<Socket> {
  const [socket] = await once(at, "connection")
  if (!(socket instanceof Socket)) throw new TypeError("not a socket")
  return socket
}

describe.runIf(onLinux)("the other end of a Unix socket", () => {
  test("is the user, the group and the process that connected, until the socket is closed", async () => {
    const here = accepted(server)
    const there = connect(path)
    const socket = await here
    expect(opened.read?.(socket)).toEqual({ uid: process.getuid?.(), gid: process.getgid?.(), pid: process.pid })
    expect(opened.read?.(there)).toMatchObject({ uid: process.getuid?.() })
    there.destroy()
    socket.destroy()
    await once(socket, "close")
    expect(opened.read?.(socket)).toBeUndefined()
  })

  test.runIf(canBecomeNobody)("is another user who connected", async () => {
    const here = accepted(server)
    const child = spawn("setpriv", [...nobody, "-e", 'require("net").connect(process.argv[1]).resume()', path], { stdio: "inherit" })
    const socket = await here
    expect(opened.read?.(socket)).toEqual({ uid: 65_534, gid: 65_533, pid: child.pid })
    socket.destroy()
    await once(child, "exit")
  })
})

test("of a TCP socket nothing is known", async () => {
  const tcp = createServer().listen(0, "127.0.0.1")
  await once(tcp, "listening")
  const address = tcp.address()
  const here = accepted(tcp)
  const there = connect(typeof address === "object" && address !== null ? address.port : 0, "127.0.0.1")
  const socket = await here
  expect(opened.read?.(socket)).toBeUndefined()
  there.destroy()
  socket.destroy()
  tcp.close()
})
