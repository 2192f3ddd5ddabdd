/** Messages of one negotiation: the greeting, the protocol, and some that the other side does not know. */
const MAX_LINES = 4
/** Longest message with its newline: what one byte of length can say, and more than any protocol's name needs. */
const MAX_LINE_BYTES = 127
const NEWLINE = 0x0a

/** What the bytes so far are: the beginning of a negotiation, a whole one (what follows belongs to the protocol chosen), or none. */
export type NegotiationState = "going on" | "settled" | "broken"

/**
 * Reads what the other side sends while multistream-select chooses a protocol: messages of one byte of length, text and a newline, the last of them one
 * that settles it. libp2p's own reader goes on for ever where a length does not end, at 15 microseconds a byte, so that 70 kB a second of
 * bytes with the high bit set would keep a node busy before anybody proved a key.
 */
export class Negotiation {
  readonly #settling: ReadonlySet<string>
  readonly #line: number[] = []
  /** Bytes that are missing from the line; 0 before its length is read. */
  #missing = 0
  #lines = 0
  #state: NegotiationState = "going on"

  /** @param settling the messages, without newline, after which nothing is negotiated any more. */
  constructor(settling: Iterable<string>) {
    this.#settling = new Set(settling)
  }

  push(bytes: Uint8Array): NegotiationState {
    for (const byte of bytes) {
      if (this.#state !== "going on") break
      this.#state = this.#missing === 0 ? this.#begin(byte) : this.#continue(byte)
    }
    return this.#state
  }

  #begin(length: number): NegotiationState {
    if (length === 0 || length > MAX_LINE_BYTES || this.#lines === MAX_LINES) return "broken"
    this.#missing = length
    this.#lines++
    return "going on"
  }

  #continue(byte: number): NegotiationState {
    this.#missing--
    if (this.#missing > 0) {
      this.#line.push(byte)
      return "going on"
    }
    if (byte !== NEWLINE) return "broken"
    const text = String.fromCharCode(...this.#line.splice(0))
    return this.#settling.has(text) ? "settled" : "going on"
  }
}
