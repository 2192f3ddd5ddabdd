import type { CompletionWords } from "./completion-words.ts"

/** The script for fish: one line for each word and option, and the conditions under which they apply. */
export function fishCompletion(table: readonly CompletionWords[]): string {
  const valued = table.flatMap(({ options, path }) =>
    options.flatMap(({ flag, values }) => (values === undefined ? [] : [`'${path} ${flag}'`])),
  )
  return `# keygrove completion; to use it: keygrove completion fish | source
function __keygrove_walk
    set -l words (commandline -opc)
    set -l command
    set -l operands 0
    set -l home ''
    set -l option ''
    for word in $words[2..]
        if test -n "$option"
            test "$option" = --home; and set home $word
            set option ''
        else if string match -q -- '--home=*' $word
            set home (string replace -- --home= '' $word)
        else if string match -q -- '-*' $word
            if test "$word" = --home; or contains -- "$command $word" ${valued.join(" ")}
                set option $word
            end
        else if test $operands -eq 0; and contains -- (string join ' ' $command $word) ${table.map(({ path }) => `'${path}'`).join(" ")}
            set -a command $word
        else
            set operands (math $operands + 1)
        end
    end
    string join \\n -- "$command" $operands "$home" "$words[1]"
end
function __keygrove_at
    set -l place (__keygrove_walk)
    test "$place[1]" = "$argv" -a "$place[2]" -eq 0
end
function __keygrove_in
    set -l place (__keygrove_walk)
    test "$place[1]" = "$argv"
end
function __keygrove_keys
    set -l place (__keygrove_walk)
    set -l home (string replace -r -- '^~/' $HOME/ $place[3])
    set -l program keygrove
    string match -q -- '*/*' $place[4]; and set program (string replace -r -- '^~/' $HOME/ $place[4])
    type -q $program; or return
    set -l where
    test -n "$home"; and set where --home $home
    $program key list --json $where 2>/dev/null </dev/null | string match -ar '"id":"[^"]*"' | string replace -r '"id":"([^"]*)"' '$1'
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
