import { execFile } from "node:child_process"
import { endianness } from "node:os"
import { setTimeout as sleep } from "node:timers/promises"
import { loadNative, type NativeFunction, type NativeLibrary } from "./native.ts"

/** What a service manager is told (sd_notify(3)), e.g. `{ READY: "1" }`. */
export type ServiceState = Readonly<Record<string, string>>

/** socket(7) and unix(7) of Linux. */
const AF_UNIX = 1
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2_000_000
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000
const EAGAIN = 11
const MAX_ADDRESS_BYTES = 108
/** How often a manager whose queue is full is tried again. */
const RETRY_MS = 25

/**
 * Tells the service manager that `NOTIFY_SOCKET` names how this process is, as one datagram from this very process, which is what `NotifyAccess=main`
 * wants. Where no datagram can be sent, the program `systemd-notify` is asked. Whether it was delivered; false, and nothing done, without a manager. The
 * signal bounds how long a full queue is waited for; it never makes this reject.
 */
export async function notifyServiceManager(
  state: ServiceState,
  { signal }: { readonly signal: AbortSignal },
  address: string | undefined = process.env["NOTIFY_SOCKET"],
): Promise<boolean> {
  if (address === undefined || address === "") return false
  const lines = Object.entries(state).map(([name, value]) => `${name}=${value.replaceAll(/[\r\n]+/g, " ")}`)
  const library = process.platform === "linux" ? await loadNative() : undefined
  const target = socketAddress(address)
  const sent = library === undefined || target === undefined ? undefined : await sendDatagram(library, target, lines.join("\n"), signal)
  return sent ?? (await runProgram(lines, signal))
}

/** `struct sockaddr_un` of a path, or of an abstract name, which begins with `@`; `undefined` for other kinds, e.g. `vsock:`. */
function socketAddress(address: string): Uint8Array | undefined {
  const isAbstract = address.startsWith("@")
  if (!isAbstract && !address.startsWith("/")) return undefined
  const name = isAbstract ? `\0${address.slice(1)}` : `${address}\0`
  const bytes = Buffer.from(name)
  if (bytes.length > MAX_ADDRESS_BYTES) return undefined
  const family = Buffer.from(endianness() === "LE" ? [AF_UNIX, 0] : [0, AF_UNIX])
  return Buffer.concat([family, bytes])
}

/** Whether a datagram went out; `undefined` when this system's functions are not there. */
async function sendDatagram(library: NativeLibrary, target: Uint8Array, text: string, signal: AbortSignal): Promise<boolean | undefined> {
  const open = library.find("int socket(int domain, int type, int protocol)")
  const sendto = library.find("intptr_t sendto(int fd, void *message, size_t size, int flags, void *address, unsigned int length)")
  const close = library.find("int close(int fd)")
  if (open === undefined || sendto === undefined || close === undefined) return undefined
  const descriptor = open(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
  if (typeof descriptor !== "number" || descriptor < 0) return false
  try {
    const message = Buffer.from(text)
    // Not waiting in the call itself: it would hold up everything else that this process does.
    const send: NativeFunction = () => sendto(descriptor, message, message.length, MSG_DONTWAIT | MSG_NOSIGNAL, target, target.length)
    for (;;) {
      if (send() === message.length) return true
      if (library.errno() !== EAGAIN) return false
      await sleep(RETRY_MS, undefined, { signal })
    }
  } catch (error) {
    if (signal.aborted) return false
    throw error
  } finally {
    close(descriptor)
  }
}

/** Asks systemd's own tool. */
async function runProgram(lines: readonly string[], signal: AbortSignal): Promise<boolean> {
  return await new Promise((resolve) =>
    execFile("systemd-notify", [`--pid=${process.pid}`, ...lines], { signal }, (error) => resolve(error === null)),
  )
}
