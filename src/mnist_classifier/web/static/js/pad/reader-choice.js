// @ts-check
/** "Model: everybody's, or Anna's": chooses the personal model that reads.  Shown only where there is one. */

import { personalModels } from "../shared/api.js";
import { element } from "../shared/dom.js";
import { choosePersonal, personalWriter } from "../shared/personal.js";
import { showToast } from "../shared/toast.js";

/** @param {() => void} onChoose */
export async function offerReaders(onChoose) {
  const root = element("reader", HTMLElement);
  const choice = element("reader-choice", HTMLSelectElement);
  const writers = await personalModels().then(({ models }) => models.map(({ writer }) => writer), () => null);
  if (writers !== null && personalWriter() !== "" && !writers.includes(personalWriter())) {
    showToast("reader", `The personal model for ${personalWriter()} was deleted. Everybody’s model reads now.`, "info");
    choosePersonal("");
    onChoose();
  }
  // The list may need the token; the way back to everybody's model needs none.
  const names = new Set(["", ...(writers ?? []), personalWriter()]);
  choice.replaceChildren(...[...names].map((name) => new Option(name === "" ? "everybody’s" : `${name}’s`, name, false, name === personalWriter())));
  root.hidden = names.size === 1;
  choice.addEventListener("change", () => {
    choosePersonal(choice.value);
    onChoose();
  });
}
