import { concatBytes } from "@keygrove/base"
import { pick, type Dice } from "./dice.ts"

/** Lengths and counts that decoders have fallen over: as they stand in CBOR, DER and frames. */
const BOMBS: readonly Uint8Array[] = [
  "ffffffff",
  "7fffffff",
  "80000000",
  "00100001",
  "5bffffffffffffffff",
  "5b0020000000000000",
  "9b0001000000000000",
  "bb7fffffffffffffff",
  "7affffffff",
  "5f",
  "9f",
  "bf",
  "ff",
  "f97e00",
  "fb7ff8000000000000",
  "c249010000000000000000",
  "3b7fffffffffffffff",
  "1bffffffffffffffff",
  "84ffffffff",
  "308000",
].map((hex) => Uint8Array.from(Buffer.from(hex, "hex")))
const MAX_CHANGES = 4

/** Changes some bytes: flips, cuts, repeats, moves, and lengths that promise what is not there. */
export function mutateBytes(bytes: Uint8Array, roll: Dice): Uint8Array {
  let changed = Uint8Array.from(bytes)
  for (let changes = 1 + roll(MAX_CHANGES); changes > 0; changes--) changed = Uint8Array.from(changeOnce(changed, roll))
  return changed
}

/** Bytes without any plan, mostly few. */
export function randomBytesOf(roll: Dice): Uint8Array {
  return Uint8Array.from({ length: roll(roll(20) === 0 ? 400 : 40) }, () => roll(256))
}

function changeOnce(bytes: Uint8Array, roll: Dice): Uint8Array {
  const [at, other] = [roll(bytes.length + 1), roll(bytes.length + 1)]
  const [start, end] = [Math.min(at, other), Math.max(at, other)]
  switch (roll(8)) {
    case 0:
      return withByte(bytes, at, roll(256))
    case 1:
      return withByte(bytes, at, (bytes[at] ?? 0) ^ (1 << roll(8)))
    case 2:
      return bytes.subarray(0, at)
    case 3:
      return concatBytes(bytes.subarray(0, start), bytes.subarray(end))
    case 4:
      return concatBytes(bytes.subarray(0, end), bytes.subarray(start))
    case 5:
      return concatBytes(bytes.subarray(0, at), pick(roll, BOMBS), bytes.subarray(at))
    case 6: {
      const bomb = pick(roll, BOMBS)
      return concatBytes(bytes.subarray(0, at), bomb, bytes.subarray(at + bomb.length))
    }
    default:
      return concatBytes(bytes.subarray(end), bytes.subarray(start, end), bytes.subarray(0, start))
  }
}

function withByte(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = Uint8Array.from(bytes)
  if (at < copy.length) copy[at] = value
  return copy
}
