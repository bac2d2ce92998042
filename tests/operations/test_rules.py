"""The alerts by themselves: each fires when its promise is broken, and clears when it is kept again; each has its entry in the runbook."""

import re
from pathlib import Path

import pytest

from tests.operations import promtool

ROOT = Path(__file__).parent.parent.parent
ENTRY = re.compile(r"^### (\w+)$", re.MULTILINE)

# Each from minute 5 to minute 305 as it must not be, before and after as it must; a minute is a value. Fires at 300, not at 4 nor at 500.
BAD_GAUGE, BAD_COUNTER = "0x4 7x300 0x300", "0x4 7+7x300 2107x300"
BAD_FOR = {
    "FactsUnaccounted": {'unaccounted_facts{service="enquiry"}': BAD_GAUGE},
    "OutboxWaits": {'outbox_oldest_seconds{service="enquiry"}': "0x4 60+60x300 0x300"},
    "OutboxBlocked": {'outbox_blocked{service="enquiry"}': BAD_GAUGE},
    "RelayWithoutLeader": {'relay_leads{service="enquiry"}': "1x4 0x300 1x300"},
    "KeysParked": {'parked_keys{service="notification"}': BAD_GAUGE},
    "LettersWaiting": {'dead_letters_waiting{service="notification"}': BAD_GAUGE},
    "PositionsLost": {'positions_lost{service="notification"}': BAD_GAUGE},
    "LoopsSilent": {'loop_turned_timestamp_seconds{service="enquiry", loop="consume", instance="a"}': "0+60x4 240x300 18360+60x300"},
    "LoopsMissing": {
        f'loop_turned_timestamp_seconds{{service="{service}", loop="{loop}"}}': "0+60x600"
        for service, loop in [
            ("catalog", "relay"), ("catalog", "days"), ("catalog", "retention"),
            ("enquiry", "relay"), ("enquiry", "timers"), ("enquiry", "resends"), ("enquiry", "erasures"), ("enquiry", "retention"),
            ("notification", "relay"), ("notification", "consume"), ("notification", "deliver"), ("notification", "retention"),
        ]
    } | {'loop_turned_timestamp_seconds{service="enquiry", loop="consume"}': "0+60x4 _x300 18360+60x300"},
    "DeliveriesUncertain": {"deliveries_uncertain": BAD_GAUGE},
    "DeliveriesWait": {'deliveries_backlog_seconds{channel="email"}': "0x4 60+60x300 0x300"},
    "DeliveriesLate": {
        'commit_to_delivery_seconds_bucket{channel="webhook", le="1.0"}': "0+100x4 500x300 600+100x300",
        'commit_to_delivery_seconds_bucket{channel="webhook", le="60.0"}': "0+100x600",
        'commit_to_delivery_seconds_bucket{channel="webhook", le="+Inf"}': "0+100x600",
    },
    "ContactsMissing": {"deliveries_waiting_contact": BAD_GAUGE},
    "MailRefused": {
        'delivery_attempts_total{channel="email", result="temporary"}': BAD_COUNTER,
        'delivery_attempts_total{channel="email", result="accepted"}': "0+1x4 5x300 5+1x300",
    },
    "WebhooksFail": {"hospitals_with_failing_webhooks": BAD_GAUGE, "hospitals_with_webhooks": "9x600"},
    "EndpointsDisabled": {"endpoints_disabled": BAD_GAUGE},
    "FactsWithheld": {"facts_withheld": BAD_GAUGE},
    "TasksWait": {"tasks_open": BAD_GAUGE},
    "SealsBroken": {'seals_broken_total{service="enquiry", what="patient_key"}': BAD_COUNTER},
    "ErasuresOverdue": {"erasures_overdue": BAD_GAUGE},
    "HeartbeatLate": {'heartbeat_late_seconds{topic="enquiry.patients"}': "-3600x4 60+60x300 -3600x300"},
    "RetentionBehind": {'retention_due_timestamp_seconds{service="enquiry", role="work"}': "3600+60x4 3600x300 24000+60x300"},
    "NotReady": {'ready{service="enquiry", role="web", instance="a"}': "1x4 0x300 1x300"},
    "ServiceDown": {'up{service="enquiry", role="work", instance="a"}': "1x4 0x300 1x300"},
    "DiskFull": {'database_faults_total{service="enquiry", sqlstate="53100"}': BAD_COUNTER},
    "BrokerAway": {'relay_failures_total{service="enquiry"}': BAD_COUNTER},
    "ClockSkewed": {'clock_skew_seconds{service="enquiry", instance="a"}': "0x4 -3x300 0x300"},
    "BackupOld": {'backup_taken_timestamp_seconds{service="enquiry"}': "0+60x4 -95000x300 18360+60x300"},
    "RequestsFail": {
        'http_requests_total{service="enquiry", route="/v1/enquiries", status="503"}': BAD_COUNTER,
        'http_requests_total{service="enquiry", route="/v1/enquiries", status="201"}': "0+100x600",
    },
    "RequestsSlow": {
        'http_request_seconds_bucket{service="enquiry", route="/v1/enquiries", le="1"}': "0+100x4 500+50x300 15600+100x300",
        'http_request_seconds_bucket{service="enquiry", route="/v1/enquiries", le="5"}': "0+100x600",
        'http_request_seconds_bucket{service="enquiry", route="/v1/enquiries", le="+Inf"}': "0+100x600",
    },
}  # fmt: skip


