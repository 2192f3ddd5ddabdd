import { pbkdf2Sync, randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { certificate, childOf, revocation, rootOf, type Member } from "../../../scripts/vectors/chain-writer.ts"
import { hkdf, info } from "../../../scripts/vectors/derivation.ts"

/** A statement about a node that never runs: the entry's bytes, and whom it is about. */
export interface RootStatement {
  readonly entry: Uint8Array
  readonly subject: Member
}

/**
 * Writes statements of a cluster's root, from its words, by a second implementation: each certifies or revokes a node that nobody runs, so each is another one,
 * has an effect where it is the first of its kind, and none where it is written again.
 */
export class RootAuthor {
  readonly #root: Member
  /** Names of a run differ from those of all others. */
  readonly #prefix: string = `w${randomBytes(4).toString("hex")}`
  #count = 0

  /** @param words the file that `keygrove init --words-out` wrote */
  constructor(words: string) {
    const seed = pbkdf2Sync(readFileSync(words, "utf8").trim().split(/\s+/).join(" "), "mnemonic", 2_048, 64, "sha512")
    this.#root = rootOf(hkdf(seed, info("keygrove/v1/root")))
  }

  certify(): RootStatement {
    this.#count++
    const subject = childOf(this.#root, `${this.#prefix}-${this.#count}`)
    return { entry: certificate(this.#root, subject), subject }
  }

  revoke({ subject }: RootStatement): RootStatement {
    return { entry: revocation(this.#root, subject), subject }
  }
}
