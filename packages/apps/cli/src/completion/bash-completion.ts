import type { CompletionWords } from "./completion-words.ts"

/**
 * The script for bash; zsh runs it through its bashcompinit. Three tables made from the commands, and one function that walks what was typed. Ids come
 * from the node, quietly: no node, no ids.
 */
export function bashCompletion(table: readonly CompletionWords[]): string {
  const words = table.map(({ path, words: some }) => [path, listed(some)] as const)
  const options = table.map(({ options: some, path }) => [path, some.map(({ flag }) => flag).join(" ")] as const)
  const values = table.flatMap(({ path, options: some }) =>
    some.flatMap(({ flag, values: choices }) => (choices === undefined ? [] : [[`${path} ${flag}`, listed(choices)] as const])),
  )
  return `# keygrove completion; to use it: source <(keygrove completion bash)
_keygrove_words() {
${cases(words)}
}
_keygrove_options() {
${cases(options)}
}
_keygrove_values() {
${cases(values)}
}
_keygrove_keys() {
  keygrove key list --json \${1:+--home "$1"} 2>/dev/null </dev/null | grep -o '"id":"[^"]*"' | cut -d '"' -f 4
}
_keygrove() {
  local current=\${COMP_WORDS[COMP_CWORD]} command="" operands=0 home="" option="" choices="" word index
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    if [ -n "$option" ]; then
      if [ "$option" = --home ]; then home=$word; fi
      option=""
    elif [ "\${word#-}" != "$word" ]; then
      if [ "$word" = --home ] || _keygrove_values "$command $word" >/dev/null; then option=$word; fi
    elif [ "$operands" -eq 0 ] && _keygrove_words "\${command:+$command }$word" >/dev/null; then
      command="\${command:+$command }$word"
    else
      operands=$((operands + 1))
    fi
  done
  if [ -n "$option" ]; then
    choices=$(_keygrove_values "$command $option")
  elif [ "\${current#-}" != "$current" ]; then
    choices="$(_keygrove_options "$command") --home --json --help"
  elif [ "$operands" -eq 0 ]; then
    choices=$(_keygrove_words "$command")
  fi
  if [ "$choices" = ${KEYS} ]; then choices=$(_keygrove_keys "$home"); fi
  COMPREPLY=($(compgen -W "$choices" -- "$current"))
}
complete -o default -F _keygrove keygrove
`
}

/** For zsh: the same, in its emulation of bash's completion. */
export function zshCompletion(table: readonly CompletionWords[]): string {
  return `#compdef keygrove\nautoload -U +X bashcompinit && bashcompinit\n${bashCompletion(table).replace("completion bash", "completion zsh")}`
}

/** Stands for the ids of the node; no word of the tables. */
const KEYS = "@keys"

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
