import type { Socket } from "node:net"
import { loadNative, type NativeFunction, type NativeLibrary } from "./native.ts"

/** Who is at the other end of a Unix socket, as the kernel recorded when it connected: nothing that a client says about itself. */
export interface PeerCredentials {
  /** Effective user id. */
  readonly uid: number
  /** Effective group id. */
  readonly gid: number
  /** Process id, where the system tells it (Linux). That process may have ended, and the number be another's by now. */
  readonly pid?: number
}

/** The credentials of a connected Unix socket; `undefined` for other sockets, and for one that was closed. */
export type PeerCredentialsReader = (socket: Socket) => PeerCredentials | undefined

/** socket(7), for every Linux that Node runs on but powerpc and mips; these answer with another length, which is refused. */
const SOL_SOCKET = 1
const SO_PEERCRED = 17
/** `struct ucred`: pid, uid, gid. */
const UCRED_BYTES = 12
/** What the kernel says about a socket that has no peer credentials. */
const NO_ID = 0xffff_ffff

/** How to read credentials on this system: `SO_PEERCRED` on Linux, `getpeereid(3)` elsewhere; `undefined` when it has neither. */
export async function openPeerCredentials(): Promise<PeerCredentialsReader | undefined> {
  const library = await loadNative()
  if (library === undefined) return undefined
  const read = process.platform === "linux" ? linuxReader(library) : bsdReader(library)
  if (read === undefined) return undefined
  return (socket) => {
    const descriptor = descriptorOf(socket)
    return descriptor === undefined ? undefined : read(descriptor)
  }
}

type DescriptorReader = (descriptor: number) => PeerCredentials | undefined

function linuxReader(library: NativeLibrary): DescriptorReader | undefined {
  const getsockopt = library.find("int getsockopt(int fd, int level, int name, void *value, void *length)")
  return (
    getsockopt &&
    ((descriptor) => {
      const [value, length] = [new Uint32Array(UCRED_BYTES / 4), new Uint32Array([UCRED_BYTES])]
      if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, value, length) !== 0 || length[0] !== UCRED_BYTES) return undefined
      const [pid = 0, uid = NO_ID, gid = NO_ID] = value
      return uid === NO_ID ? undefined : { uid, gid, pid }
    })
  )
}

function bsdReader(library: NativeLibrary): DescriptorReader | undefined {
  const getpeereid: NativeFunction | undefined = library.find("int getpeereid(int fd, void *uid, void *gid)")
  return (
    getpeereid &&
    ((descriptor) => {
      const [uids, gids] = [new Uint32Array([NO_ID]), new Uint32Array([NO_ID])]
      if (getpeereid(descriptor, uids, gids) !== 0) return undefined
      const [[uid = NO_ID], [gid = NO_ID]] = [uids, gids]
      return uid === NO_ID ? undefined : { uid, gid }
    })
  )
}

/** Node keeps the descriptor of a socket to itself; this is where libuv's handle shows it. Negative once it is closed. */
function descriptorOf(socket: Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, "_handle")
  if (typeof handle !== "object" || handle === null || !("fd" in handle)) return undefined
  const { fd } = handle
  return typeof fd === "number" && fd >= 0 ? fd : undefined
}
