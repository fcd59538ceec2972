"""`planner completion`: words that the shell completes, those of the price lists and the models too."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

import click

from planner.cli.help import Grouped

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from planner.prices.catalog import Catalog

__all__ = ["attach", "completion", "words_of"]

Usual = Callable[[click.Context, str], "list[CompletionItem]"]

SHELLS = ("bash", "zsh", "fish")
#: How the words end that stand for a file in the help, and those that stand for a folder.
FILES = ("FILE", ".toml", ".json", ".csv", "PATH", "FILE|DIR", "ENDPOINT|FILE")
FOLDERS = ("DIR", "FOLDER")
#: What such words stand for whatever the parameter's own name is.
MEANT = {"INSTANCE_TYPE": "instance_type", "MODEL": "model"}
#: Where the words of a parameter stand that has a fixed list of them.
WORDS = {
    "preset": ("planner.presets", "PRESETS"),
    "precision": ("planner.precisions", "PRECISIONS"),
    "purchase_option": ("planner.offer", "PURCHASE_OPTIONS"),
    "budget_basis": ("planner.workload", "BASES"),
    "data_stays": ("planner.prices.places", "AREAS"),
}


@click.command(cls=Grouped)
@click.argument("shell", type=click.Choice(SHELLS), metavar="bash|zsh|fish")
def completion(shell: str) -> int:
    """Print the script that completes commands, options and their values.

    \b
    bash    echo 'eval "$(planner completion bash)"' >> ~/.bashrc
    zsh     echo 'eval "$(planner completion zsh)"' >> ~/.zshrc
    fish    planner completion fish > ~/.config/fish/completions/planner.fish
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None  # click has all of SHELLS
    # Not `source()`: that one asks the shell for its version first, which starts a process at every start of a shell.
    one = found(click.get_current_context().find_root().command, {}, "planner", "_PLANNER_COMPLETE")
    click.echo(one.source_template % one.source_vars())
    return 0


def attach(command: click.Command) -> None:
    """Make every parameter of a command (and of those within it) answer with the words that are known of it."""
    for within in command.commands.values() if isinstance(command, click.Group) else ():
        attach(within)
    for param in command.params:
        if not isinstance(param.type, click.Choice):
            param.shell_complete = partial(_complete, param, param.shell_complete)  # type: ignore[method-assign]


def _complete(param: click.Parameter, usual: Usual, context: click.Context, begun: str) -> list[CompletionItem]:
    """Return what may stand for `param`: the names of files, words that are known, or what click offers.

    What was typed before has a say: after `--provider NAME` `--region` offers that cloud's regions alone.
    """
    from click.shell_completion import CompletionItem

    shown = param.metavar or ""
    if any(shown.strip("[]").endswith(end) for end in FILES):
        return [CompletionItem(begun, type="file")]
    if shown in FOLDERS:
        return [CompletionItem(begun, type="dir")]
    start = begun.lower()
    words = {word for word in words_of(context, MEANT.get(shown) or str(param.name)) if word.lower().startswith(start)}
    return [CompletionItem(word) for word in sorted(words)] or usual(context, begun)


def words_of(context: click.Context, name: str) -> Iterable[str]:
    """Return the words that are known of a parameter; of clouds, those that `context` has chosen."""
    if name in WORDS:
        module, attribute = WORDS[name]
        found: Iterable[str] = getattr(importlib.import_module(module), attribute)
        return found
    if name == "model":
        from planner.sizing import models

        return models.names()
    if name == "gpu":
        from planner.sizing import gpus

        return gpus.names()
    if name == "engine":
        from planner.sizing import engines

        return (build.engine.label for build in engines.builds())
    if name in ("provider", "region", "instance_type"):
        from planner.prices.catalog import Catalog

        chosen = context.params.get("provider") or ()
        return _of_clouds(Catalog(), name, (chosen,) if isinstance(chosen, str) else chosen)
    return ()


def _of_clouds(catalog: Catalog, name: str, chosen: tuple[str, ...]) -> Iterable[str]:
    known = catalog.providers()
    if name == "provider":
        return known
    looked = [p for p in known if p in chosen] or known
    if name == "region":
        return ("all", *(region for p in looked for region in catalog.regions(p)))
    return (kind for p in looked for kind in catalog.instances(p))
