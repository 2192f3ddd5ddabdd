import { decodeStatus, decodeTree, decodeTrust } from "./answers.ts"
import { button, part } from "./dom.ts"
import { showEntrance } from "./entrance.ts"
import { MeetingPanel } from "./meeting-panel.ts"
import { callAll, logOut, SESSION_ENDED, type Answer, type NodeRefusal } from "./node-client.ts"
import { refusalProse } from "./prose.ts"
import { statusView } from "./status-view.ts"
import { treeView } from "./tree-view.ts"
import { trustView } from "./trust-view.ts"

/** Between two questions for the state. */
const REFRESH_MS = 4_000
const QUESTIONS = [{ method: "node.status" }, { method: "node.list" }, { method: "trust.list" }] as const

/** The page with a session: asks the node how it is while somebody can see it, and shows what changed. */
export class Console {
  readonly #meeting: MeetingPanel = new MeetingPanel({ onEnd: (refusal) => this.#end(refusal), onTrust: () => void this.#refresh() })
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
    const [status, tree, trust] = await callAll(QUESTIONS)
    if (this.#hasEnded || turn !== this.#turn) return
    if (status?.ok === false && status.code === SESSION_ENDED) return this.#end(status)
    const failed = [status, tree, trust].find((answer) => answer?.ok === false)
    this.#warn(failed?.ok === false ? failed : undefined)
    try {
      this.#show("status", status, (value) => this.#statusView(value))
      this.#show("tree", tree, (value) => treeView(decodeTree(value)))
      this.#show("trust", trust, (value) => trustView(decodeTrust(value)))
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      this.#warn({ code: "RPC_ANSWER_INVALID", message: `${error.message}; load the page again, it may be of another version` })
    }
    this.#timer = setTimeout(() => void (document.hidden || this.#refresh()), REFRESH_MS)
  }

  #statusView(value: unknown): Node {
    const facts = decodeStatus(value)
    part("place").textContent = facts.path
    document.title = `${facts.path} · Keygrove`
    this.#meeting.setLocked(facts.state !== "serving")
    return statusView(facts)
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
    showEntrance(refusal)
  }
}
