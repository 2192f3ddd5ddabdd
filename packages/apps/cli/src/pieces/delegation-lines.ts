import type { DelegationState, StartByLabel } from "keygrove/rpc"

/** What to know and to do about a start by another node's label, for people. */
export function delegationLines({ isChosen }: Pick<DelegationState, "isChosen">, start: StartByLabel): readonly string[] {
  const { label, owner, policy, reader } = start
  const what = `this node starts by a grant of the label "${label}" of ${owner}; its passphrase or key file goes on opening it`
  const chosen = isChosen ? [what] : [`${what}, and is what opens it now: give the card again to have it start so`]
  if (policy === null)
    return [
      ...chosen,
      `to do: on ${owner}, run \`keygrove grant ${label} --to ${reader} -m 2 -n 3 --expires 90d\``,
      `now: ${start.problem?.code ?? "NO_POLICY"}: ${start.problem?.message ?? "not granted"}`,
    ]
  const { expiresAt, id, shares, threshold } = policy
  return [
    ...chosen,
    `granted until ${expiresAt.toISOString().slice(0, 16).replace("T", " ")} UTC, by any ${threshold} of ${shares} proxies (policy ${id.slice(0, 16)})`,
    `whoever has this machine's disk starts it too, until ${owner} runs \`keygrove revoke ${id.slice(0, 16)}\``,
  ]
}
