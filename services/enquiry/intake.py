"""Answers to a procedure's clinical questions: checked against the catalog's questions. Pure; keeps nothing."""

import math
from collections.abc import Iterator
from datetime import date
from typing import Any

from shared.events.catalog import AnswerKind, IntakeQuestion
from shared.problems import Fault, field_error

MAX_TEXT = 2000


def faults_of(questions: list[IntakeQuestion], answers: dict[str, Any], *, as_it_is: bool) -> Iterator[Fault]:
    """Every answer fits its question and every required one is there (unless it is to be sent as it is)."""
    known = {question.slug: question for question in questions}
    for slug, answer in answers.items():
        reason = _fault(known[slug], answer) if slug in known else "is not asked"
        if reason:
            yield Fault("invalid", field_error(f"intake/{slug[:60]}", reason))
    for question in questions:
        if question.required and question.slug not in answers and not as_it_is:
            yield Fault("intake-incomplete", field_error(f"intake/{question.slug}", "is required"))


def _fault(question: IntakeQuestion, answer: Any) -> str | None:
    return _FAULTS[question.kind](question, answer)


def _choice_fault(question: IntakeQuestion, answer: Any) -> str | None:
    slugs = [choice.slug for choice in question.choices]
    return None if answer in slugs else f"must be one of {', '.join(slugs)}"


def _number_fault(question: IntakeQuestion, answer: Any) -> str | None:
    if isinstance(answer, bool) or not isinstance(answer, int | float) or not math.isfinite(answer):
        return "must be a number"
    least, most = question.minimum, question.maximum
    if (least is not None and answer < least) or (most is not None and answer > most):
        return f"must be between {least} and {most}"
    return None


def _text_fault(question: IntakeQuestion, answer: Any) -> str | None:
    most = min(MAX_TEXT, int(question.maximum or MAX_TEXT))
    return (
        None if isinstance(answer, str) and len(answer.strip()) > 0 and len(answer) <= most else f"must be text of 1 to {most} characters"
    )


def _date_fault(_question: IntakeQuestion, answer: Any) -> str | None:
    try:
        date.fromisoformat(answer if isinstance(answer, str) and len(answer) == 10 else "")
    except ValueError:
        return "must be a date as 2026-01-31"
    return None


def _yes_no_fault(_question: IntakeQuestion, answer: Any) -> str | None:
    return None if isinstance(answer, bool) else "must be true or false"


_FAULTS = {
    AnswerKind.CHOICE: _choice_fault,
    AnswerKind.NUMBER: _number_fault,
    AnswerKind.TEXT: _text_fault,
    AnswerKind.DATE: _date_fault,
    AnswerKind.YES_NO: _yes_no_fault,
}
