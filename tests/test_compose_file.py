"""docker-compose.yml keeps what it promises, whoever adds to it; no engine is needed to read it. Tried for real: tests/compose."""

import re
from pathlib import Path

import pytest
import yaml

from shared.cli.backups import DUMP, RESTORE

HERE = Path(__file__).parent.parent
SERVICES = yaml.safe_load((HERE / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
PUBLISHED = {"gateway", "mailbox"}
every = pytest.mark.parametrize("name", SERVICES)


@every
def test_each_container_is_contained(name):
    one = SERVICES[name]
    assert one["read_only"]
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert set(one["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert set(one["logging"]["options"]) == {"max-size", "max-file"}
    assert not {"container_name", "privileged", "cap_add", "network_mode"} & set(one)


@every
def test_only_the_gateway_and_the_mailbox_publish_ports_and_only_to_where_the_operator_says(name):
    ports = SERVICES[name].get("ports", [])
    assert bool(ports) == (name in PUBLISHED)
    assert all(port.startswith("${PASSAGE_BIND:-127.0.0.1}:") for port in ports)


@every
def test_what_runs_on_is_started_again_and_says_how_it_is(name):
    one, once = SERVICES[name], re.search("-(migrate|topics|import)$", name)
    if once:
        assert one["restart"] in {"no", "on-failure:10"}
        assert one["healthcheck"] == {"disable": True}
    else:
        assert one["restart"] == "unless-stopped"
        assert one.get("healthcheck") or name.endswith("-work") or name == "mailbox"  # their images say it


@every
def test_no_password_and_no_key_stands_in_the_file(name):
    given = SERVICES[name].get("environment", {})
    secret = re.compile("PASSWORD|KEY|SECRET|DATABASE_URL|SMTP_URL")
    assert [key for key in given if secret.search(key) and not key.endswith("_FILE")] == []


def test_every_secret_of_the_file_is_written_by_the_script_that_writes_them():
    """Names that the script puts together are expanded here as the shell does it."""
    named = set(yaml.safe_load((HERE / "docker-compose.yml").read_text(encoding="utf-8"))["secrets"])
    script = (HERE / "deploy/write-secrets").read_text(encoding="utf-8")
    kept = set(re.findall(r"^\s*keep (\w+) ", script, re.MULTILINE))
    for listed in re.findall(r"^for name in ([\w ]+);", script, re.MULTILINE):
        kept |= set(listed.split())
    for service in ("catalog", "enquiry", "notification"):
        kept |= {f"{service}{end}" for end in re.findall(r"\$\{service\}(_\w+)", script)}
    assert kept == named


def test_each_service_is_built_by_one_recipe_and_scaled_by_name():
    built = {one["build"]["args"]["SERVICE"] for one in SERVICES.values() if "build" in one}
    assert built == {"catalog", "enquiry", "notification", "web"}
    assert {f"{service}-web" for service in built} <= set(SERVICES)
    assert {f"{service}-work" for service in built - {"web"}} <= set(SERVICES)


def test_no_figures_go_through_the_gateway():
    """Everything that begins with /metrics, at every server that passes requests on; tried for real: tests/compose."""
    gateway = HERE / "deploy/gateway"
    assert re.search(r"^location /metrics \{\s*return 404;\s*\}", (gateway / "service.conf").read_text(encoding="utf-8"), re.MULTILINE)
    for sites in gateway.glob("sites*.conf"):
        servers = [one for one in sites.read_text(encoding="utf-8").split("server {")[1:] if " return " not in one]  # but for redirects
        assert servers
        assert all("include /etc/nginx/passage/service.conf;" in one and "proxy_pass" not in one for one in servers)


def test_a_backup_of_the_containers_is_one_that_every_service_can_restore_and_the_other_way_round():
    """deploy/ runs PostgreSQL's programs where they are, with the options of `backup` and `restore`."""
    for script, options in (("backup", DUMP), ("restore", RESTORE)):
        text = (HERE / "deploy" / script).read_text(encoding="utf-8")
        assert [option for option in options if option not in text] == []
