import { Secret } from "@keygrove/base"

/** Most bytes of one typed line. */
export const MAX_TYPED_BYTES = 1_024

const CONTROL = {
  interrupt: 0x03,
  endOfInput: 0x04,
  backspace: 0x08,
  tab: 0x09,
  lineFeed: 0x0a,
  carriageReturn: 0x0d,
  killLine: 0x15,
  space: 0x20,
  delete: 0x7f,
} as const
const RUB_OUT = "\b \b"

/** Why a line is over. */
export type LineEnd = "line" | "interrupted" | "too long"

/** What a chunk of typed bytes did. */
export interface Fed {
  /** Bytes of the chunk that belong to this line; the rest was typed ahead. */
  readonly used: number
  /** `undefined` while the line goes on. */
  readonly ended: LineEnd | undefined
  /** What to show for it on a terminal that does not echo by itself. */
  readonly echo: string
}

/** A line being typed in raw mode, in locked memory: backspace, ^U, ^C and ^D do what they do elsewhere. Disposal wipes it. */
export class LineEditor implements Disposable {
  readonly #typed: Secret = Secret.fill(MAX_TYPED_BYTES, () => undefined)
  readonly #visible: boolean
  #length = 0
  #echo = ""

  /** A visible line is text: control characters are left out, and everything else is echoed. */
  constructor(options: { readonly visible: boolean }) {
    this.#visible = options.visible
  }

  /** Takes typed bytes up to the end of the line. The chunk stays the caller's, who wipes it. */
  feed(chunk: Uint8Array): Fed {
    this.#echo = ""
    for (const [index, byte] of chunk.entries()) {
      const ended = this.#take(byte)
      if (ended !== undefined) return { used: index + 1, ended, echo: this.#echo }
    }
    return { used: chunk.length, ended: undefined, echo: this.#echo }
  }

  /** The line so far; `undefined` when it is empty. Belongs to the caller. */
  line(): Secret | undefined {
    const length = this.#length
    if (length === 0) return undefined
    return this.#typed.expose((bytes) => Secret.fill(length, (target) => target.set(bytes.subarray(0, length))))
  }

  [Symbol.dispose](): void {
    this.#typed[Symbol.dispose]()
  }

  #take(byte: number): LineEnd | undefined {
    switch (byte) {
      case CONTROL.lineFeed:
      case CONTROL.carriageReturn:
        return "line"
      case CONTROL.interrupt:
      case CONTROL.endOfInput:
        return "interrupted"
      case CONTROL.backspace:
      case CONTROL.delete:
        this.#rubOut()
        return undefined
      case CONTROL.killLine:
        while (this.#length > 0) this.#rubOut()
        return undefined
      default:
        return this.#append(byte)
    }
  }

  #append(byte: number): LineEnd | undefined {
    const kept = this.#visible && byte === CONTROL.tab ? CONTROL.space : byte
    if (this.#visible && kept < CONTROL.space) return undefined
    if (this.#length === MAX_TYPED_BYTES) return "too long"
    const place = this.#length++
    this.#typed.expose((bytes) => void (bytes[place] = kept))
    if (this.#visible) this.#echo += kept < CONTROL.delete ? String.fromCodePoint(kept) : "?"
    return undefined
  }

  /** Removes the last UTF-8 character, which may have several bytes. */
  #rubOut(): void {
    const before = this.#length
    this.#length = this.#typed.expose((bytes) => {
      let end = before
      while (end > 0 && ((bytes[end - 1] ?? 0) & 0xc0) === 0x80) end--
      return Math.max(0, end - 1)
    })
    if (this.#visible) this.#echo += RUB_OUT.repeat(before - this.#length)
  }
}
