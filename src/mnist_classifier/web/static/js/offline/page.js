// @ts-check
/** The page of the exported site: the home page, with offline/api.js in place of the server, kept for offline use. */

import { element, write } from "../shared/dom.js";
import { messageOf } from "../shared/toast.js";
import { load } from "./api.js";
import { bench } from "../pad/home.js";
import { StoryOfReading } from "../inside/story-of-reading.js";

/** Store the site, once the page has loaded everything, so that nothing is loaded twice. */
async function keepSite() {
  if (!("serviceWorker" in navigator)) return;
  await load();
  await navigator.serviceWorker.register(new URL("../../service-worker.js", import.meta.url));
  await navigator.serviceWorker.ready;
  write(element("offline-line", HTMLElement), "This page now works offline.");
}

const story = new StoryOfReading();
const { onReading } = bench;
bench.onReading = (reading, subject) => {
  onReading(reading, subject);
  story.show(reading, subject);
};
bench.onEmpty = () => story.clear();

// Private windows and hosts without https have no service worker: there the page needs a network.
keepSite().catch((error) => console.warn(`This page was not kept for later: ${messageOf(error)}`));
