import { refuse, type Result } from "@keygrove/base"
import type { CustodyView } from "@keygrove/peering"
import { showsEvidence, type PiecesContext } from "@keygrove/service"

/**
 * Whether this machine would show its holders what they ask of it, so that a person hears of it while the node runs and not when it does not start. It is looked at when somebody first asks for warnings, and again
 * after each statement of the node about itself: what a machine booted stays. Disposal ends what is under way.
 */
export class MachineCheck implements AsyncDisposable {
  readonly #context: PiecesContext
  readonly #view: () => CustodyView
  readonly #stop = new AbortController()
  /** Of the statement that was looked at last. */
  #revision: number | undefined
  #checking: Promise<void> = Promise.resolve()
  #shown: Result<true> | undefined

  constructor(context: PiecesContext, view: () => CustodyView) {
    this.#context = context
    this.#view = view
  }

  /** What a person should know, as far as it was looked at; begins to look when there is something new. */
  warnings(): readonly string[] {
    const { custody, self } = this.#view()
    const member = custody.members.get(self.path)
    if (member?.evidence === undefined) return []
    if (member.revision !== this.#revision) {
      this.#revision = member.revision
      this.#shown = undefined
      this.#checking = this.#checking.then(async () => {
        const shown = await showsEvidence(this.#context, member, this.#stop).catch((error: unknown) =>
          refuse("TPM_FAILED", error instanceof Error ? error.message : "unknown reason"),
        )
        if (this.#revision === member.revision) this.#shown = shown
      })
    }
    if (this.#shown === undefined || this.#shown.ok) return []
    const { code, message } = this.#shown
    return [`its holders will not unlock this node when it restarts, as its machine does not show what they ask for: ${code}: ${message}`]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#checking
  }
}
