// Reads a JSON array of calendars from standard input as ical.js understands them, and prints one: times in UTC, texts as a person would see them.
import ICAL from "ical.js";

function read(text) {
  const calendar = new ICAL.Component(ICAL.parse(text));
  const events = calendar.getAllSubcomponents("vevent");
  if (events.length !== 1) throw new Error(`${events.length} events`);
  const event = new ICAL.Event(events[0]);
  const value = (name) => events[0].getFirstPropertyValue(name);
  const instant = (time) => time.toJSDate().toISOString();
  return {
    method: calendar.getFirstPropertyValue("method"),
    uid: event.uid,
    sequence: event.sequence,
    floating: event.startDate.zone === ICAL.Timezone.localTimezone,
    start: instant(event.startDate),
    end: instant(event.endDate),
    summary: event.summary,
    description: event.description,
    class: value("class"),
    status: value("status"),
    organizer: event.organizer,
    attendees: event.attendees.map((one) => one.getFirstValue()),
  };
}

let given = "";
for await (const chunk of process.stdin) given += chunk;
console.log(JSON.stringify(JSON.parse(given).map(read)));
