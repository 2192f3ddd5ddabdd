import type { UnlockRequest } from "@keygrove/api"
import { button, element, part } from "./dom.ts"
import { call, SESSION_ENDED, type NodeRefusal } from "./node-client.ts"
import { refusalProse } from "./prose.ts"
import { ago, counted } from "./wording.ts"

/** The part of the page where a person agrees that a locked node is given its pieces: first compares the digits, then says so. */
export class ApprovalPanel {
  readonly #onEnd: (refusal: NodeRefusal) => void
  #requests: readonly UnlockRequest[] = []
  /** The request whose digits the person compares. */
  #comparing: string | undefined
  #shown = ""

  constructor(onEnd: (refusal: NodeRefusal) => void) {
    this.#onEnd = onEnd
  }

  show(requests: readonly UnlockRequest[]): void {
    // Of a node that was started again, the last one is that which waits now.
    this.#requests = requests.toSorted((a, b) => b.askedAt - a.askedAt)
    if (!requests.some(({ approved, request }) => request === this.#comparing && !approved)) this.#comparing = undefined
    this.#draw()
  }

  #draw(): void {
    const said = JSON.stringify([this.#requests, this.#comparing, Math.floor(Date.now() / 60_000)])
    if (said === this.#shown) return
    this.#shown = said
    const waiting = this.#requests.filter(({ approved }) => !approved)
    const news =
      waiting.length === 0 ? "" : `${counted(waiting.length, "node")} ${waiting.length === 1 ? "waits" : "wait"} for your approval`
    if (part("approvals-news").textContent !== news) part("approvals-news").textContent = news
    const panel = part("approvals")
    const focused = panel.contains(document.activeElement) ? document.activeElement?.id : undefined
    panel.replaceChildren(element("ul", {}, ...this.#requests.map((request) => this.#view(request))))
    part("approvals-card").hidden = this.#requests.length === 0
    // The keyboard stays at the request it was at.
    if (focused !== undefined) focusOn(panel, focused)
  }

  #view(request: UnlockRequest): HTMLElement {
    if (request.approved) return this.#approved(request)
    return request.request === this.#comparing ? this.#comparison(request) : this.#waiting(request)
  }

  #waiting({ askedAt, node, request }: UnlockRequest): HTMLElement {
    return element(
      "li",
      { class: "node due request" },
      element("span", { class: "node-name" }, node),
      element("span", { class: "node-state" }, `asked ${ago(askedAt, Date.now())} to be unlocked`),
      element("p", { class: "digits" }, element("code", {}, request)),
      button(`Approve ${node} …`, { class: "primary", id: `approve-${request}` }, () => this.#compare(request)),
    )
  }

  #comparison({ node, request }: UnlockRequest): HTMLElement {
    return element(
      "li",
      { class: "node due request" },
      element("h3", { tabindex: "-1", id: `compare-${request}` }, `Does ${node} show these digits?`),
      element("p", { class: "digits" }, element("code", {}, request)),
      element(
        "p",
        {},
        "Approve only what you started yourself: whoever has the disk of that machine asks in the same way. If the machine was stolen, revoke it instead. On it, ",
        element("code", {}, "keygrove status"),
        " shows the digits.",
      ),
      element(
        "div",
        { class: "choices" },
        button(`They are the same: approve`, { class: "primary", id: `yes-${request}` }, async () => await this.#approve(node, request)),
        button("Not now", { id: `no-${request}` }, () => this.#compare(undefined, `approve-${request}`)),
      ),
      element("p", { class: "problem", role: "alert" }),
    )
  }

  #approved({ node, request }: UnlockRequest): HTMLElement {
    return element(
      "li",
      { class: "node good request" },
      element("span", { class: "node-name" }, node),
      element("span", { class: "node-state", id: `done-${request}`, tabindex: "-1" }, `approved, request ${request}; it goes on by itself`),
    )
  }

  #compare(request: string | undefined, focus: string = `compare-${request ?? ""}`): void {
    this.#comparing = request
    this.#draw()
    focusOn(part("approvals"), focus)
  }

  async #approve(node: string, request: string): Promise<void> {
    const answer = await call("unlock.approve", { node, request })
    if (!answer.ok) {
      if (answer.code === SESSION_ENDED) return this.#onEnd(answer)
      part("approvals")
        .querySelector(".problem")
        ?.replaceChildren(...refusalProse(answer))
      return
    }
    this.#comparing = undefined
    this.#requests = this.#requests.map((each) => (each.request === request && each.node === node ? { ...each, approved: true } : each))
    this.#draw()
    focusOn(part("approvals"), `done-${request}`)
  }
}

function focusOn(panel: HTMLElement, id: string): void {
  const found = document.getElementById(id)
  if (found !== null && panel.contains(found)) found.focus()
}
