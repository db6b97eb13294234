// The alerts that the page knows, and what follows from them alone.

export const LEVELS = { 10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL" };
export const MAX_ALERTS = 5000;

export const alerts = new Map(); // number -> {alert, card, isLoose: whether only a search has found it}
const muted = new Map(); // application and incident -> when it ends, in seconds since 1970

const incidentOf = ({ application, incident }) => JSON.stringify([application, incident]);

export function mute(muting) {
  muted.set(incidentOf(muting), muting.until);
}

// Until when an alert calls nobody; 0 when it calls.
export function mutedUntil(alert) {
  const until = alert.incident ? muted.get(incidentOf(alert)) || 0 : 0;
  return until * 1000 > Date.now() ? until : 0;
}

// The alert that goes first when there are too many: sticky ones stay longest.
export function leastWanted() {
  const byAge = [...alerts.values()].sort((a, b) => a.alert.changed - b.alert.changed);
  return (byAge.find(({ alert }) => !alert.sticky) || byAge[0]).alert.number;
}

// When the oldest alert changed of which all later ones are here, but for those that were closed.
export function oldestChange() {
  const times = [...alerts.values()].filter((each) => !each.isLoose && !each.alert.sticky).map(({ alert }) => alert.changed);
  return times.length ? Math.min(...times) : null;
}

// -- Texts ---------------------------------------------------------------------------------------

// Python's, JavaScript's and Java's, this package's.
const FRAME = /^\s*(Traceback \(most recent call last\):|File ".*", line \d+|at \S+\(|\S.*:\d+ in \S)/;
const INDENTED = /^(\t| {2})/;

// A text in blocks, each of frames and source code, or of none.
export function blocks(text) {
  const found = [];
  for (const line of text.split("\n")) {
    const isCode = FRAME.test(line) || INDENTED.test(line);
    const last = found[found.length - 1];
    if (last && last.isCode === isCode) {
      last.lines.push(line);
    } else {
      found.push({ isCode, lines: [line] });
    }
  }
  return found.map(({ isCode, lines }) => ({ isCode, text: lines.join("\n") }));
}

export const isLong = (text) => text.length > 900 || text.split("\n").length > 12;

const DAY = { day: "numeric", month: "short" };

// A time as people read it, with the date unless it is today's.
export function timeOf(seconds, now = new Date()) {
  const time = new Date(seconds * 1000);
  const clock = time.toLocaleTimeString();
  if (time.toDateString() === now.toDateString()) {
    return clock;
  }
  const year = time.getFullYear() === now.getFullYear() ? {} : { year: "numeric" };
  return `${time.toLocaleDateString(undefined, { ...DAY, ...year })}, ${clock}`;
}

export function asText(alert) {
  const times = alert.total > 1 ? `${alert.total.toLocaleString()} times` : "";
  const about = [LEVELS[alert.level], alert.application, alert.machine, times, new Date(alert.changed * 1000).toISOString()];
  return [alert.title, alert.text, about.filter(Boolean).join(" · "), alert.url].filter(Boolean).join("\n");
}
