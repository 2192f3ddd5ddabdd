import { element, part } from "./dom.ts"
import { SESSION_ENDED, type NodeRefusal } from "./node-client.ts"
import { prose } from "./prose.ts"

/** What is shown without a session: why, and how to get one. */
export function showEntrance(refusal: NodeRefusal | undefined): void {
  const [title, reason] = reasonOf(refusal)
  part("console").hidden = true
  part("banner").hidden = true
  part("actions").replaceChildren()
  part("place").replaceChildren()
  const heading = element("h1", { tabindex: "-1" }, title)
  part("entrance").replaceChildren(
    heading,
    element("p", {}, ...prose(reason)),
    element("p", {}, "For a link that logs in, run this on the node’s machine:"),
    element("pre", {}, element("code", {}, "keygrove console")),
    ...(refusal === undefined ? [] : [element("p", { class: "code" }, refusal.code)]),
  )
  part("entrance").hidden = false
  heading.focus()
}

function reasonOf(refusal: NodeRefusal | undefined): readonly [string, string] {
  if (refusal === undefined) return ["You are not logged in", "A link of this node logs a browser in, once. There is no password."]
  // How to get a link is told below, in the same way for everything.
  const reason = refusal.message.replace(/; `keygrove console` makes [^`]*$/, "")
  return [refusal.code === SESSION_ENDED ? "You are logged out" : "This link does not work", reason]
}
