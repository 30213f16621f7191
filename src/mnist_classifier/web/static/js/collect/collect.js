// @ts-check
/** The page that collects handwriting, on the screen and on paper. */

import { element } from "../shared/dom.js";
import { keepWriter, nameOf, writer } from "../shared/writer.js";
import { Paper } from "./paper.js";
import { Writing } from "./write.js";

const name = element("writer", HTMLInputElement);
// Somebody may have typed before this script ran.
if (name.value === "") name.value = writer();
else keepWriter(nameOf(name.value));
name.addEventListener("input", () => keepWriter(nameOf(name.value)));

const writing = new Writing();
writing.onOther = () => {
  keepWriter("");
  name.value = "";
  name.focus();
};
new Paper();
