import { KeygroveError } from "@keygrove/base"
import type { ByteSource } from "./byte-source.ts"

/**
 * A source that has to give as many bytes as it had when it was opened.
 * @throws KeygroveError `FILE_CHANGED` from the read that ends too early.
 */
export function wholeSource(source: ByteSource & { readonly size?: number | undefined }, name: string): ByteSource {
  let read = 0
  return {
    read: async (target) => {
      const length = await source.read(target)
      read += length
      if (length === target.length || source.size === undefined || read >= source.size) return length
      throw new KeygroveError(
        "FILE_CHANGED",
        `${name} had ${source.size} bytes and ended after ${read}; run it again when nothing writes to it`,
      )
    },
  }
}
