import { accessSync, statSync, type Stats } from "node:fs"
import { join, resolve } from "node:path"
import { ok, refuse, type Result } from "@keygrove/base/result"

/** The files of a node (ARCHITECTURE.md, "Home directory"). */
export interface Home {
  readonly directory: string
  readonly config: string
  readonly genesis: string
  readonly keystore: string
  /** Who used which named key. */
  readonly audit: string
  /** What the node asks its peers with for the pieces that unlock it; made when it first takes part. */
  readonly bootKey: string
  /** The key with which this machine's TPM makes evidence, as that TPM wrapped it: no other can use it. */
  readonly attestationKey: string
  readonly ledger: string
  readonly storage: string
  /** The plan by which the cluster's root is replaced, while there is one. */
  readonly rootPlan: string
  /** This node's invitation to the root that replaced its own, until it has moved. */
  readonly invitation: string
  readonly lock: string
  readonly pid: string
  readonly socket: string
  readonly cookie: string
}

/** The files of the home in `directory`. */
export function homeOf(directory: string): Home {
  const root = resolve(directory)
  const file = (name: string): string => join(root, name)
  return {
    directory: root,
    config: file("config.json"),
    genesis: file("genesis"),
    keystore: file("keystore.db"),
    audit: file("audit.db"),
    bootKey: file("boot-key"),
    attestationKey: file("attestation-key"),
    ledger: file("ledger.db"),
    storage: file("node.db"),
    rootPlan: file("root-rekey"),
    invitation: file("move-invitation"),
    lock: file("node.lock"),
    pid: file("node.pid"),
    socket: file("rpc.sock"),
    cookie: file(".cookie"),
  }
}

/** `sun_path` holds 104 bytes with its end on macOS and 108 on Linux; a home that works on one shall work on the other. */
const MAX_SOCKET_PATH_BYTES = 103

/** Checks that the Unix socket of a home can have its name. */
export function checkSocketPath({ directory, socket }: Home): Result<true, "HOME_PATH_TOO_LONG"> {
  const length = Buffer.byteLength(socket)
  if (length <= MAX_SOCKET_PATH_BYTES) return ok(true)
  const limit = MAX_SOCKET_PATH_BYTES - (length - Buffer.byteLength(directory))
  return refuse(
    "HOME_PATH_TOO_LONG",
    `${socket} has ${length} bytes, a socket's name at most ${MAX_SOCKET_PATH_BYTES}; choose a home directory of at most ${limit}`,
    {
      limit,
    },
  )
}

/** Checks that a home is there, ours alone, and not open to others. */
export function checkHome(home: Home): Result<Home, "HOME_MISSING" | "HOME_FOREIGN" | "HOME_PATH_TOO_LONG"> {
  if (isMissing(home.config))
    return refuse("HOME_MISSING", `${home.directory} has no node; make one with \`keygrove init\`, or name another directory with --home`)
  const facts = factsOf(home.directory)
  if (facts === undefined)
    return refuse("HOME_FOREIGN", `${home.directory} is in a directory that this user may not enter; run it as its owner`)
  if (process.getuid !== undefined && facts.uid !== process.getuid()) {
    return refuse(
      "HOME_FOREIGN",
      `${home.directory} belongs to user ${facts.uid}, this process to ${process.getuid()}; run it as its owner`,
    )
  }
  if ((facts.mode & 0o077) !== 0)
    return refuse("HOME_FOREIGN", `${home.directory} has mode ${(facts.mode & 0o777).toString(8)}; only its owner may enter (chmod 700)`)
  const socket = checkSocketPath(home)
  return socket.ok ? ok(home) : socket
}

/** `undefined` where a directory above keeps us out. */
function factsOf(directory: string): Stats | undefined {
  try {
    return statSync(directory)
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EACCES") return undefined
    throw error
  }
}

/** Whether a file is certainly not there; in another user's closed home that cannot be seen. */
function isMissing(path: string): boolean {
  try {
    accessSync(path)
    return false
  } catch (error) {
    return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")
  }
}
