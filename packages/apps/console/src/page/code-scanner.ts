import { cameraProblem, openCamera, type CodeCamera } from "./camera.ts"
import { button, element } from "./dom.ts"
import { heading, problemLine } from "./meeting-edges.ts"
import type { MeetingActs } from "./meeting-panel.ts"

/** The prefix of the codes of meetings. */
const CODE = /^kgmeet1/i
/** Of a code that is typed or pasted; the node's own limit. */
const MAX_CODE = 2_048

/** Gets a code by the camera, or by what is typed or pasted. Disposal turns the camera off. */
export class CodeScanner implements Disposable {
  readonly view: HTMLElement
  readonly #acts: Pick<MeetingActs, "enter" | "leave">
  readonly #frame: HTMLElement = element("div", { class: "camera" }, "Waiting for the camera …")
  readonly #problem: HTMLElement = problemLine()
  #camera: CodeCamera | undefined
  /** The last text that was seen: the same code is not tried again and again. */
  #tried = ""
  #isOver = false

  constructor(acts: Pick<MeetingActs, "enter" | "leave">) {
    this.#acts = acts
    const text = element("textarea", {
      id: "code",
      rows: "3",
      maxlength: String(MAX_CODE),
      autocomplete: "off",
      autocapitalize: "none",
      spellcheck: "false",
      placeholder: "kgmeet1…",
    })
    this.view = element(
      "div",
      { class: "phase scan" },
      heading("Point the camera at their code"),
      this.#frame,
      this.#problem,
      element("p", { class: "field" }, element("label", { for: "code" }, "Or type or paste it"), text),
      element(
        "div",
        { class: "choices" },
        button("Use this code", {}, async () => await this.#try(text.value)),
        button("Cancel", { class: "quiet" }, () => this.#acts.leave()),
      ),
    )
  }

  /** Turns the camera on; without one, the code can still be pasted. */
  async open(): Promise<void> {
    try {
      const camera = await openCamera((text) => void this.#see(text))
      if (this.#isOver) return camera[Symbol.dispose]()
      this.#camera = camera
      this.#frame.replaceChildren(camera.picture)
    } catch (error) {
      this.#frame.remove()
      this.#problem.textContent = cameraProblem(error)
    }
  }

  [Symbol.dispose](): void {
    this.#isOver = true
    this.#camera?.[Symbol.dispose]()
    this.#camera = undefined
  }

  async #see(text: string): Promise<void> {
    if (this.#isOver || text === this.#tried) return
    this.#tried = text
    await this.#try(text)
  }

  async #try(text: string): Promise<void> {
    // Spaces and line breaks come along when a long text is copied.
    const code = text.replaceAll(/\s/g, "")
    if (CODE.test(code)) await this.#acts.enter(code)
    else this.#problem.textContent = "This is not the code of a meeting. Those begin with kgmeet1."
  }
}
