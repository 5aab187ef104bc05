"""The ``policy`` part of the lonewatch command: check a policy file, write the schema of one.

Touches no running system: what is adopted is decided by an administrator through checkin.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from deploy.policy_files import PolicyError, load_policy, sha256
from deploy.policy_gaps import gaps
from deploy.policy_meaning import defaults, meaning, step_starts
from deploy.policy_schema import SCHEMA_PATH, schema_text
from shared.contracts.ladders import Ladder
from shared.contracts.policy import Awaits, Policy

app = typer.Typer(name="policy", help="Check an operator's policy before it is adopted.", no_args_is_help=True)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="A policy file, as policies/stepping-stones.toml.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON, for programs.")] = False,
) -> None:
    """Print what a policy means and where it leaves a gap. Exits with 1 where it cannot be used."""
    try:
        policy = load_policy(file)
    except PolicyError as error:
        typer.echo(str(error), err=True)
        if as_json:
            typer.echo(json.dumps({"ok": False, "file": str(file), "problems": error.problems}))
        raise typer.Exit(1) from None
    typer.echo("\n".join(meaning(policy)))
    _section("Left open by the text, so ours", defaults(policy))
    _section("Gaps", gaps(policy))
    if as_json:
        typer.echo(json.dumps({"ok": True, "file": str(file), **_summary(policy)}))


def _section(title: str, entries: list[str]) -> None:
    if entries:
        typer.echo("\n".join((title, *(f"  {entry}" for entry in entries))))


def _summary(policy: Policy) -> dict[str, object]:
    return {
        "policy_id": policy.policy_id,
        "sha256": sha256(policy),
        "approval": policy.approval.model_dump(mode="json"),
        "interval_seconds": _seconds(policy.check_ins.interval.span),
        "grace_seconds": _seconds(policy.check_ins.grace.span),
        "remind_before_seconds": _seconds(policy.check_ins.remind_before.span),
        "awaits": _awaits(policy.awaits),
        "ladders": {ladder.trigger: _ladder(ladder) for ladder in policy.ladders},
        "ours": defaults(policy),
        "gaps": gaps(policy),
    }


def _awaits(awaits: Awaits) -> dict[str, dict[str, float]]:
    """Return the seconds of each span; what is not awaited is left out."""
    return {
        what: {f"{key}_seconds": _seconds(span) for key, span in awaited if isinstance(span, timedelta)}
        for what, awaited in awaits
        if awaited is not None
    }


def _ladder(ladder: Ladder) -> dict[str, object]:
    starts = step_starts(ladder)
    return {
        "steps": [
            {"after_seconds": _seconds(start), **step.model_dump(mode="json", include={"name", "notify", "cites"})}
            for start, step in zip(starts, ladder.steps, strict=False)
        ],
        "exhausted_after_seconds": _seconds(starts[-1]),
        "repeat_every_seconds": _seconds(ladder.repeat_every.span),
        "acknowledgement_lasts_seconds": _seconds(ladder.acknowledgement_lasts.span),
    }


def _seconds(span: timedelta) -> float:
    return span.total_seconds()


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
