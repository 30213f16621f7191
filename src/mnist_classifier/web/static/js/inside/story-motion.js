// @ts-check
/** Whether the user wants no motion.  Nothing then moves by itself, and the buttons that start motion are hidden. */
export const stillness = window.matchMedia("(prefers-reduced-motion: reduce)");
