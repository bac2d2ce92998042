"""What a container may do: as little as its work needs."""

import subprocess

import pytest

from tests.compose.project import CHECKOUT, WORKING

pytestmark = pytest.mark.compose


@pytest.mark.parametrize("service", WORKING)
def test_the_role_that_serves_changes_rows_of_its_own_database_and_nothing_else(project, service):
    others = ", ".join(f"has_database_privilege('{service}_app', '{other}', 'CONNECT')" for other in WORKING if other != service)
    structure = f"has_schema_privilege('{service}_app', 'public', 'CREATE'), has_table_privilege('{service}_app', 'outbox', 'TRUNCATE')"
    assert project.rows(service, f"SELECT json_build_array({others}, {structure})") == [False] * 4
    rows = ", ".join(f"has_table_privilege('{service}_app', 'outbox', '{right}')" for right in ("SELECT", "INSERT", "UPDATE", "DELETE"))
    assert project.rows(service, f"SELECT json_build_array({rows})") == [True] * 4


@pytest.mark.parametrize("name", ["catalog-web", "enquiry-web", "enquiry-work", "notification-work", "web-web", "gateway"])
def test_a_container_has_no_capabilities_no_root_and_nothing_to_write_on(project, name):
    said = project.compose("exec", "-T", name, "sh", "-c", "id -u; grep CapEff /proc/1/status; touch /written 2>&1 || echo refused")
    user, capabilities, *touched = said.splitlines()
    assert int(user) != 0
    assert int(capabilities.split()[1], 16) == 0
    assert touched[-1] == "refused"


def test_mails_and_webhooks_leave_from_notifications_work_and_from_nowhere_else(project):
    ask = "import socket; socket.create_connection(('mailbox', 1025), 3)"
    command = ["docker", "compose", "exec", "-T", "enquiry-web", "python", "-c", ask]
    ended = subprocess.run(command, cwd=CHECKOUT, env=project.environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode != 0
    project.compose("exec", "-T", "notification-work", "python", "-c", ask)


def test_no_secret_stands_in_the_environment_of_a_container(project):
    held = {path.read_text() for path in (project.folder / "secrets").iterdir() if path.name != "smtp_url"}
    seen = project.run("docker", "inspect", *project.compose("ps", "--quiet", "--all").split())
    assert [secret for secret in held if secret in seen] == []
