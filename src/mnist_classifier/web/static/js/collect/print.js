// @ts-check
/** The button that prints the sheet. */

import { element } from "../shared/dom.js";

element("print", HTMLButtonElement).addEventListener("click", () => window.print());
