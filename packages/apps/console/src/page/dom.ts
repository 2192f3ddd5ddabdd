/** What {@link element} puts into another element; nothing for `undefined`. */
export type Child = Node | string | undefined

type Attributes = Readonly<Record<string, string | boolean>>

/** A new element. Texts become text nodes, never markup. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag)
  setAttributes(made, attributes)
  made.append(...children.filter((child) => child !== undefined))
  return made
}

/** A new element of a drawing. */
export function drawing<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Node[]
): SVGElementTagNameMap[K] {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag)
  setAttributes(made, attributes)
  made.append(...children)
  return made
}

/** A button that does something; pressed again meanwhile, it does nothing. It is not disabled for it: that would take the keyboard away from it. */
export function button(label: string, attributes: Attributes, act: () => Promise<void> | void): HTMLButtonElement {
  const made = element("button", { type: "button", ...attributes }, label)
  made.addEventListener("click", () => {
    if (made.ariaBusy === "true") return
    made.ariaBusy = "true"
    void Promise.resolve(act()).finally(() => void (made.ariaBusy = null))
  })
  return made
}

/** The element of index.html with this id. */
export function part(id: string): HTMLElement {
  const found = document.getElementById(id)
  if (found === null) throw new TypeError(`the page has no part "${id}"`)
  return found
}

/** A row of a list of facts (`dl`). */
export function fact(term: string, ...values: readonly Child[]): readonly Node[] {
  return [element("div", {}, element("dt", {}, term), element("dd", {}, ...values))]
}

/** An id in short, and in full for whoever points at it. */
export function mono(shown: string, full: string): Node {
  return element("code", { title: full }, shown)
}

function setAttributes(to: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) if (value !== false) to.setAttribute(name, value === true ? "" : value)
}
