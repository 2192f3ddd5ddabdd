import { loadNative, type NativeLibrary } from "./native.ts"

/** prctl(2). */
const PR_GET_DUMPABLE = 3
const PR_SET_DUMPABLE = 4
/** ptrace(2) of macOS. */
const PT_DENY_ATTACH = 31

/**
 * Closes this process to the other programs of its user: none can attach to it or read its memory, and the system writes no core of it, whatever its
 * core pattern says. Root with `CAP_SYS_PTRACE` still can. On macOS attaching alone is denied. False where the system cannot be asked for it.
 *
 * Files of `/proc/self` that only their owner may open are root's from then on; what is needed of them has to be read before (proc(5)).
 */
export async function makeUndumpable(): Promise<boolean> {
  const library = await loadNative()
  if (library === undefined) return false
  if (process.platform === "linux") return clearDumpable(library)
  return process.platform === "darwin" && denyAttach(library)
}

function clearDumpable(library: NativeLibrary): boolean {
  const prctl = library.find("int prctl(int option, ...)")
  if (prctl === undefined) return false
  prctl(PR_SET_DUMPABLE, "unsigned long", 0)
  return prctl(PR_GET_DUMPABLE) === 0
}

function denyAttach(library: NativeLibrary): boolean {
  const ptrace = library.find("int ptrace(int request, int pid, void *address, int data)")
  return ptrace?.(PT_DENY_ATTACH, 0, null, 0) === 0
}
