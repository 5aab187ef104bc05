"""The ``policy`` part of the lonewatch command: check a policy file, explain it, play it through, write the schema of one.

Touches no running system: what is adopted is decided by an administrator through checkin.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from deploy.policy.explain import explained
from deploy.policy.files import PolicyError, load_policy
from deploy.policy.gaps import gaps
from deploy.policy.meaning import defaults, meaning
from deploy.policy.play import Play
from deploy.policy.schema import SCHEMA_PATH, schema_text
from deploy.policy.summary import summary
from deploy.policy.table import Row, rows
from deploy.policy.typed import WishError, trigger_named
from deploy.policy.wishes import Typed, wishes
from shared.contracts.policy import Policy

app = typer.Typer(name="policy", help="Check an operator's policy before it is adopted.", no_args_is_help=True)

WIDTH = 100
"""Columns of what is printed for people: fits beside an editor, and a page."""

_File = Annotated[Path, typer.Argument(help="A policy file, as policies/stepping-stones.toml.")]
_Json = Annotated[bool, typer.Option("--json", help="End with one line of JSON, for programs.")]


@app.command()
def check(file: _File, *, as_json: _Json = False) -> None:
    """Print what a policy means and where it leaves a gap. Exits with 1 where it cannot be used."""
    policy = _loaded(file, as_json=as_json)
    typer.echo("\n".join(meaning(policy)))
    _section("Left open by the text, so ours", defaults(policy))
    _section("Gaps", gaps(policy))
    if as_json:
        typer.echo(json.dumps({"ok": True, "file": str(file), **summary(policy)}))


def _loaded(file: Path, *, as_json: bool) -> Policy:
    try:
        return load_policy(file)
    except PolicyError as error:
        _refuse(str(error), {"ok": False, "file": str(file), "problems": error.problems}, as_json=as_json)


def _refuse(said: str, answer: dict[str, object], *, as_json: bool) -> NoReturn:
    typer.echo(said, err=True)
    if as_json:
        typer.echo(json.dumps(answer))
    raise typer.Exit(1) from None


def _section(title: str, entries: list[str]) -> None:
    if entries:
        typer.echo("\n".join((title, *(f"  {entry}" for entry in entries))))


@app.command()
def explain(
    file: _File,
    *,
    trigger: Annotated[str | None, typer.Option(help="Only the ladder of this trigger, as check_in_missed.")] = None,
    as_json: _Json = False,
) -> None:
    """Say of each rule whether it is the policy's own or a default of ours, and what its clauses say."""
    policy = _loaded(file, as_json=as_json)
    try:
        found = explained(policy, trigger and trigger_named(trigger))
    except WishError as error:
        _refuse(str(error), {"ok": False, "problems": [str(error)]}, as_json=as_json)
    typer.echo("\n".join(line for rule in found for line in rule.lines(WIDTH)))
    if as_json:
        typer.echo(json.dumps({"ok": True, "policy_id": policy.policy_id, "rules": [one.as_json() for one in found]}))


@app.command()
def simulate(
    file: _File,
    *,
    trigger: Annotated[str, typer.Option(help="What happens, as check_in_missed.")] = "check_in_missed",
    answer: Annotated[
        list[str] | None,
        typer.Option(help="What comes of a step, and how long after its start: ring_mobile=no_answer@2m. Repeatable."),
    ] = None,
    take: Annotated[
        list[str] | None, typer.Option(help="Who takes a step's task, and when: ring_mobile=supervisor@1m. Repeatable.")
    ] = None,
    acknowledge: Annotated[
        list[str] | None, typer.Option(help="Who has it in hand, and when: line_manager@6m. Repeatable.")
    ] = None,
    absent: Annotated[list[str] | None, typer.Option(help="A role whose holder does not react. Repeatable.")] = None,
    at: Annotated[
        str | None, typer.Option(help="When the trigger comes, as 15:30; then times of day are shown.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Play a ladder through with answers that you choose, and print who hears of it when, and by which clause."""
    policy = _loaded(file, as_json=as_json)
    try:
        wished = wishes(policy, trigger, Typed(answer or (), take or (), acknowledge or (), absent or ()), at)
    except WishError as error:
        _refuse(str(error), {"ok": False, "problems": [str(error)]}, as_json=as_json)
    play = Play(policy, wished)
    found = rows(play.played, wished.started_at)
    left = [f"It never came to {one}." for one in play.undone]
    _print(found, clock=at is not None)
    typer.echo("\n".join((play.ending, *left)))
    if as_json:
        told = [row.as_json() for row in found]
        typer.echo(json.dumps({"ok": True, "trigger": trigger, "ending": play.ending, "undone": left, "rows": told}))


def _print(found: list[Row], *, clock: bool) -> None:
    table = Table("after", *(["at"] if clock else []), "what", "who", "clause", box=None, pad_edge=False)
    for row in found:
        times = [str(row.after), f"{row.row_at:%H:%M:%S}"] if clock else [str(row.after)]
        table.add_row(*times, row.what, "\n".join(row.who), row.source)
    Console(width=WIDTH, highlight=False, markup=False).print(table)


@app.command()
def schema(
    out: Annotated[Path, typer.Option(help="Where to write it.")] = SCHEMA_PATH,
) -> None:
    """Write the JSON Schema of policy files, made from the contract."""
    try:
        out.write_text(schema_text(), encoding="utf-8")
    except OSError as error:
        typer.echo(f"{out}: cannot be written ({error.strerror}); name another file with --out.", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"Wrote {out}")