def test_the_rules_and_the_example_of_a_configuration_are_well_formed():
    promtool.run("check", "rules", promtool.RULES)
    promtool.run("check", "config", promtool.PROMETHEUS / "prometheus.yml")


def test_every_alert_is_tried():
    assert set(BAD_FOR) == set(promtool.alerts())


@pytest.mark.parametrize("alert", BAD_FOR)
def test_it_fires_while_its_promise_is_broken_and_clears_when_it_is_kept(tmp_path, alert):
    promtool.evaluate(tmp_path, [(BAD_FOR[alert], [(alert, 4, False), (alert, 300, True), (alert, 500, False)])])


def test_rules_that_never_reach_their_end_are_retention_behind(tmp_path):
    series = {'retention_unfinished_rules{service="enquiry", role="work"}': "0x4 1x300 0x300"}
    promtool.evaluate(
        tmp_path, [(series, [("RetentionBehind", 4, False), ("RetentionBehind", 300, True), ("RetentionBehind", 500, False)])]
    )


def test_a_process_without_a_retention_loop_is_not_behind(tmp_path):
    series = {'retention_due_timestamp_seconds{service="web", role="web"}': "0x600"}
    promtool.evaluate(tmp_path, [(series, [("RetentionBehind", 300, False)])])


@pytest.mark.parametrize(("failing", "all_of_them"), [(2, 2), (7, 100)], ids=["of two hospitals", "of few among many"])
def test_webhooks_that_fail_at_a_few_hospitals_are_their_own_affair(tmp_path, failing, all_of_them):
    series = {"hospitals_with_failing_webhooks": f"{failing}x600", "hospitals_with_webhooks": f"{all_of_them}x600"}
    promtool.evaluate(tmp_path, [(series, [("WebhooksFail", 300, False)])])


def test_a_fault_of_a_health_check_or_of_a_visitor_alarms_nobody(tmp_path):
    series = {
        'http_requests_total{service="enquiry", route="/health/ready", status="503"}': BAD_COUNTER,
        'http_requests_total{service="enquiry", route="/v1/enquiries", status="422"}': BAD_COUNTER,
        'http_requests_total{service="enquiry", route="/v1/enquiries", status="201"}': "0+100x600",
    }
    promtool.evaluate(tmp_path, [(series, [("RequestsFail", 300, False)])])


def sections():
    """Of the runbook, by their titles."""
    parts = re.split(r"^## ", (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {part.splitlines()[0]: part for part in parts}


def test_each_alert_has_its_entry_in_the_runbook_and_each_entry_of_an_alert_its_alert():
    alarms = sections()["Alerts"]
    assert sorted(ENTRY.findall(alarms)) == sorted(promtool.alerts())
    assert {f"docs/runbook.md#{name.lower()}" for name in promtool.alerts()} == {
        rule["annotations"]["runbook"] for rule in promtool.alerts().values()
    }
    for entry in re.split(r"^### ", alarms, flags=re.MULTILINE)[1:]:
        assert entry.index("**Look.**") < entry.index("**Mend.**"), entry.splitlines()[0]


def test_the_runbook_names_each_promise_with_every_alert_that_says_it_is_not_kept():
    table = re.findall(
        r"^\| (?!promise)(.+) \| (\w[\w, ]*) \|$", sections()["What is promised, and what says that it is not kept"], re.MULTILINE
    )
    promised = {promise: set(alerts.split(", ")) for promise, alerts in table}
    said = {}
    for name, rule in promtool.alerts().items():
        said.setdefault(rule["annotations"]["promise"], set()).add(name)
    assert promised == said
    assert len(table) == len(promised) > 10


def test_the_runbook_names_the_drill_in_which_each_alert_was_seen_to_fire_and_to_clear():
    rows = re.findall(r"^\| (\w+) \| [^|]+ \| `(\w+)\.py::(test_\w+)` \|$", sections()["Seen to fire and to clear"], re.MULTILINE)
    assert sorted(alert for alert, _, _ in rows) == sorted(promtool.alerts())
    for alert, file, name in rows:
        text = (ROOT / "tests" / "journeys" / f"{file}.py").read_text(encoding="utf-8")
        drill = re.search(rf"^def {name}\(stack.*?(?=^def |^@|\Z)", text, re.MULTILINE | re.DOTALL)
        assert drill, f"{file}.py has no {name}"
        assert f'"{alert}"' in drill.group(), f"{name} does not try {alert}"
        assert "scraping.assert_fires(" in drill.group()


def test_each_entry_that_the_doctor_names_is_in_the_runbook():
    named = set()
    for path in [*ROOT.glob("shared/cli/doctor/*.py"), *ROOT.glob("services/*/doctor.py"), ROOT / "services/web/app.py"]:
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r'entry="(\w+)"', text)) | set(re.findall(r'Mark\.WRONG, [^\n]*"(\w+)"\)', text))
    assert len(named) > 8
    assert named <= set(ENTRY.findall((ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")))
