"""What Prometheus would see of a stack: figures scraped before a fault, during it and after it was mended, as series that promtool evaluates."""

import re
import time
from dataclasses import dataclass

import requests
from prometheus_client.parser import text_string_to_metric_families

from devstack.processes import FIGURES, SERVED
from tests.operations import promtool

FAULT, MENDED, END = 5, 35, 120  # minutes at which the second and the third scrape begin to be true
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
        try:
            found[service, role or "web"] = requests.get(f"{place.http(name)}/metrics", timeout=120).text
        except requests.ConnectionError:
            found[service, role or "web"] = None
    return found


def scrape(place):
    """As prometheus.yml has it done: with service and role, and `up`."""
    values = {}
    for (service, role), text in pages(place).items():
        labels = {"service": service, "role": role, "instance": f"{service}-{role}"}
        values[series("up", labels)] = 0 if text is None else 1
        for family in text_string_to_metric_families(text or ""):
            for sample in family.samples:
                values[series(sample.name, sample.labels | labels)] = sample.value
    return Scrape(time.time(), values)


def series(name, labels):
    inside = ", ".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return f"{name}{{{inside}}}"


def assert_fires(folder, alert, before, during, after):
    """Quiet before, firing half an hour into the fault, quiet again in the end. A counter goes on in each part as fast as it grew at its beginning."""
    scrapes = (before, during, after)
    told = {
        name: _values(name, scrapes) for name in before.values.keys() | during.values.keys() | after.values.keys() if _concerns(name, alert)
    }
    promtool.evaluate(folder, [(told, [(alert, FAULT - 1, False), (alert, MENDED - 1, True), (alert, END - 1, False)])])


def _concerns(name, alert):
    return name.partition("{")[0] in metrics_of(promtool.alerts()[alert]["expr"])


def _values(name, scrapes):
    """One for each minute; `_` where there is none."""
    told, grown = [], 0.0
    for minute in range(END + 1):
        part = 0 if minute < FAULT else 1 if minute < MENDED else 2
        value = scrapes[part].values.get(name)
        if value is None:
            told.append("_")
        elif "_timestamp_seconds" in name:  # its age is what counts, and promtool begins at 0
            age = scrapes[part].at - value + (60 * (minute - FAULT) if part == 1 and age_grows(name, scrapes) else 0)
            told.append(f"{60 * minute - age:.3f}")
        elif GROWING.search(name.partition("{")[0]):
            first = scrapes[0].values.get(name, 0.0)
            if part == 1:
                grown += value - first
            told.append(f"{first + grown:.6f}")
        else:
            told.append(repr(value))
    return " ".join(told)


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
