import type { MeetView } from "@keygrove/api"
import { decodeMeeting } from "./answers.ts"
import { CodeScanner } from "./code-scanner.ts"
import { part } from "./dom.ts"
import { lostView, startView } from "./meeting-edges.ts"
import { meetingView } from "./meeting-views.ts"
import { call, SESSION_ENDED, UNREACHABLE, type NodeRefusal } from "./node-client.ts"
import { refusalProse } from "./prose.ts"
import { countdown } from "./wording.ts"

/** A reload of the page does not end a meeting: its id is kept with the tab. */
const MEETING_NAME = "keygrove-meeting"
const RETRY_MS = 2_000

interface MeetingPanelOptions {
  /** The session has ended. */
  readonly onEnd: (refusal: NodeRefusal) => void
  /** Somebody is trusted who was not before. */
  readonly onTrust: () => void
}

/** What a person can do in a meeting; the views call these. */
export interface MeetingActs {
  show(): Promise<void>
  scan(): Promise<void>
  enter(code: string): Promise<void>
  confirm(nickname: string): Promise<void>
  differ(): Promise<void>
  cancel(): Promise<void>
  /** Back to the beginning. */
  leave(): void
}

/** The part of the page where two people meet: what the node says of the meeting, and what a person may do next. */
export class MeetingPanel {
  readonly #options: MeetingPanelOptions
  readonly #acts: MeetingActs
  #view: MeetView | undefined
  #scanner: CodeScanner | undefined
  #watch: AbortController | undefined
  #isLocked = false
  /** The person saw two different sets of words: what the node says afterwards is not the news. */
  #hasDiffered = false

  constructor(options: MeetingPanelOptions) {
    this.#options = options
    this.#acts = {
      show: async () => await this.#begin("meet.start", {}),
      scan: async () => await this.#scan(),
      enter: async (code) => await this.#begin("meet.enter", { code }),
      confirm: async (nickname) => await this.#act("meet.confirm", nickname === "" ? {} : { nickname }),
      differ: async () => {
        this.#hasDiffered = true
        await this.#act("meet.cancel")
      },
      cancel: async () => {
        await this.#act("meet.cancel")
        // Whoever ended it needs no explanation; it may have been too late for that, too.
        if (this.#view?.phase === "failed") this.#leave()
      },
      leave: () => this.#leave(),
    }
    setInterval(() => this.#tick(), 1_000)
  }

  /** Shows the meeting that this tab was in before it was loaded again, or the beginning of one. */
  resume(): void {
    const meeting = sessionStorage.getItem(MEETING_NAME)
    this.#replace(startView(this.#acts, this.#isLocked))
    if (meeting !== null) void this.#follow(meeting)
  }

  setLocked(isLocked: boolean): void {
    if (isLocked === this.#isLocked) return
    this.#isLocked = isLocked
    if (this.#view === undefined && this.#scanner === undefined) this.#replace(startView(this.#acts, isLocked))
  }

  stop(): void {
    this.#watch?.abort()
    this.#closeScanner()
    sessionStorage.removeItem(MEETING_NAME)
  }

  async #begin(method: "meet.start" | "meet.enter", params: object): Promise<void> {
    const answer = await call(method, params)
    if (!answer.ok) return this.#say(answer)
    this.#closeScanner()
    const view = decodeMeeting(answer.value)
    sessionStorage.setItem(MEETING_NAME, view.meeting)
    this.#show(view)
    void this.#follow(view.meeting, view.revision)
  }

  async #act(method: "meet.confirm" | "meet.cancel", params: object = {}): Promise<void> {
    if (this.#view === undefined) return
    const answer = await call(method, { meeting: this.#view.meeting, ...params })
    if (answer.ok) this.#show(decodeMeeting(answer.value))
    else this.#say(answer)
  }

  /** Shows every change of a meeting until it has ended. */
  async #follow(meeting: string, since?: number): Promise<void> {
    this.#watch?.abort()
    const watch = new AbortController()
    this.#watch = watch
    let seen = since
    while (!watch.signal.aborted) {
      const params = { meeting, ...(seen === undefined ? {} : { since: seen }) }
      const answer = await call("meet.status", params, watch.signal).catch(() => undefined)
      if (answer === undefined || watch.signal.aborted) return
      if (answer.ok) {
        const view = decodeMeeting(answer.value)
        seen = view.revision
        this.#show(view)
        if (view.phase === "done" || view.phase === "failed") return
      } else if (answer.code === UNREACHABLE || answer.code === "RPC_BUSY") await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      else return this.#refuse(answer)
    }
  }

  /** What was shown already stays as it is: the person may be typing in it. */
  #show(view: MeetView): void {
    const before = this.#view
    if (before !== undefined && before.meeting === view.meeting && before.revision >= view.revision) return
    this.#view = view
    if (view.phase === "done" || view.phase === "failed") sessionStorage.removeItem(MEETING_NAME)
    if (view.phase === "done") this.#options.onTrust()
    if (before?.meeting === view.meeting && before.phase === view.phase) return
    this.#replace(meetingView(view, this.#acts, this.#hasDiffered))
    this.#tick()
  }

  async #scan(): Promise<void> {
    this.#closeScanner()
    const scanner = new CodeScanner(this.#acts)
    this.#scanner = scanner
    this.#replace(scanner.view)
    await scanner.open()
  }

  /** Says what was refused beside what was asked for, so that it can be tried again. */
  #say(refusal: NodeRefusal): void {
    const problem = part("meeting").querySelector(".problem")
    if (refusal.code === SESSION_ENDED || problem === null) return this.#refuse(refusal)
    problem.replaceChildren(...refusalProse(refusal))
  }

  /** The meeting is over for this page. */
  #refuse(refusal: NodeRefusal): void {
    this.stop()
    if (refusal.code === SESSION_ENDED) this.#options.onEnd(refusal)
    else this.#replace(lostView(refusal, this.#acts))
  }

  #leave(): void {
    this.#watch?.abort()
    this.#closeScanner()
    this.#view = undefined
    this.#hasDiffered = false
    sessionStorage.removeItem(MEETING_NAME)
    this.#replace(startView(this.#acts, this.#isLocked))
  }

  #closeScanner(): void {
    this.#scanner?.[Symbol.dispose]()
    this.#scanner = undefined
  }

  /** Where the keyboard is, it stays in the meeting; elsewhere the change is only told. */
  #replace(view: HTMLElement): void {
    const panel = part("meeting")
    const hadFocus = panel.contains(document.activeElement)
    panel.replaceChildren(view)
    const heading = view.querySelector("h3")
    if (hadFocus) heading?.focus()
    else part("announcement").textContent = heading?.textContent ?? ""
  }

  #tick(): void {
    const left = this.#view === undefined ? "" : countdown(this.#view.expiresAt, Date.now())
    for (const timer of document.querySelectorAll("#meeting [data-countdown]")) if (timer.textContent !== left) timer.textContent = left
  }
}
