"""Answers to a procedure's clinical questions: checked against the catalog's questions. Pure; keeps nothing."""

import math
from datetime import date
from typing import Any

from shared.events.catalog import AnswerKind, IntakeQuestion
from shared.problems import Invalid, field_error

MAX_TEXT = 2000


def check_answers(questions: list[IntakeQuestion], answers: dict[str, Any], *, as_it_is: bool) -> None:
    """Every answer fits its question and every required one is there (unless it is to be sent as it is). Raises Invalid with all faults."""
    known = {question.slug: question for question in questions}
    errors = [field_error(f"intake/{slug[:60]}", "is not asked") for slug in answers if slug not in known]
    for slug, answer in answers.items():
        reason = _fault(known[slug], answer) if slug in known else None
        if reason:
            errors.append(field_error(f"intake/{slug}", reason))
    if errors:
        raise Invalid("invalid", errors=errors)
    missing = [question.slug for question in questions if question.required and question.slug not in answers]
    if missing and not as_it_is:
        raise Invalid("intake-incomplete", errors=[field_error(f"intake/{slug}", "is required") for slug in missing])


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
