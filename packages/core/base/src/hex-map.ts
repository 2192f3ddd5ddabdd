/** A leaf, or up to 16 children by the next hex digit. */
type Slot<V> = Leaf<V> | Branch<V>
interface Leaf<V> {
  readonly key: string
  readonly value: V
}
interface Branch<V> {
  readonly children: readonly (Slot<V> | undefined)[]
}

/**
 * An immutable map with keys of lower-case hex digits, all of one length. A change shares all but a path of at most one branch a digit with
 * the old map, so old states stay valid and cheap, and no choice of keys makes it slow. Iterates in key order, so folds are deterministic.
 */
export class HexMap<V> {
  readonly #root: Slot<V> | undefined
  readonly size: number

  private constructor(root: Slot<V> | undefined, size: number) {
    this.#root = root
    this.size = size
  }

  static empty<V>(): HexMap<V> {
    return new HexMap<V>(undefined, 0)
  }

  get(key: string): V | undefined {
    let slot = this.#root
    for (let depth = 0; slot !== undefined && "children" in slot; depth++) slot = slot.children[digitAt(key, depth)]
    return slot !== undefined && slot.key === key ? slot.value : undefined
  }

  has(key: string): boolean {
    return this.get(key) !== undefined
  }

  /** The map with one more or one changed value. */
  set(key: string, value: V): HexMap<V> {
    const leaf = { key, value }
    return new HexMap(this.#root === undefined ? leaf : insert(this.#root, leaf, 0), this.has(key) ? this.size : this.size + 1)
  }

  /** Values in key order. */
  *values(): Generator<V, undefined> {
    for (const leaf of leaves(this.#root)) yield leaf.value
  }

  /** Keys and values in key order. */
  *entries(): Generator<readonly [string, V], undefined> {
    for (const leaf of leaves(this.#root)) yield [leaf.key, leaf.value]
  }
}

function insert<V>(slot: Slot<V>, leaf: Leaf<V>, depth: number): Slot<V> {
  if (!("children" in slot)) return slot.key === leaf.key ? leaf : split(slot, leaf, depth)
  const digit = digitAt(leaf.key, depth)
  const child = slot.children[digit]
  // Half of the time of `with`.
  const children = slot.children.slice()
  children[digit] = child === undefined ? leaf : insert(child, leaf, depth + 1)
  return { children }
}

const NO_CHILDREN: readonly undefined[] = Array.from({ length: 16 })

function split<V>(a: Leaf<V>, b: Leaf<V>, depth: number): Branch<V> {
  const children: (Slot<V> | undefined)[] = NO_CHILDREN.slice()
  const [digitA, digitB] = [digitAt(a.key, depth), digitAt(b.key, depth)]
  if (digitA === digitB) {
    children[digitA] = split(a, b, depth + 1)
  } else {
    children[digitA] = a
    children[digitB] = b
  }
  return { children }
}

function* leaves<V>(slot: Slot<V> | undefined): Generator<Leaf<V>, undefined> {
  if (slot === undefined) return
  if (!("children" in slot)) {
    yield slot
    return
  }
  for (const child of slot.children) yield* leaves(child)
}

function digitAt(key: string, depth: number): number {
  const code = key.charCodeAt(depth)
  if (code >= 48 && code <= 57) return code - 48
  if (code >= 97 && code <= 102) return code - 87
  throw new RangeError("keys of a HexMap are lower-case hex of one length")
}
