"""The command completion: the script that lets a shell complete dvx's commands."""

from __future__ import annotations

from typing import Annotated

import typer

from dvx.cli.setup.complete import one_of
from dvx.cli.terminal import screen
from dvx.errors import UsageError, nearest

SHELLS = ("bash", "zsh", "fish")
# None of these may evaluate what dvx offers: names come from repositories.
# bash takes words apart at `:` and `=`, and puts what is offered behind the last of these: so dvx gets the line as it is typed,
# and what stands before is cut off what it offers
_BASH = r"""
_dvx_completion() {
    local IFS=$'\n' line="${COMP_LINE:0:COMP_POINT}" word breaks= before= one
    [[ -n $line ]] || { IFS=' '; line="${COMP_WORDS[*]:0:COMP_CWORD+1}"; IFS=$'\n'; }
    word="${line##*[[:space:]]}"
    [[ $COMP_WORDBREAKS != *:* ]] || breaks+=:
    [[ $COMP_WORDBREAKS != *=* ]] || breaks+==
    [[ -z $breaks ]] || before="${word%"${word##*[$breaks]}"}"
    COMPREPLY=()
    while IFS= read -r one
    do
        one="${one%%$'\t'*}"
        one="${one#"$before"}"
        [[ -n $one ]] || continue
        # what is typed in quotes stays in them: so only names that mean themselves there
        if [[ $word == *[\"\']* ]]; then
            [[ $one != *[\"\'\`\$\!\\]* ]] || continue
        else
            printf -v one %q "$one"
        fi
        COMPREPLY+=("$one")
    done < <(_TYPER_COMPLETE_ARGS="$line" _TYPER_COMPLETE_FISH_ACTION=get-args _DVX_COMPLETE=complete_fish "$1" 2>/dev/null)
    [[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *[=:/,] ]] || compopt -o nospace 2>/dev/null
    return 0
}

complete -o default -F _dvx_completion dvx
"""
# `compadd` quotes what it inserts
_ZSH = r"""
#compdef dvx
_dvx() {
    local line asked="${words[1,CURRENT]}"
    local -a names shown open_names open_shown
    while IFS= read -r line; do
        [[ -n $line ]] || continue
        if [[ ${line%%$'\t'*} == *[=:/,] ]]; then
            open_names+=("${line%%$'\t'*}") open_shown+=("${line/$'\t'/  -- }")
        else
            names+=("${line%%$'\t'*}") shown+=("${line/$'\t'/  -- }")
        fi
    done < <(_TYPER_COMPLETE_ARGS="$asked" _TYPER_COMPLETE_FISH_ACTION=get-args _DVX_COMPLETE=complete_fish dvx 2>/dev/null)
    if (( ! $#names && ! $#open_names )); then
        _files
        return
    fi
    (( ! $#names )) || compadd -l -d shown -a -- names
    (( ! $#open_names )) || compadd -S '' -l -d open_shown -a -- open_names
}

if [[ $funcstack[1] == _dvx ]]; then _dvx "$@"; else compdef _dvx dvx; fi
"""
_OWN = {"bash": _BASH, "zsh": _ZSH}
_shells = one_of(*SHELLS)


def completion(
    shell: Annotated[str, typer.Argument(help="Shell: bash, zsh or fish.", autocompletion=_shells, show_default=False)] = "",
    *,
    named: Annotated[
        str,
        typer.Option("--shell", "-s", help="Same as SHELL, for compatibility with DVC (default: bash).", autocompletion=_shells),
    ] = "",
) -> None:
    """Print the completion script for your shell.

    It completes commands, options and their values: paths, stages, parameters, remotes and more.

    Put it where your shell looks: for zsh as `_dvx` into a folder of `$fpath`, for fish as `dvx.fish` into
    `~/.config/fish/completions`; bash reads it by `source`.

    Example: dvx completion zsh > ~/.zfunc/_dvx
    """
    chosen = shell or named or SHELLS[0]
    if shell and named and shell != named:
        raise UsageError("two shells are named", "name one")
    if chosen not in SHELLS:
        raise UsageError(f"there is no completion for `{chosen}`", nearest(chosen, SHELLS) or f"one of {', '.join(SHELLS)}")
    if chosen in _OWN:
        screen.exact(_OWN[chosen].strip())
        return
    from typer._completion_shared import get_completion_script

    screen.exact(get_completion_script(prog_name="dvx", complete_var="_DVX_COMPLETE", shell=chosen))
