import { fromHex, type Refusal } from "@keygrove/base"

/** The key that was found at an address in the place of the one that was called, 32 bytes; nothing proves it yet. */
export function foundKey({ data }: Refusal): Uint8Array | undefined {
  const found = data?.["found"]
  const key = typeof found === "string" ? fromHex(found) : undefined
  return key?.ok === true && key.value.length === 32 ? key.value : undefined
}
