"""An appointment as its two sides make it by the public API: a doctor with free mornings, a slot that is held, asked for, confirmed."""

import requests

from tests.waiting import until

MORNINGS = [{"weekday": day, "opens": "09:00", "closes": "12:00"} for day in range(1, 8)]
DOCTOR = {"kind": "doctor", "name": "Dr. Deniz Kaya", "slot_minutes": 30, "lead_minutes": 60, "hours": MORNINGS}
FORM = {"kind": "assessment", "mode": "on_site", "companions": 1}


def book(stack, robot, patient, reference):
    """A confirmed appointment at a robot's hospital, in the last days of those that are shown."""
    doctor = robot.client.post("enquiry", "/v1/resources", DOCTOR)
    days = stack.visitor.get("enquiry", f"/v1/hospitals/{robot.slug}/slots", days="14")["days"]
    slot = next(one for one in days[-1]["slots"] if one["resource"] == doctor["id"])
    held = patient.post("enquiry", f"/v1/enquiries/{reference}/appointments", {"resource": doctor["id"], "start": slot["start"]})
    asked = patient.post("enquiry", f"/v1/appointments/{held['id']}/submit", FORM, if_match=held["revision"])
    return robot.client.post("enquiry", f"/v1/appointments/{held['id']}/confirm", if_match=asked["revision"])


def entry_for(stack, address, method):
    """The iTIP message of the newest mail to an address that brings one of this method, its lines unfolded (RFC 5545, 3.1)."""

    def found():
        parts = [part for mail in stack.place.mailbox.messages_to(address) for part in mail.walk()]
        return next(
            (part for part in reversed(parts) if part.get_content_type() == "text/calendar" and part.get_param("method") == method), None
        )

    return until(found, what=f"a calendar entry of {method}").get_content().replace("\r\n ", "").replace("\n ", "")


def webhook_about(stack, robot, kind, appointment):
    """The verified webhook of this kind about an appointment."""

    def found():
        received = requests.get(f"{stack.place.receiver.url.rstrip('/')}/received", timeout=120).json()
        mine = [one["body"] for one in received if one["verified"] and one["hospital"] == robot.slug]
        return next((body for body in mine if f'"{kind}"' in body and appointment["id"] in body), None)

    return until(found, what=f"the webhook {kind}")
