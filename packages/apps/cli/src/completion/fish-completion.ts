import type { CompletionWords } from "./completion-words.ts"

/** The script for fish: one line for each word and option, and the conditions under which they apply. */
export function fishCompletion(table: readonly CompletionWords[]): string {
  return `# keygrove completion; to use it: keygrove completion fish | source
function __keygrove_typed
    set -l words (commandline -opc)
    set -e words[1]
    for word in $words
        string match -q -- '-*' $word; or echo $word
    end
end
function __keygrove_at
    set -l typed (string join ' ' (__keygrove_typed))
    test "$typed" = "$argv"
end
function __keygrove_in
    set -l typed (string join ' ' (__keygrove_typed))
    string match -q -- "$argv *" "$typed "
end
function __keygrove_keys
    keygrove key list --json 2>/dev/null </dev/null | string match -ar '"id":"[^"]*"' | string replace -r '"id":"([^"]*)"' '$1'
end
complete -c keygrove -l home -r -d 'home directory of the node'
complete -c keygrove -l json -d 'print one JSON object'
complete -c keygrove -l help -s h -d 'show help'
${table.flatMap(linesOf).join("\n")}
`
}

function linesOf({ options, path, words }: CompletionWords): readonly string[] {
  const next = words.length === 0 ? [] : [`complete -c keygrove -n '__keygrove_at ${path}' -f -a '${choices(words)}'`]
  const own = options.map(({ description, flag, values }) => {
    const name = flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`
    const value = values === undefined ? "" : values.length === 0 ? " -r" : ` -x -a '${choices(values)}'`
    return `complete -c keygrove -n '__keygrove_in ${path}' ${name}${value} -d '${description.replaceAll(/[\\']/g, "\\$&")}'`
  })
  return [...next, ...own]
}

function choices(words: readonly string[] | "keys"): string {
  return words === "keys" ? "(__keygrove_keys)" : words.join(" ")
}
