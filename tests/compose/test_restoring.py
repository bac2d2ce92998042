"""The databases of the containers are lost but for a backup and the newest journal of erasures, and come back by the commands of the operator's page."""

import sys
from collections import Counter

import pytest

from devstack.client import Client
from tests.compose import counting, hospitals
from tests.compose.visitors import Visitors
from tests.faults import invariants
from tests.waiting import until

pytestmark = pytest.mark.compose


@pytest.fixture(scope="module")
def come(project):
    """Has some visitors come under a name, to two hospitals of their own; returns what they were told."""
    slugs = hospitals.slugs_of(project, 4)[2:]
    hospitals.settle_in(project, slugs)
    key = hospitals.add_system(project, "Restored client", "client")

    def coming(name):
        made = Visitors(project, api_key=key, slugs=slugs, per_second=4, name=name)
        made.start()
        made.pass_by(name)
        made.stop()
        assert {answer.status for answer in made.answers} == {201}
        counting.wait_for_rest(project)
        return made.answers

    return coming


def test_what_was_lost_comes_back_and_forgets_again_whom_it_had_forgotten(project, come, tmp_path, capsys):
    answers = come("before")
    backup, newest = tmp_path / "backup", tmp_path / "newest"
    project.run("deploy/backup", str(backup))
    assert "these run still" in project.refused("deploy/restore", str(backup))
    erased, arrived = answers[0].reference, hospitals.arrivals(project)
    (project.gone,) = project.rows(
        "enquiry", f"SELECT json_agg(json_build_array(id, patient_id)) FROM enquiries WHERE reference = '{erased}'"
    )
    newest.write_text(forget(project, erased))
    counting.wait_for_rest(project)
    project.unknown = list((Counter(hospitals.arrivals(project)) - Counter(arrived)).elements())

    project.lose_databases()
    assert "is not what was written" in refused_for(project, backup, newest, damaged=backup / "enquiry.dump")
    project.run("deploy/restore", str(backup), str(newest))
    assert "is not empty" in project.refused("deploy/restore", str(backup), str(newest))
    project.compose("up", "--detach", "--no-build")
    project.wait_until_healthy()

    assert key_of(project, erased) is None
    assert project.rows("enquiry", "SELECT to_json(count(*)) FROM patients WHERE erased_at IS NULL AND wrapped_key IS NULL") == 0
    answers = [*answers, *come("afterwards")]
    lines = counting.count(project, answers)
    with capsys.disabled():
        sys.stdout.write(f"\n{invariants.table(lines)}\n")
    assert invariants.broken(lines) == []
    assert key_of(project, erased) is None


def forget(project, reference):
    """Two people of operations have somebody erased; returns the journal of erasures that names them."""
    one, other = (Client(project, api_key=hospitals.add_system(project, name, "ops")) for name in ("Trial erasures", "Trial second person"))
    asked = one.post("enquiry", f"/v1/enquiries/{reference}/erasure", {"because": "asked for on the telephone"})
    other.post("enquiry", f"/v1/erasures/{asked['id']}/confirm", {"because": "it is the patient's own wish"})
    until(lambda: key_of(project, reference) is None, every=1, what="the end of the patient's key")
    return until(lambda: project.compose("exec", "-T", "enquiry-web", "passage", "erasure-journal"), every=1, what="the journal")


def key_of(project, reference):
    of = f"FROM patients p JOIN enquiries e ON e.patient_id = p.id WHERE e.reference = '{reference}'"
    (key,) = project.rows("enquiry", f"SELECT json_agg(encode(p.wrapped_key, 'hex')) {of}")
    return key


def refused_for(project, backup, journal, *, damaged):
    """What is said where a byte of a file is another; it is put back."""
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    said = project.refused("deploy/restore", str(backup), str(journal))
    damaged.write_bytes(whole)
    return said
