import { existsSync, readFileSync, rmSync, statSync } from "node:fs"
import { ok, refuse, type Result } from "@keygrove/base"
import {
  decodeRootPlan,
  encodeRootPlan,
  MAX_INVITATION_CHARACTERS,
  MAX_ROOT_PLAN_BYTES,
  type OpenedRootPlan,
  type RootPlan,
} from "@keygrove/ledger"
import type { InvitationFile, RootPlanFile } from "@keygrove/service"
import type { Home } from "./home.ts"
import { replaceDurably } from "./make-home.ts"

/** The plan of a root's replacement that a home keeps (docs/protocol/root-rekey.md); `undefined` where there is none. */
export function readRootPlan({ rootPlan }: Pick<Home, "rootPlan">): Result<OpenedRootPlan | undefined, "ROOT_PLAN_INVALID"> {
  const facts = statSync(rootPlan, { throwIfNoEntry: false })
  if (facts === undefined) return ok(undefined)
  if (facts.size > MAX_ROOT_PLAN_BYTES)
    return refuse(
      "ROOT_PLAN_INVALID",
      `${rootPlan} has ${facts.size} bytes; a plan has at most ${MAX_ROOT_PLAN_BYTES}, restore it from a backup`,
    )
  return decodeRootPlan(new Uint8Array(readFileSync(rootPlan)))
}

/** Keeps a plan: it is there whole after a power cut, or not at all. */
export function keepRootPlan({ rootPlan }: Pick<Home, "rootPlan">, plan: RootPlan): void {
  replaceDurably(rootPlan, encodeRootPlan(plan))
}

/** What the running node does with its plan. */
export function rootPlanFile(home: Home): RootPlanFile {
  return { read: () => readRootPlan(home), remove: () => rmSync(home.rootPlan, { force: true }) }
}

/** This node's invitation to the root that replaced its own. */
export function invitationFile({ invitation: path }: Pick<Home, "invitation">): InvitationFile & { remove(): void } {
  return {
    read: () =>
      existsSync(path)
        ? readFileSync(path, "utf8")
            .slice(0, MAX_INVITATION_CHARACTERS + 1)
            .trim()
        : undefined,
    keep: (invitation) => replaceDurably(path, Buffer.from(`${invitation}\n`)),
    remove: () => rmSync(path, { force: true }),
  }
}
