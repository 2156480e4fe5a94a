"""Shell completion: the ``completion`` command, and what Bash needs beyond click's own."""

from __future__ import annotations

import os

import click
from click.shell_completion import BashComplete, ShellComplete, add_completion_class
from click.shell_completion import get_completion_class as completion_class
from click.shell_completion import split_arg_string as words_of

__all__ = ["COMPLETE_VARIABLE", "PROGRAM", "completion", "register_completion"]

PROGRAM = "neuroninterp"

COMPLETE_VARIABLE = "_NEURONINTERP_COMPLETE"
"""Set by the shells' functions where they ask for completions."""


class _Bash(BashComplete):
    """Click's completion for Bash, with words that hold a colon, like ``zoo:cnn-25``.

    Bash ends words at colons: it hands them over in pieces, and replaces the last piece alone.
    So the whole line is handed over, and what stands before the last piece is left out.
    """

    source_template = BashComplete.source_template.replace(
        'COMP_WORDS="${COMP_WORDS[*]}"', 'COMP_WORDS="${COMP_LINE:0:COMP_POINT}"'
    )

    def source(self) -> str:
        # Without the question for the version, which starts a Bash.
        return ShellComplete.source(self)

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["COMP_WORDS"]
        words = words_of(line)
        incomplete = "" if not words or line[-1:].isspace() else words.pop()
        return words[1:], incomplete

    def complete(self) -> str:
        arguments, incomplete = self.get_completion_args()
        before = incomplete[: incomplete.rfind(":") + 1]
        found = self.get_completions(arguments, incomplete)
        for item in found:
            item.value = str(item.value).removeprefix(before)
        return "\n".join(self.format_completion(item) for item in found)


def register_completion() -> None:
    """Let click answer Bash as :class:`_Bash` does."""
    add_completion_class(_Bash)


_EPILOG = """
\b
bash: in ~/.bashrc   eval "$(neuroninterp completion bash)"
zsh:  in ~/.zshrc    eval "$(neuroninterp completion zsh)"
fish: once:
  neuroninterp completion fish > ~/.config/fish/completions/neuroninterp.fish
"""


@click.command(epilog=_EPILOG, short_help="Print the script for completion in a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that lets SHELL complete commands, options, files and zoo networks."""
    register_completion()
    kind = completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    script = kind(context.find_root().command, {}, PROGRAM, COMPLETE_VARIABLE)
    click.echo(script.source())
