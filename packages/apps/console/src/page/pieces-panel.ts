import type { PiecesNode } from "@keygrove/api"
import { button, element, part } from "./dom.ts"
import { outcomeWithout, shortNames } from "./losses.ts"
import { call, SESSION_ENDED, type Answer, type NodeRefusal } from "./node-client.ts"
import { decodePieces, decodeVerification, type ShownPieces } from "./pieces-answers.ts"
import { piecesLegend, piecesTable } from "./pieces-table.ts"
import { piecesHead, piecesNotes } from "./pieces-view.ts"
import { refusalProse } from "./prose.ts"
import { verificationView } from "./verification-view.ts"

/** Between two questions whether the members answer: each one costs every member an answer. */
const ASK_MS = 10_000

/**
 * The part of the page about key pieces. Members are asked whether they answer while somebody can see it. What a person touches stays where it is: only
 * what the node said anew is replaced.
 */
export class PiecesPanel {
  readonly #onEnd: (refusal: NodeRefusal) => void
  readonly #head: HTMLElement = element("div")
  /** It may be wider than a screen: then the keyboard has to reach it, too. */
  readonly #wide: HTMLElement = element("div", { class: "wide", role: "region", "aria-label": "Who keeps whose pieces", tabindex: "0" })
  readonly #foot: HTMLElement = element("div", { class: "foot" })
  readonly #chips: HTMLElement = element("ul", { class: "chips" })
  readonly #outcome: HTMLElement = element("p", { class: "outcome", role: "status" })
  readonly #proofs: HTMLElement = element("div", { role: "status" })
  readonly #verifyButton: HTMLButtonElement = button("Have every holder prove it", {}, async () => await this.#verify())
  readonly #asides: HTMLElement
  /** Machines that the person thinks away. */
  readonly #gone: Set<string> = new Set()
  #pieces: ShownPieces | undefined
  #shown = ""
  #members = ""
  #ledgerLength = -1
  /** A locked node asks nobody. */
  #isServing = true
  #isAsking = false
  #timer: ReturnType<typeof setTimeout> | undefined
  #hasEnded = false

  constructor(onEnd: (refusal: NodeRefusal) => void) {
    this.#onEnd = onEnd
    this.#asides = element("div", { class: "asides" }, this.#lossSection(), this.#proofSection())
    part("pieces").replaceChildren(this.#head, this.#wide, this.#foot, this.#asides)
    this.#hide()
  }

  /** Told with each status of the node: news on the ledger are looked at at once. */
  follow(ledgerLength: number, isServing: boolean): void {
    const isNew = ledgerLength !== this.#ledgerLength || isServing !== this.#isServing
    this.#ledgerLength = ledgerLength
    this.#isServing = isServing
    this.#verifyButton.disabled = !isServing
    if (isNew || this.#timer === undefined) void this.#look()
  }

  /** What is on the ledger is shown before the members have answered. */
  async #look(): Promise<void> {
    if (this.#isAsking || this.#hasEnded) return
    this.#isAsking = true
    clearTimeout(this.#timer)
    try {
      if (this.#pieces === undefined || !this.#isServing) this.#take(await call("pieces.status", { ask: false }))
      if (this.#isServing) this.#take(await call("pieces.status"))
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      this.#head.replaceChildren(element("p", { class: "problem" }, `${error.message}; load the page again, it may be of another version`))
    } finally {
      this.#isAsking = false
      // When nobody sees it, the next status that is shown brings it back.
      this.#timer = setTimeout(() => (document.hidden ? (this.#timer = undefined) : void this.#look()), ASK_MS)
    }
  }

  stop(): void {
    this.#hasEnded = true
    clearTimeout(this.#timer)
  }

  #take(answer: Answer): void {
    if (this.#hasEnded) return
    if (!answer.ok) {
      if (answer.code === SESSION_ENDED) return this.#onEnd(answer)
      // What is shown already is still the best that is known.
      if (this.#pieces === undefined) this.#head.replaceChildren(element("p", { class: "problem" }, ...refusalProse(answer)))
      return
    }
    // The minute belongs to it: times are shown as how long it is until then.
    const said = `${JSON.stringify(answer.value)}${this.#isServing}${Math.floor(Date.now() / 60_000)}`
    if (said === this.#shown) return
    this.#shown = said
    this.#pieces = decodePieces(answer.value)
    this.#draw(this.#pieces)
  }

  #draw(pieces: ShownPieces): void {
    const { nodes } = pieces
    const members = JSON.stringify(nodes.map(({ path }) => path))
    if (members !== this.#members) this.#drawChips(nodes)
    this.#members = members
    this.#head.replaceChildren(piecesHead(pieces, this.#isServing))
    this.#foot.replaceChildren(...[piecesLegend(nodes)].filter((each) => each !== undefined), ...piecesNotes(pieces))
    this.#drawLosses(nodes)
    for (const each of [this.#wide, this.#foot]) each.hidden = nodes.length === 0
    this.#asides.hidden = pieces.generation === null
  }

  #drawLosses(nodes: readonly PiecesNode[]): void {
    this.#wide.replaceChildren(piecesTable(nodes, this.#gone))
    const outcome = outcomeWithout(nodes, this.#gone)
    if (this.#outcome.textContent !== outcome) this.#outcome.textContent = outcome
  }

  #drawChips(nodes: readonly PiecesNode[]): void {
    const paths = nodes.map(({ path }) => path)
    const names = shortNames(paths)
    for (const path of this.#gone) if (!paths.includes(path)) this.#gone.delete(path)
    const chips = paths.map((path, index) => {
      const id = `gone-${index}`
      const box = element("input", { type: "checkbox", id, checked: this.#gone.has(path) })
      box.addEventListener("change", () => {
        if (box.checked) this.#gone.add(path)
        else this.#gone.delete(path)
        if (this.#pieces !== undefined) this.#drawLosses(this.#pieces.nodes)
      })
      return element("li", {}, box, element("label", { for: id, title: path }, names.get(path) ?? path))
    })
    this.#chips.replaceChildren(...chips)
  }

  #lossSection(): HTMLElement {
    const title = element("h3", { id: "losses-title" }, "If these machines were lost")
    return element("section", { "aria-labelledby": "losses-title" }, title, this.#chips, this.#outcome)
  }

  #proofSection(): HTMLElement {
    return element(
      "section",
      { "aria-labelledby": "proofs-title" },
      element("h3", { id: "proofs-title" }, "Are the pieces where they should be?"),
      element("p", { class: "hint" }, "Each holder proves that it has what the ledger says. Nothing of a piece leaves it."),
      this.#verifyButton,
      this.#proofs,
    )
  }

  async #verify(): Promise<void> {
    this.#proofs.replaceChildren(element("p", { class: "hint" }, "Asking every holder …"))
    const answer = await call("pieces.verify")
    if (this.#hasEnded) return
    if (answer.ok) this.#proofs.replaceChildren(verificationView(decodeVerification(answer.value)))
    else if (answer.code === SESSION_ENDED) this.#onEnd(answer)
    else this.#proofs.replaceChildren(element("p", { class: "problem" }, ...refusalProse(answer)))
  }

  #hide(): void {
    for (const each of [this.#wide, this.#foot, this.#asides]) each.hidden = true
  }
}
