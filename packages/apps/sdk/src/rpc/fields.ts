import { KeygroveError } from "@keygrove/base/result"

/** Reads one answer of the node field by field; anything else than the contract says is `RPC_ANSWER_INVALID`. */
export class AnswerFields {
  readonly #values: Record<string, unknown>
  readonly #method: string

  constructor(method: string, answer: unknown) {
    if (typeof answer !== "object" || answer === null || Array.isArray(answer)) throw invalid(method, "is not an object")
    this.#values = Object.fromEntries(Object.entries(answer))
    this.#method = method
  }

  /** The untouched value of a field. */
  get(name: string): unknown {
    return this.#values[name]
  }

  text(name: string): string {
    const value = this.#values[name]
    if (typeof value !== "string") throw invalid(this.#method, `has no text "${name}"`)
    return value
  }

  /** A text field, or `undefined` when it is null or absent. */
  optionalText(name: string): string | undefined {
    const value = this.#values[name]
    return value === null || value === undefined ? undefined : this.text(name)
  }

  /** The objects of an array field, at most 10,000. */
  objects(name: string): readonly AnswerFields[] {
    const value = this.#values[name]
    if (!Array.isArray(value) || value.length > 10_000) throw invalid(this.#method, `has no list "${name}"`)
    return value.map((item: unknown, index) => new AnswerFields(`${this.#method} ${name}[${index}]`, item))
  }

  /** The texts of an array field, at most 10,000. */
  texts(name: string): readonly string[] {
    const value = this.#values[name]
    if (!Array.isArray(value) || value.length > 10_000 || !value.every((item) => typeof item === "string"))
      throw invalid(this.#method, `has no list of texts "${name}"`)
    return value
  }

  /** The whole numbers of an array field, at most 10,000. */
  numbers(name: string): readonly number[] {
    const value = this.#values[name]
    if (!Array.isArray(value) || value.length > 10_000 || !value.every((item) => typeof item === "number" && Number.isSafeInteger(item)))
      throw invalid(this.#method, `has no list of whole numbers "${name}"`)
    return value
  }

  number(name: string): number {
    const value = this.#values[name]
    if (typeof value !== "number" || !Number.isSafeInteger(value)) throw invalid(this.#method, `has no whole number "${name}"`)
    return value
  }

  boolean(name: string): boolean {
    const value = this.#values[name]
    if (typeof value !== "boolean") throw invalid(this.#method, `has no "${name}" that is true or false`)
    return value
  }

  /** The bytes of a base64 field. */
  bytes(name: string): Uint8Array {
    const text = this.text(name)
    const bytes = Buffer.from(text, "base64")
    // Node's decoder skips what is not base64.
    if (bytes.toString("base64") !== text) throw invalid(this.#method, `has no base64 "${name}"`)
    return Uint8Array.from(bytes)
  }

  object(name: string): AnswerFields {
    return new AnswerFields(`${this.#method} ${name}`, this.#values[name])
  }

  /** What an object field decodes to, or null when it is null or absent. */
  optionalObject<T>(name: string, decode: (fields: AnswerFields) => T): T | null {
    return (this.#values[name] ?? null) === null ? null : decode(this.object(name))
  }
}

function invalid(method: string, problem: string): KeygroveError {
  return new KeygroveError(
    "RPC_ANSWER_INVALID",
    `the node's answer to ${method} ${problem}; is it another version of keygrove? restart it with this one`,
  )
}
