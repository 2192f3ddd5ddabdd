import type { CompletionWords } from "./completion-words.ts"
import { shellFunctions } from "./shell-functions.ts"

/** The script for bash, from version 3.2 on. Where anything may come, and in old versions where nothing is known, files are offered. */
export function bashCompletion(table: readonly CompletionWords[]): string {
  return `# keygrove completion; to use it: source <(keygrove completion bash)
${shellFunctions(table)}
_keygrove() {
  local program command operands home option choices current=\${COMP_WORDS[COMP_CWORD]}
  _keygrove_walk "\${COMP_WORDS[@]:0:COMP_CWORD}"
  # An option and its value are three words when = is between them.
  if [ "$current" = "=" ]; then current=""; fi
  COMPREPLY=()
  if choices=$(_keygrove_choices "$current"); then
    compopt +o default 2>/dev/null
    COMPREPLY=($(compgen -W "$choices" -- "$current"))
  fi
}
complete -o default -F _keygrove keygrove
`
}
