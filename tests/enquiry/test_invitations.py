"""What a hospital sees and does before the patient releases more."""


def test_a_hospital_sees_its_invitations_and_nobody_elses(house):
    house.opened("first", "second")
    mine = house.invitation("first")
    assert (mine["state"], mine["timezone"]) == ("sent", "Europe/Istanbul")
    assert house.get(f"/v1/invitations/{mine['id']}", token=house.hospital_token("second")).status_code == 404
    assert house.get("/v1/invitations", token=house.issue("client")).status_code == 403


def test_the_case_is_shown_under_a_pseudonym_and_the_first_look_is_told(house):
    house.opened("first")
    one, token = house.invitation("first"), house.hospital_token("first")
    shown = house.post(f"/v1/invitations/{one['id']}/view", token=token, key=None)
    assert shown.json["patient"] == {"birth_year": 2014, "sex": "female", "country": "NG", "language": "en"}
    assert shown.json["intake"] == {"weight": 31}
    for secret in ("Bello", "amina", "sleeps"):
        assert secret not in shown.text
    house.post(f"/v1/invitations/{one['id']}/view", token=token, key=None)
    assert len(house.facts("invitation.viewed")) == 1


def test_looking_with_get_changes_nothing(house):
    house.opened("first")
    one = house.invitation("first")
    house.get(f"/v1/invitations/{one['id']}", token=house.hospital_token("first"))
    assert house.facts("invitation.viewed") == []


def test_declining_needs_the_newest_revision(house):
    house.opened("first", "second")
    one, token = house.invitation("first"), house.hospital_token("first")
    path = f"/v1/invitations/{one['id']}/decline"
    assert house.post(path, {"reason": "no_capacity"}, token=token, key=None).status_code == 428
    assert house.post(path, {"reason": "no_capacity"}, token=token, key=None, if_match=9).status_code == 412
    done = house.post(path, {"reason": "no_capacity"}, token=token, key=None, if_match=one["revision"])
    assert (done.status_code, done.json["state"], done.json["possible"]) == (200, "declined", [])
    again = house.post(path, {"reason": "no_capacity"}, token=token, key=None, if_match=done.json["revision"])
    assert (again.status_code, again.json["state"]) == (409, "declined")


def test_when_all_have_declined_the_enquiry_is_unfulfilled(house):
    reference = house.opened("first", "second")
    for name in ("first", "second"):
        one = house.invitation(name)
        house.post(
            f"/v1/invitations/{one['id']}/decline",
            {"reason": "not_offered"},
            token=house.hospital_token(name),
            key=None,
            if_match=one["revision"],
        )
    assert [name for name, _ in house.facts()][-3:] == ["invitation.declined", "invitation.declined", "enquiry.unfulfilled"]
    assert house.get(f"/v1/enquiries/{reference}", token=house.patient_token()).json["state"] == "unfulfilled"


def test_a_revoked_invitation_shows_the_case_no_more(house):
    reference = house.opened("first")
    house.post(f"/v1/enquiries/{reference}/withdraw", token=house.patient_token(), if_match=2)
    one = house.invitation("first")
    assert one["state"] == "revoked"
    assert house.post(f"/v1/invitations/{one['id']}/view", token=house.hospital_token("first"), key=None).status_code == 409


def test_invitations_are_paged_by_the_time_their_answers_are_due(house):
    for _ in range(3):
        house.opened("first")
    first = house.get("/v1/invitations?limit=2", token=house.hospital_token("first")).json
    second = house.get(f"/v1/invitations?limit=2&after={first['next']}", token=house.hospital_token("first")).json
    assert (len(first["items"]), len(second["items"]), second["next"]) == (2, 1, None)
    assert len({one["id"] for one in first["items"] + second["items"]}) == 3


def test_a_hospital_that_cannot_be_reached_is_left_out_and_operations_hear_of_it(house):
    from services.enquiry import listings
    from shared import db
    from shared.events.notification import EndpointState

    with db.transaction(house.engine) as session:
        listings.on_endpoint(session, EndpointState(id=house.hospitals["first"].id, version=2, email=False, webhook=False))
    house.opened("first")
    assert [name for name, _ in house.facts()][-2:] == ["enquiry.opened", "enquiry.unattended"]
    assert house.facts("enquiry.opened")[0][1]["hospital_ids"] == []
