"""`import`: what a person or a deployment calls. Prints the plan, the warnings and the questions; its exit code is its answer.

0: the catalog is what the files say (with --dry-run: it could be). 1: refused, nothing written. 2: called wrongly. 3: the database is away.
"""

import gc
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import click
import orjson
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from services.catalog.importer import plausibility, reading, records
from services.catalog.importer.faults import ImportRefused
from services.catalog.publications import StateTooLarge, republish
from services.catalog.settings import Settings
from shared import cli, db

from .apply import TIMEOUTS, Outcome, TooSweeping, apply_import, lock_imports

REFUSED, AWAY = 1, 3


def commands(service: cli.Service[Settings]) -> Sequence[click.Command]:
    return _import(service), _republish(service)


def _import(service: cli.Service[Settings]) -> click.Command:
    @click.command("import", help="Make the catalog what FILES (YAML) say, all together; what they do not hold is withdrawn.")
    @click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
    @click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
    @click.option("--withdraw-many", is_flag=True, help="Also where more than half of the procedures or hospitals would be withdrawn.")
    @click.option("--brief", is_flag=True, help="Leave out the single warnings and the plan; their numbers stay.")
    @click.option("--strict", is_flag=True, help="Refuse an import that has warnings.")
    def import_(files: tuple[Path, ...], *, dry_run: bool, brief: bool, strict: bool, withdraw_many: bool) -> None:
        gc.disable()  # millions of objects that live until the end, and no circles among them: looking for some took a sixth of the time
        found = _read(files)
        warned = _tell_doubts(found, brief=brief)
        if strict and warned:
            _refuse(f"refused: {warned} warnings and --strict; nothing was written")
        engine = db.engine(cli.read_settings(service).database_url, name="catalog-import", timeouts=TIMEOUTS)
        try:
            outcome = _apply(engine, found, dry_run=dry_run, withdraw_many=withdraw_many)
        finally:
            engine.dispose()
        _tell_outcome(outcome, dry_run=dry_run, brief=brief)

    return import_


def _republish(service: cli.Service[Settings]) -> click.Command:
    @click.command("republish", help="Publish the present states once more, under the versions they have: for topics that were lost.")
    def republish_() -> None:
        engine = db.engine(cli.read_settings(service).database_url, name="catalog-republish", timeouts=TIMEOUTS)
        try:
            with db.transaction(engine) as session:
                lock_imports(session)
                count = republish(session)
        except OperationalError:
            _stop(AWAY, "the database cannot be reached; nothing was written")
        finally:
            engine.dispose()
        click.echo(f"{count} states and tombstones recorded once more")

    return republish_


def _read(files: tuple[Path, ...]) -> records.Import:
    try:
        return reading.read(files)
    except ImportRefused as refused:
        for fault in refused.errors:
            click.echo(str(fault), err=True)
        _refuse(f"refused: {len(refused.errors)} faults; nothing was written")


def _tell_doubts(found: records.Import, *, brief: bool) -> int:
    """Print warnings and questions; returns the number of warnings."""
    warnings, questions = plausibility.warnings_of(found), plausibility.questions_of(found)
    if brief and (warnings or questions):
        click.echo("for the editors of the catalog's data; who only runs it has nothing to do:")
    for warning in [] if brief else warnings:
        click.echo(f"warning {warning.code}: {warning.file}#{warning.path} {orjson.dumps(dict(warning.evidence), default=str).decode()}")
    for question in questions:
        click.echo(f"question {question.code}: {question.text} ({', '.join(question.slugs)})")
    if warnings:
        counts = sorted(Counter(warning.code for warning in warnings).items())
        click.echo(f"{len(warnings)} warnings: {', '.join(f'{code} {count}' for code, count in counts)}")
    return len(warnings)


def _apply(engine: Engine, found: records.Import, *, dry_run: bool, withdraw_many: bool) -> Outcome:
    """A dry run does everything, the database's own checks included, and takes it back."""
    try:
        with Session(engine) as session:
            outcome = apply_import(session, found, today=datetime.now(UTC).date(), withdraw_many=withdraw_many)
            if dry_run:
                session.rollback()
            session.commit()
    except (StateTooLarge, TooSweeping) as fault:
        _refuse(f"refused: {fault}; nothing was written")
    except OperationalError:
        _stop(AWAY, "the database cannot be reached; nothing was written")
    return outcome


def _tell_outcome(outcome: Outcome, *, dry_run: bool, brief: bool) -> None:
    for line in [] if brief else outcome.plan.lines():
        click.echo(line)
    if outcome.plan.is_empty:
        click.echo("nothing to add, change or withdraw")
    did = "dry run, nothing was written; would have recorded" if dry_run else "recorded"
    click.echo(f"{did} {outcome.published} states for the topics and composed {outcome.composed} documents")


def _refuse(sentence: str) -> NoReturn:
    _stop(REFUSED, sentence)


def _stop(code: int, sentence: str) -> NoReturn:
    click.echo(f"catalog: {sentence}", err=True)
    sys.exit(code)
