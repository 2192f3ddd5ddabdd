import { button } from "./dom.ts"

/** How long it says that it copied. */
const SAID_MS = 2_000

/** A button that copies a text and says so. */
export function copyButton(label: string, description: string, text: string): HTMLButtonElement {
  const made = button(label, { class: "small", "aria-label": description }, async () => {
    const said = await navigator.clipboard.writeText(text).then(
      () => "Copied",
      () => "Not copied",
    )
    made.textContent = said
    made.setAttribute("aria-label", `${said}: ${description}`)
    setTimeout(() => {
      made.textContent = label
      made.setAttribute("aria-label", description)
    }, SAID_MS)
  })
  return made
}
