"""Prometheus's own promtool, which evaluates the rules over series that a test gives it, minute by minute."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

PROMETHEUS = Path(__file__).parent.parent.parent / "deploy" / "prometheus"
RULES = PROMETHEUS / "rules.yml"


def alerts():
    """Every rule by its name."""
    return {rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}


def run(*arguments):
    """Must end well."""
    if not shutil.which("promtool"):
        pytest.skip("promtool is missing: install Debian's package prometheus to try the alerts")
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def evaluate(folder, tests):
    """Each test: series (name to values, one a minute), and what fires when: (alert, minute, whether). Only the rules of these alerts are evaluated."""
    file, rules = folder / "test.yml", folder / "rules.yml"
    named = {alert for _, expected in tests for alert, _, _ in expected}
    rules.write_text(yaml.safe_dump({"groups": [{"name": "tried", "rules": [alerts()[name] for name in sorted(named)]}]}))
    made = [
        {
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "promql_expr_test": [
                {
                    "expr": f'group(ALERTS{{alertname="{alert}", alertstate="firing"}})',
                    "eval_time": f"{minute}m",
                    "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
                }
                for alert, minute, fires in expected
            ],
        }
        for series, expected in tests
    ]
    file.write_text(yaml.safe_dump({"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": made}))
    run("test", "rules", file)
