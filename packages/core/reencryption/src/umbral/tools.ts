import type { RandomBytes } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"

/** What the scheme needs of its platform. */
export interface UmbralTools extends Pick<Primitives, "curve" | "sha256"> {
  readonly random: RandomBytes
}
