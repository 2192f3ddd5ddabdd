import type { OptionSpec } from "./command.ts"

/** Of commands that make a home. */
export const unlockGenerated: OptionSpec = {
  flags: "--unlock <HOW>",
  description: "`generated`: make a key file in the home directory itself, for development; every status and start warns of it",
  values: ["generated"],
}
