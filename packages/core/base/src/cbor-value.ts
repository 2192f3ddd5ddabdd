/** What canonical CBOR carries: integers in the safe range, booleans, null, text, bytes, arrays, maps with text keys. No floats, tags or undefined. */
export type CborValue = number | boolean | null | string | Uint8Array | readonly CborValue[] | { readonly [key: string]: CborValue }
