/** Reads an answer of the node field by field; anything else than the contract says is an error that names the field. */
export class AnswerFields {
  readonly #values: Readonly<Record<string, unknown>>
  readonly #of: string

  constructor(of: string, answer: unknown) {
    if (typeof answer !== "object" || answer === null || Array.isArray(answer)) throw new TypeError(`${of} is no object`)
    this.#values = Object.fromEntries(Object.entries(answer))
    this.#of = of
  }

  text(name: string): string {
    const value = this.#values[name]
    return typeof value === "string" ? value : this.#fail(name, "a text")
  }

  number(name: string): number {
    const value = this.#values[name]
    return typeof value === "number" && Number.isSafeInteger(value) ? value : this.#fail(name, "a whole number")
  }

  boolean(name: string): boolean {
    const value = this.#values[name]
    return typeof value === "boolean" ? value : this.#fail(name, "true or false")
  }

  /** One of these texts. */
  choice<T extends string>(name: string, values: readonly T[]): T {
    const value = this.#values[name]
    return values.find((each) => each === value) ?? this.#fail(name, values.join(" or "))
  }

  /** Whether the answer has a field at all. */
  has(name: string): boolean {
    return Object.hasOwn(this.#values, name)
  }

  texts(name: string): readonly string[] {
    const value = this.#values[name]
    return Array.isArray(value) && value.every((item) => typeof item === "string") ? value : this.#fail(name, "a list of texts")
  }

  numbers(name: string): readonly number[] {
    const value = this.#values[name]
    return Array.isArray(value) && value.every((item) => typeof item === "number") ? value : this.#fail(name, "a list of numbers")
  }

  /** A list of lists of texts. */
  lists(name: string): readonly (readonly string[])[] {
    const value = this.#values[name]
    if (!Array.isArray(value)) return this.#fail(name, "a list")
    return value.map((list: unknown) => new AnswerFields(`${this.#of}.${name}`, { list }).texts("list"))
  }

  object(name: string): AnswerFields {
    return new AnswerFields(`${this.#of}.${name}`, this.#values[name])
  }

  objects(name: string): readonly AnswerFields[] {
    const value = this.#values[name]
    if (!Array.isArray(value)) return this.#fail(name, "a list")
    return value.map((item: unknown, index) => new AnswerFields(`${this.#of}.${name}[${index}]`, item))
  }

  /** What `read` makes of a field, or null where it is null. */
  nullable<T>(name: string, read: (fields: AnswerFields, name: string) => T): T | null {
    return this.#values[name] === null ? null : read(this, name)
  }

  #fail(name: string, wanted: string): never {
    throw new TypeError(`${this.#of}: "${name}" is not ${wanted}`)
  }
}
