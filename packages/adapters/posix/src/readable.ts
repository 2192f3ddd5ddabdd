import { loadNative } from "./native.ts"

/** poll(2). */
const POLLIN = 1

/**
 * How to tell whether reading a descriptor would not have to wait: there are bytes, it has ended, or it is broken, which the read will tell. Node
 * reads from pipes that block either in its event loop, which stops everything, or in a thread that nothing can end. `undefined` where the
 * system cannot be asked.
 */
export async function openReadable(): Promise<((descriptor: number) => boolean) | undefined> {
  const library = await loadNative()
  const poll = library?.find("int poll(void *descriptors, unsigned long count, int timeout)")
  return (
    poll &&
    ((descriptor) => {
      // struct pollfd: int fd, short events, short revents.
      const entry = new ArrayBuffer(8)
      new Int32Array(entry, 0, 1)[0] = descriptor
      new Int16Array(entry, 4, 1)[0] = POLLIN
      return poll(new Uint8Array(entry), 1, 0) !== 0
    })
  )
}
