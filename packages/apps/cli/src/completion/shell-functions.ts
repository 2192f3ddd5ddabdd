import type { CompletionWords } from "./completion-words.ts"

/** Stands for the ids of the node; no word of the tables. */
const KEYS = "@keys"

/**
 * What bash and zsh have in common: three tables made from the commands, a function that walks what was typed, and one that says what can follow. Ids
 * come from the node, quietly: no node, no ids.
 */
export function shellFunctions(table: readonly CompletionWords[]): string {
  const words = table.map(({ path, words: some }) => [path, listed(some)] as const)
  const options = table.map(({ options: some, path }) => [path, some.map(({ flag }) => flag).join(" ")] as const)
  const values = table.flatMap(({ path, options: some }) =>
    some.flatMap(({ flag, values: choices }) => (choices === undefined ? [] : [[`${path} ${flag}`, listed(choices)] as const])),
  )
  return `_keygrove_words() {
${cases(words)}
}
_keygrove_options() {
${cases(options)}
}
_keygrove_values() {
${cases(values)}
}
_keygrove_keys() {
  local program=$program directory=$home
  case $program in */*) ;; *) program=keygrove ;; esac
  case $directory in "~/"*) directory=$HOME/\${directory#"~/"} ;; esac
  set -- key list --json
  if [ -n "$directory" ]; then set -- "$@" --home "$directory"; fi
  "$program" "$@" 2>/dev/null </dev/null | grep -o '"id":"[^"]*"' | cut -d '"' -f 4
}
_keygrove_walk() {
  program=$1 command="" operands=0 home="" option=""
  local word
  shift
  for word in "$@"; do
    if [ "$word" = "=" ]; then
      continue
    elif [ -n "$option" ]; then
      if [ "$option" = --home ]; then home=$word; fi
      option=""
    elif [ "\${word#--home=}" != "$word" ]; then
      home=\${word#--home=}
    elif [ "\${word#-}" != "$word" ]; then
      if [ "$word" = --home ] || _keygrove_values "$command $word" >/dev/null; then option=$word; fi
    elif [ "$operands" -eq 0 ] && _keygrove_words "\${command:+$command }$word" >/dev/null; then
      command="\${command:+$command }$word"
    else
      operands=$((operands + 1))
    fi
  done
}
_keygrove_choices() {
  local found=""
  if [ -n "$option" ]; then
    found=$(_keygrove_values "$command $option")
  elif [ "\${1#-}" != "$1" ]; then
    found="$(_keygrove_options "$command") --home --json --help"
  elif [ "$operands" -eq 0 ]; then
    found=$(_keygrove_words "$command")
  fi
  case $found in
    "") return 1 ;;
    ${KEYS}) _keygrove_keys ;;
    *) echo "$found" ;;
  esac
}`
}

function listed(words: readonly string[] | "keys"): string {
  return words === "keys" ? KEYS : words.join(" ")
}

/** A table as one `case`: what is printed for each place, places with the same together. Words of the table have neither quotes nor backslashes. */
function cases(rows: readonly (readonly [string, string])[]): string {
  const texts = [...new Set(rows.map(([, text]) => text))]
  const lines = texts.map((text) => {
    const places = rows.filter(([, each]) => each === text).map(([place]) => `"${place}"`)
    return `    ${places.join(" | ")}) echo "${text}" ;;`
  })
  return ["  case $1 in", ...lines, "    *) return 1 ;;", "  esac"].join("\n")
}
