// The dialogue that mutes an incident.

import { mutedUntil } from "./alerts.js";
import * as server from "./server.js";

const dialog = document.getElementById("mute");
const what = document.getElementById("mute-what");
let asked = null;

// Ask for how long; an incident that is muted calls again at once.
export function ask(alert) {
  if (mutedUntil(alert)) {
    server.mute(alert, "now");
    return;
  }
  asked = alert;
  what.textContent = alert.title;
  dialog.returnValue = "";
  dialog.showModal();
}

dialog.addEventListener("close", () => {
  if (dialog.returnValue) {
    server.mute(asked, dialog.returnValue);
  }
});

export const isOpen = () => dialog.open;
