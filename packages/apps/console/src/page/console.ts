import { decodeTree, decodeTrust } from "./answers.ts"
import { ApprovalPanel } from "./approval-panel.ts"
import { button, part } from "./dom.ts"
import { showEntrance } from "./entrance.ts"
import { ledgerView } from "./ledger-view.ts"
import { MeetingPanel } from "./meeting-panel.ts"
import { callAll, logOut, SESSION_ENDED, type Answer, type NodeRefusal } from "./node-client.ts"
import { decodeRequests } from "./pieces-answers.ts"
import { PiecesPanel } from "./pieces-panel.ts"
import { refusalProse } from "./prose.ts"
import { decodeStatus, type ShownStatus } from "./status-answers.ts"
import { statusView } from "./status-view.ts"
import { treeView } from "./tree-view.ts"
import { trustView } from "./trust-view.ts"

/** Between two questions for the state. */
const REFRESH_MS = 4_000
const QUESTIONS = [{ method: "node.status" }, { method: "node.list" }, { method: "trust.list" }, { method: "unlock.requests" }] as const

/** The page with a session: asks the node how it is while somebody can see it, and shows what changed. */
export class Console {
  readonly #meeting: MeetingPanel = new MeetingPanel({ onEnd: (refusal) => this.#end(refusal), onTrust: () => void this.#refresh() })
  readonly #approvals: ApprovalPanel = new ApprovalPanel((refusal) => this.#end(refusal))
  readonly #pieces: PiecesPanel = new PiecesPanel((refusal) => this.#end(refusal))
  /** What is shown in each part, as the node said it: what did not change is left alone, with what is selected in it. */
  readonly #shown: Map<string, string> = new Map()
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Questions so far: of two at a time, the answer to the later one counts. */
  #turn = 0
  #hasEnded = false

  start(): void {
    part("actions").replaceChildren(
      button("Log out", { class: "quiet" }, async () => {
        await logOut()
        this.#end(undefined)
      }),
    )
    part("console").hidden = false
    document.addEventListener("visibilitychange", () => void (document.hidden || this.#refresh()))
    void this.#refresh()
    this.#meeting.resume()
  }

  async #refresh(): Promise<void> {
    clearTimeout(this.#timer)
    if (this.#hasEnded) return
    const turn = ++this.#turn
    const [status, ...others] = await callAll(QUESTIONS)
    if (this.#hasEnded || turn !== this.#turn) return
    if (status?.ok === false && status.code === SESSION_ENDED) return this.#end(status)
    try {
      this.#take(status, others)
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      this.#warn({ code: "RPC_ANSWER_INVALID", message: `${error.message}; load the page again, it may be of another version` })
    }
    this.#timer = setTimeout(() => void (document.hidden || this.#refresh()), REFRESH_MS)
  }

  #take(answer: Answer | undefined, others: readonly Answer[]): void {
    const status = answer?.ok === true ? decodeStatus(answer.value) : undefined
    const isClosed = status?.ledger === null
    // A node that was not unlocked yet tells of itself alone.
    const failed = [answer, ...(isClosed ? [] : others)].find((each) => each?.ok === false)
    this.#warn(failed?.ok === false ? failed : undefined)
    if (status !== undefined) {
      for (const card of document.querySelectorAll<HTMLElement>("[data-opened]")) card.hidden = isClosed
      this.#show("status", answer, () => this.#statusView(status))
      if (status.ledger !== null) this.#pieces.follow(status.ledger.length, status.state === "serving")
      const { ledger } = status
      if (ledger !== null) this.#show("ledger", { ok: true, value: ledger }, () => ledgerView(ledger))
    }
    const [tree, trust, requests] = others
    this.#show("tree", tree, (value) => treeView(decodeTree(value)))
    this.#show("trust", trust, (value) => trustView(decodeTrust(value)))
    this.#approvals.show(requests?.ok === true ? decodeRequests(requests.value) : [])
  }

  #statusView(status: ShownStatus): Node {
    part("place").textContent = status.path
    document.title = `${status.path} · Keygrove`
    this.#meeting.setLocked(status.state !== "serving")
    return statusView(status)
  }

  #show(name: string, answer: Answer | undefined, view: (value: unknown) => Node): void {
    if (answer?.ok !== true) return
    // The minute belongs to it: times are shown as how long ago they were.
    const said = `${JSON.stringify(answer.value)}${Math.floor(Date.now() / 60_000)}`
    if (this.#shown.get(name) === said) return
    part(name).replaceChildren(view(answer.value))
    this.#shown.set(name, said)
  }

  #warn(refusal: NodeRefusal | undefined): void {
    const banner = part("banner")
    const said = refusal === undefined ? "" : JSON.stringify(refusal)
    // Told once, not every four seconds.
    if (this.#shown.get("banner") === said) return
    this.#shown.set("banner", said)
    banner.replaceChildren(...(refusal === undefined ? [] : refusalProse(refusal)))
    banner.hidden = refusal === undefined
  }

  #end(refusal: NodeRefusal | undefined): void {
    this.#hasEnded = true
    clearTimeout(this.#timer)
    this.#meeting.stop()
    this.#pieces.stop()
    showEntrance(refusal)
  }
}
