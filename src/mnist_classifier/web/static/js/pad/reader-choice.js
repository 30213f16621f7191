// @ts-check
/** "Model: everybody's, or Anna's": chooses the personal model that reads.  Shown only where there is one. */

import { personalModels } from "../shared/api.js";
import { element } from "../shared/dom.js";
import { choosePersonal, personalWriter } from "../shared/personal.js";

/** @param {() => void} onChoose */
export async function offerReaders(onChoose) {
  const root = element("reader", HTMLElement);
  const choice = element("reader-choice", HTMLSelectElement);
  const { models } = await personalModels().catch(() => ({ models: [] }));
  const writers = models.map(({ writer }) => writer);
  // Somebody may have forgotten the chosen one.
  if (models.length > 0 && !writers.includes(personalWriter())) choosePersonal("");
  choice.replaceChildren(...["", ...writers].map((name) => new Option(name === "" ? "everybody’s" : `${name}’s`, name, false, name === personalWriter())));
  root.hidden = writers.length === 0;
  choice.addEventListener("change", () => {
    choosePersonal(choice.value);
    onChoose();
  });
}
