// @ts-check
/**
 * The fields of a form: rectangles that the user draws on a picture, or enters as numbers, and names.
 * Their boxes are in pixels of the original file, also if a smaller picture is sent.
 *
 * @typedef {import("./form.js").Field} Field
 * @typedef {import("./form.js").Point} Point
 * @typedef {{width: number, height: number, scale: number}} Picture  scale: pixels of the file per pixel of the picture
 */

import { ApiError } from "../shared/api.js";
import { button, element, make, write } from "../shared/dom.js";
import { saveText } from "../shared/save.js";
import { sentence } from "../shared/format.js";
import { FormLayer } from "./form-layer.js";
import { fieldAt, formFile, freeName, scaled } from "./form.js";

const PLACES = ["x", "y", "width", "height"];

export class FormEditor {
  /** Called when the user wants the fields read. */
  onRead = () => {};

  #root = element("form", HTMLDetailsElement);
  #note = make("p", { className: "hint-help" });
  #list = make("ol", { className: "form-fields" });
  #error = make("p", { className: "hint-error" });
  #layer = new FormLayer();
  /** @type {Field[]} */
  #fields = [];
  /** @type {Picture | null} */
  #picture = null;

  constructor() {
    const buttons = [
      button("Add field", "", () => this.#addByHand()),
      button("Read fields", "primary", () => this.onRead()),
      button("Save form.json", "", () => saveText("form.json", formFile(this.#fields), "application/json")),
    ];
    this.#error.setAttribute("role", "alert");
    this.#root.append(this.#note, this.#list, this.#error, make("div", { className: "number-export" }, ...buttons));
    this.#root.addEventListener("toggle", () => this.#update());
    this.#layer.onDraw = (box) => this.#add(scaled(box, this.#picture?.scale ?? 1));
    this.#update();
  }

  /** The fields to read, in pixels of the picture; null to read the whole picture. @returns {Field[] | null} */
  get fields() {
    const picture = this.#picture;
    if (picture === null || !this.#root.open || this.#fields.length === 0) return null;
    return this.#fields.map((field) => ({ ...field, box: scaled(field.box, 1 / picture.scale) }));
  }

  /** The picture on the pad has changed. @param {Picture | null} picture @param {{width: number, height: number}} pad  in units */
  setPicture(picture, pad) {
    this.#picture = picture;
    if (picture !== null) this.#layer.setPicture(picture, pad);
    this.#update();
  }

  /** Show an error that names a field.  Returns whether it names one. @param {unknown} error */
  showError(error) {
    if (!(error instanceof ApiError) || !error.field?.startsWith("fields")) return false;
    const index = fieldAt(error.field);
    const name = index === null ? undefined : this.#fields[index]?.name;
    write(this.#error, name === undefined ? sentence(error.message) : `${name}: ${error.message}`);
    return true;
  }

  /** A field for the keyboard to move. @returns {Field["box"]} */
  #middle() {
    const { width, height, scale } = this.#picture ?? { width: 400, height: 400, scale: 1 };
    return scaled([width / 4, height / 4, width / 2, height / 8], scale);
  }

  /** @param {Field["box"]} box */
  #add(box) {
    this.#fields.push({ name: freeName(this.#fields), box });
    this.#list.append(this.#row(this.#fields[this.#fields.length - 1]));
    this.#update();
  }

  #addByHand() {
    this.#add(this.#middle());
    this.#list.lastElementChild?.querySelector("input")?.focus();
  }

  /** @param {Field} field */
  #row(field) {
    const name = this.#input("Name", "text", field.name, (value) => (field.name = value));
    const places = PLACES.map((label, side) => this.#input(label, "number", String(field.box[side]), (value) => (field.box[side] = Math.round(Number(value)))));
    const pattern = this.#input("Pattern", "text", field.pattern ?? "", (value) => {
      if (value.trim() === "") delete field.pattern;
      else field.pattern = value.trim();
    });
    const remove = button("×", "", () => this.#remove(field, row));
    remove.setAttribute("aria-label", `Remove ${field.name}`);
    const row = make("li", {}, name, pattern, remove, ...places);
    return row;
  }

  /** @param {string} label @param {"text" | "number"} type @param {string} value @param {(value: string) => void} change */
  #input(label, type, value, change) {
    const input = make("input");
    Object.assign(input, { type, value, autocomplete: "off" });
    if (label === "Pattern") input.placeholder = "dd/dd/dd";
    input.addEventListener("input", () => {
      change(input.value);
      this.#update();
    });
    return make("label", { data: { type } }, label, input);
  }

  /** @param {Field} field @param {HTMLElement} row */
  #remove(field, row) {
    this.#fields = this.#fields.filter((each) => each !== field);
    row.remove();
    this.#update();
  }

  #update() {
    const hasPicture = this.#picture !== null;
    write(
      this.#note,
      hasPicture
        ? "Draw a rectangle around each number on the picture, or add a field and enter its place in pixels."
        : "Upload a picture of the form first.",
    );
    write(this.#error, "");
    for (const each of this.#root.querySelectorAll(".number-export button")) {
      /** @type {HTMLButtonElement} */ (each).disabled = !hasPicture || (each.textContent !== "Add field" && this.#fields.length === 0);
    }
    this.#layer.show(hasPicture && this.#root.open ? this.#fields : null, this.#picture?.scale ?? 1);
  }
}
