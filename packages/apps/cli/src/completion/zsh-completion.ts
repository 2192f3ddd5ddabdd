import type { CompletionWords } from "./completion-words.ts"
import { shellFunctions } from "./shell-functions.ts"

/** The script for zsh: a file `_keygrove` of the function path, or one that is sourced after compinit. */
export function zshCompletion(table: readonly CompletionWords[]): string {
  return `#compdef keygrove
# keygrove completion; to use it: keygrove completion zsh > a file _keygrove in a directory of your fpath, before compinit
${shellFunctions(table)}
_keygrove() {
  local program command operands home option choices current=$words[CURRENT]
  _keygrove_walk "\${(Q@)words[1,CURRENT-1]}"
  case $current in
    --*=*)
      option=\${current%%=*} current=\${current#*=}
      compset -P '*='
      ;;
  esac
  if choices=$(_keygrove_choices "$current"); then
    compadd -- \${=choices}
  else
    _files
  fi
}
# Loaded from the function path, this file is the function's first call.
if [ "$funcstack[1]" = _keygrove ]; then
  _keygrove "$@"
else
  compdef _keygrove keygrove
fi
`
}
