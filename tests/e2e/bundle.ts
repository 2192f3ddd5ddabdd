import { join } from "node:path"
import { inject } from "vitest"

/** Directory of the programs under test, among them the command `keygrove`; made by build-bundle.ts. */
export const bundle: string = inject("bundle")
/** The command line's entry file in it. */
export const entry: string = join(bundle, "keygrove.mjs")
