// @ts-check
/** Of several questions asked one after another, only the newest gets its answer. */

/** What `run` gives back when a newer question overtook this one. */
export const STALE = Symbol("stale");

export class Latest {
  /** @type {AbortController | null} */
  #controller = null;

  get isBusy() {
    return this.#controller !== null;
  }

  /**
   * Run `task` and abort the one before.  Resolves to STALE, and never rejects,
   * once a newer task or `cancel` has taken its place.
   *
   * @template T
   * @param {(signal: AbortSignal) => Promise<T>} task
   * @returns {Promise<T | typeof STALE>}
   */
  async run(task) {
    this.cancel();
    const controller = new AbortController();
    this.#controller = controller;
    try {
      const answer = await task(controller.signal);
      return controller.signal.aborted ? STALE : answer;
    } catch (error) {
      if (controller.signal.aborted) return STALE;
      throw error;
    } finally {
      if (this.#controller === controller) this.#controller = null;
    }
  }

  cancel() {
    this.#controller?.abort();
    this.#controller = null;
  }
}
