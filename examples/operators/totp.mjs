// An operator: one-time passwords of six digits (RFC 6238 with HMAC-SHA-256, RFC 4226 §5.3) from a key that never leaves the keystore. The input is the
// number of the time step in decimal digits, because an operator has no clock: `echo $(($(date +%s) / 30))`.
//
//   keygrove operator check totp.mjs     prints "module" and "sha256" for config.json:
//   "operators": [{ "name": "totp", "types": ["aes256"], "keys": ["totp/*"], "output": { "kind": "integer", "max": 999999 }, … }]
//   keygrove key operate totp/mail totp step.txt

const STEP = /^[0-9]{1,10}\s*$/

/** @param {Uint8Array} secret @param {Uint8Array} input @returns {number} */
export function operate(secret, input) {
  const text = String.fromCharCode(...input.subarray(0, 12))
  if (input.length > 12 || !STEP.test(text)) throw new RangeError("the input is the number of a time step")
  const counter = new Uint8Array(8)
  new DataView(counter.buffer).setBigUint64(0, BigInt(text.trim()))
  const mac = hmacSha256(secret, counter)
  const offset = mac[31] & 15
  return (new DataView(mac.buffer).getUint32(offset) & 0x7fff_ffff) % 1_000_000
}

/** RFC 2104 for keys of at most 64 bytes. Copies of the key are wiped. */
function hmacSha256(key, message) {
  const pad = (byte) => {
    const block = new Uint8Array(64).fill(byte)
    key.forEach((each, index) => (block[index] ^= each))
    return block
  }
  const [inner, outer] = [pad(0x36), pad(0x5c)]
  const mac = sha256(outer, sha256(inner, message))
  inner.fill(0)
  outer.fill(0)
  return mac
}

/** FIPS 180-4 §6.2. */
function sha256(...parts) {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const message = new Uint8Array(64 * Math.ceil((length + 9) / 64))
  let filled = 0
  for (const part of parts) {
    message.set(part, filled)
    filled += part.length
  }
  message[length] = 0x80
  const view = new DataView(message.buffer)
  view.setUint32(message.length - 4, 8 * length)
  const state = Uint32Array.from(primes(8), (prime) => fraction(Math.sqrt(prime)))
  for (let at = 0; at < message.length; at += 64) compress(state, view, at)
  message.fill(0)
  const digest = new DataView(new ArrayBuffer(32))
  state.forEach((word, index) => digest.setUint32(4 * index, word))
  return new Uint8Array(digest.buffer)
}

function compress(state, view, at) {
  const words = new Uint32Array(64)
  for (let i = 0; i < 16; i++) words[i] = view.getUint32(at + 4 * i)
  for (let i = 16; i < 64; i++) {
    const [far, near] = [words[i - 15], words[i - 2]]
    words[i] =
      words[i - 16] + words[i - 7] + (turn(far, 7) ^ turn(far, 18) ^ (far >>> 3)) + (turn(near, 17) ^ turn(near, 19) ^ (near >>> 10))
  }
  let [a, b, c, d, e, f, g, h] = state
  for (let i = 0; i < 64; i++) {
    const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + ROUNDS[i] + words[i]) | 0
    const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0
    ;[h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0]
  }
  ;[a, b, c, d, e, f, g, h].forEach((word, index) => (state[index] += word))
  words.fill(0)
}

/** First 32 bits of what comes after the point. */
function fraction(root) {
  return ((root - Math.floor(root)) * 2 ** 32) >>> 0
}

function turn(word, by) {
  return (word >>> by) | (word << (32 - by))
}

function primes(count) {
  const found = []
  for (let each = 2; found.length < count; each++) if (found.every((prime) => each % prime !== 0)) found.push(each)
  return found
}

const ROUNDS = Uint32Array.from(primes(64), (prime) => fraction(Math.cbrt(prime)))
