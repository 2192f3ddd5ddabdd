import { posix } from "node:path"
import { testNames } from "./test-names.ts"

/** The files of the repository, for documents to link to. */
export interface LinkTargets {
  readonly files: ReadonlySet<string>
  /** The text of one of them. */
  read(file: string): string
}

interface Link {
  readonly target: string
  readonly title: string | undefined
}

const INLINE = /\]\(([^)\s]+)(?: "([^"\n]*)")?\)/g
const DEFINITION = /^\[([^\]\n]+)\]: (\S+)(?: "([^"\n]*)")?$/gm
const REFERENCE = /\[[^\]\n]+\]\[([^\]\n]+)\]/g
const CODE = /^```[^]*?^```$|`[^`\n]+`/gm
const TEST_FILE = /\.(?:test|contract)\.ts$/

/**
 * What is wrong with the links of a document: files that do not exist, titles that are not in the file, words that refer to no definition, definitions that
 * no words refer to. The title of a link says which test of a file is meant: it is part of the name of a test there, or of a line where the file is a document.
 */
export function judgeLinks(file: string, text: string, targets: LinkTargets): readonly string[] {
  const prose = text.replaceAll(CODE, "`")
  const definitions = [...text.matchAll(DEFINITION)].map(([, id = "", target = "", title]) => ({ id, target, title }))
  const references = [...prose.matchAll(REFERENCE)].map(([, id = ""]) => id)
  const inline = [...text.matchAll(INLINE)].map(([, target = "", title]) => ({ target, title }))
  return [
    ...[...inline, ...definitions].flatMap((link) => judgeLink(file, link, targets)),
    ...references.filter((id) => !definitions.some((one) => one.id === id)).map((id) => `${file}: [${id}] is not defined`),
    ...definitions.filter(({ id }) => !references.includes(id)).map(({ id }) => `${file}: nothing refers to [${id}]`),
  ]
}

function judgeLink(file: string, { target, title }: Link, { files, read }: LinkTargets): readonly string[] {
  const path = target.replace(/#.*$/, "")
  if (path === "" || /^[a-z]+:/.test(path)) return []
  const linked = posix.join(posix.dirname(file), path)
  if (!files.has(linked)) {
    const isFolder = [...files].some((name) => name.startsWith(`${linked.replace(/\/$/, "")}/`))
    return isFolder ? [] : [`${file}: the link ${path} leads nowhere`]
  }
  if (title === undefined) return []
  const names = TEST_FILE.test(linked) ? testNames(linked, read(linked)) : read(linked).split("\n")
  return names.some((name) => name.includes(title)) ? [] : [`${file}: ${linked} has no test or line "${title}"`]
}
