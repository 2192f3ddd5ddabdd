import { element } from "./dom.ts"
import type { NodeRefusal } from "./node-client.ts"
import { proseParts } from "./wording.ts"

/** A message of the node as text, with its commands set apart. */
export function prose(message: string): readonly (Node | string)[] {
  return proseParts(message).map((part) => (typeof part === "string" ? part : element("code", {}, part.code)))
}

/** A refusal as text, and its code, by which docs/errors.md has more. */
export function refusalProse({ code, message }: NodeRefusal): readonly (Node | string)[] {
  return [...prose(message), " ", element("span", { class: "code" }, code)]
}
