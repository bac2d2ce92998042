"""What Prometheus would see of a stack: figures scraped before a fault, during it and after it was mended, as series that promtool evaluates."""

import re
import time
from dataclasses import dataclass

import requests
from prometheus_client.parser import text_string_to_metric_families

from devstack.processes import FIGURES, SERVED
from tests.operations import promtool

FAULT, AFTERWARDS = 5, 85  # minutes before the fault, and after it was mended
GROWING = re.compile(r"_(total|bucket|count|sum)$")


@dataclass(frozen=True)
class Scrape:
    """Values by series; `at`: when."""

    at: float
    values: dict


def pages(place):
    """The text of each /metrics by (service, role); None where nobody answers."""
    found = {}
    for name in (*SERVED, *FIGURES.values()):
        service, _, role = name.partition("-")
        found[service, role or "web"] = page(place, service, role or "web")
    return found


def page(place, service, role):
    try:
        return requests.get(f"{place.http(service if role == 'web' else FIGURES[service])}/metrics", timeout=60).text
    except (requests.ConnectionError, requests.Timeout):
        return None


def scrape(place):
    """As prometheus.yml has it done: with service and role, and `up`."""
    values = {}
    for (service, role), text in pages(place).items():
        labels = labels_of(service, role)
        values[series("up", labels)] = 0 if text is None else 1
        values |= figures(text, labels)
    return Scrape(time.time(), values)


def labels_of(service, role):
    return {"service": service, "role": role, "instance": f"{service}-{role}"}


def figures(text, labels):
    return {
        series(sample.name, sample.labels | labels): sample.value
        for family in text_string_to_metric_families(text or "")
        for sample in family.samples
    }


def series(name, labels):
    inside = ", ".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return f"{name}{{{inside}}}"


def assert_fires(folder, alert, before, during, after, *, later=None, lasts=30):
    """Quiet before, firing `lasts` minutes into the fault, quiet again in the end.

    A counter goes on through the fault as fast as it grew at its beginning, and afterwards as it did from `after` to `later`.
    """
    scrapes, mended = (before, during, after, later or after), FAULT + lasts
    told = {name: _values(name, scrapes, mended) for name in set().union(*(one.values for one in scrapes)) if _concerns(name, alert)}
    promtool.evaluate(folder, [(told, [(alert, FAULT - 1, False), (alert, mended - 1, True), (alert, mended + AFTERWARDS - 1, False)])])


def _concerns(name, alert):
    return name.partition("{")[0] in metrics_of(promtool.alerts()[alert]["expr"])


def _values(name, scrapes, mended):
    """One for each minute; `_` where there is none."""
    told, grown = [], 0.0
    for minute in range(mended + AFTERWARDS + 1):
        part = 0 if minute < FAULT else 1 if minute < mended else 2
        value = scrapes[part].values.get(name)
        if value is None:
            told.append("_")
        elif "_timestamp_seconds" in name:  # its age is what counts, and promtool begins at 0
            age = scrapes[part].at - value + (60 * (minute - FAULT) if part == 1 and age_grows(name, scrapes) else 0)
            told.append(f"{60 * minute - age:.3f}")
        elif GROWING.search(name.partition("{")[0]):
            first = scrapes[0].values.get(name, 0.0)
            grown += part and _grown(name, *(scrapes[:2] if part == 1 else scrapes[2:]))
            told.append(f"{first + grown:.6f}")
        else:
            told.append(repr(value))
    return " ".join(told)


def _grown(name, one, other):
    """By how much a counter grew; a process that was started again begins at 0."""
    first, second = (scraped.values.get(name, 0.0) for scraped in (one, other))
    return second - first if second >= first else second


def age_grows(name, scrapes):
    """Whether the fault has stopped it."""
    return scrapes[1].values.get(name) == scrapes[0].values.get(name)


FUNCTIONS = {
    "sum",
    "max",
    "min",
    "group",
    "by",
    "and",
    "or",
    "time",
    "abs",
    "absent",
    "rate",
    "increase",
    "histogram_quantile",
    "min_over_time",
}


def metrics_of(expression):
    """Names of the metrics that an expression of PromQL reads."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\bby \([^)]*\)|\"[^\"]*\"", " ", expression)
    return set(re.findall(r"[a-z_]{2,}", bare)) - FUNCTIONS
